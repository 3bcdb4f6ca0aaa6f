/* super/cron.h - when something is due: "0 3 * * mon-fri", "@daily", or "12h".
 *
 * Pure but for the time zone, which is the machine's (localtime). Five fields as in crontab(5):
 * minute, hour, day of the month, month, day of the week; numbers, names of three letters, lists,
 * ranges, steps. When both days are given either will do.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_CRON_H
#define SUPER_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct cron {
    uint64_t fields[5]; /* a bit per value */
    bool either_day;    /* both days are given */
    int64_t every_ms;   /* not 0: so often, and the fields mean nothing */
};

/* "" and "0": 0, and all is zero. 1: it is a time, which comes. Else ATR_ESYNTAX. */
int cron_parse(struct cron *c, str text) MUST_CHECK;

/* The first time behind after_ms (Unix time); -1: never. */
int64_t cron_next(const struct cron *c, int64_t after_ms);

#endif
