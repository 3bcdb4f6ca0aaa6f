/* base/wheel.h - timers: a hierarchical wheel of 1 ms ticks. Starting, stopping and expiring are
 * O(1).
 *
 * Timers are embedded in their owners. A timer fires once, never early, from wheel_advance(); the
 * callback may start, stop or (once stopped) free any timer, its own included. Time is whatever the
 * caller says it is (milliseconds that never go back), so tests own the clock. A delay counts from
 * the time of the last wheel_advance(), which is already the new time while callbacks run; a delay
 * of 0 fires in the next wheel_advance(), never in the one that is under way.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct timer {
    struct list link; /* self-linked while not running */
    uint64_t at_ms;
    void (*on_fire)(struct timer *t);
};

/* 66 bits: every 64-bit time has a slot, so there is no horizon to treat specially. */
enum { WHEEL_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_BITS, WHEEL_LEVELS = 11 };

struct wheel {
    uint64_t now_ms;
    uint64_t count;                  /* of running timers */
    uint64_t occupied[WHEEL_LEVELS]; /* a bit per slot that holds timers */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list due; /* at_ms <= now_ms: fire in the next wheel_advance() */
};

void wheel_init(struct wheel *w, uint64_t now_ms);
void timer_init(struct timer *t, void (*on_fire)(struct timer *t));
void timer_start(struct wheel *w, struct timer *t, uint64_t delay_ms); /* restarts a running one */
void timer_stop(struct wheel *w, struct timer *t); /* a no-op when not running */
static inline bool timer_running(const struct timer *t)
{
    return !list_empty(&t->link);
}

/* Fires all that is due at now_ms, in order of time. Not from a callback. */
void wheel_advance(struct wheel *w, uint64_t now_ms);

/* Milliseconds until the next timer may be due (never later than it is); -1: no timer. */
int64_t wheel_next(const struct wheel *w);

#endif
