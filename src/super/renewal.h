/* super/renewal.h - reloads of an application that nobody typed: because its files changed
 * (`watch`), or because it is time (`cron_restart`).
 *
 * What runs, or rests because it failed, is renewed; what people stopped stays stopped. An Atrium
 * application is reloaded, so that a broken file ends nothing; another program is restarted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_RENEWAL_H
#define SUPER_RENEWAL_H

#include "net/watcher.h"
#include "super/cron.h"
#include "super/watch_rules.h"

struct service;

struct renewal {
    struct service *service;
    struct watcher *files; /* NULL: none */
    struct watch_rules rules;
    struct timer quiet;               /* until no more changes are waited for */
    char *changed;                    /* the first path of these; NULL: none */
    uint64_t changed_ms;              /* when it did */
    uint64_t window_ms, window_count; /* renewals by files since then */
    struct cron cron;                 /* zero: none */
    int64_t due_ms;                   /* Unix time; -1: never */
    uint64_t by_files, by_time;       /* so far */
};

void renewal_init(struct renewal *r, struct service *s);
void renewal_fini(struct renewal *r);
void renewal_read(struct renewal *r); /* the description is another one */
void renewal_tick(struct renewal *r); /* each second */

void renewal_write(const struct renewal *r, struct buf *out); /* members of the state file */
void renewal_adopt(struct renewal *r, str record);

#endif
