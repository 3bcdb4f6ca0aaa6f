/* super/monit_view.h - what `atrium monit` shows, as lines of text. Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_MONIT_VIEW_H
#define SUPER_MONIT_VIEW_H

#include "base/buf.h"

struct monit_facts {
    str list;         /* as report_all() wrote it */
    size_t selected;  /* an instance of it */
    str out, error;   /* the last lines of its logs, newest last */
    const char *note; /* one line for the user; "" */
    const char *home;
};

/* Appends `height` lines, parted by newlines, none wider than `width` columns. */
void monit_view(const struct monit_facts *f, unsigned width, unsigned height, struct buf *out);

#endif
