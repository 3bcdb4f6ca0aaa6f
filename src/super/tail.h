/* super/tail.h - `atrium logs`: the last lines of log files, and those that come.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_TAIL_H
#define SUPER_TAIL_H

#include "base/buf.h"

struct tail_options {
    unsigned lines;
    bool json, raw, follow;
    bool out, error; /* which streams */
};

/* list: instances as report_all() wrote them. Returns the exit status; follows until it is ended.
 */
int tail_logs(str list, const struct tail_options *o);

/* Appends the last n lines of a file, at most TAIL_BYTES_MAX bytes; nothing when it is not there.
 */
enum { TAIL_BYTES_MAX = 64 * 1024 };
void tail_last(const char *path, unsigned n, struct buf *out);

#endif
