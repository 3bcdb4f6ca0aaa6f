/* super/policy.h - what follows from an exit: start again now, later, or not at all.
 *
 * Pure: time and chance are the caller's. An exit sooner than min_uptime is unstable; so many of
 * them in a row (max_restarts) are a crash loop. Unless a description names a wait, there is none
 * but after unstable exits: one that grows as the following does, from POLICY_LOOP_MS on. The wait
 * of exp_backoff_restart_delay grows by half with each restart up to 15 s, has a quarter of chance
 * in it so that many do not come back together, and starts anew once an instance has been up for 30
 * s.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_POLICY_H
#define SUPER_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spec;

enum { POLICY_BACKOFF_MAX_MS = 15000, POLICY_CALM_MS = 30000, POLICY_LOOP_MS = 50 };

struct history {
    uint32_t unstable;   /* exits in a row that were too early */
    uint32_t backoff_ms; /* the wait before the last restart; 0: none yet */
};

enum verdict { VERDICT_RESTART, VERDICT_STOPPED, VERDICT_ERRORED };

struct exit_fact {
    uint64_t uptime_ms;
    bool known; /* the status is: not so when somebody else's child */
    int code;   /* when it ended by itself; -1: by a signal */
};

/* *delay_ms is set with VERDICT_RESTART. */
enum verdict policy_exit(const struct spec *s, struct history *h, const struct exit_fact *f,
                         uint64_t chance, uint32_t *delay_ms);

/* The smallest number that is not in taken. */
unsigned policy_free_number(const unsigned *taken, size_t count);

#endif
