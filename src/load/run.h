/* load/run.h - a run: connections, phases, what was counted.
 *
 * Phases: opening (connections are made, a batch per iteration), warming, counting, done. A
 * scenario fills four callbacks; the run owns the clock and the connections.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "load/client.h"
#include "load/histogram.h"
#include "load/usage.h"

enum load_phase { LOAD_OPENING_ALL, LOAD_WARMING, LOAD_COUNTING, LOAD_DONE };

struct load_run;

/* Connections that rest, of an echo with --think: who came first goes on first. A ring. */
struct load_rest {
    struct load_resting {
        uint64_t due_ms;
        struct load_client *client;
    } *queue; /* room for all */
    uint32_t first, count;
    struct timer timer;
};

struct load_scenario {
    const char *name;
    void (*start)(struct load_run *r);                           /* all are ready */
    void (*on_ready)(struct load_run *r, struct load_client *c); /* after start */
    void (*on_messages)(struct load_run *r, struct load_client *c, uint32_t count);
};
extern const struct load_scenario load_echo, load_broadcast, load_all, load_idle, load_connect;

struct load_run {
    struct loop loop;
    const struct load_options *options;
    const struct load_scenario *scenario;
    struct load_wire wire;
    struct load_client *clients;
    uint64_t *sent_us; /* rings of all clients */
    uint32_t opened, ready;
    uint32_t stuck; /* of an echo with --think: waited for an answer for long when it ended */
    uint32_t stalled, stalled_lost; /* of a broadcast: who does not read; of these, cut off */
    enum load_phase phase;
    struct loop_job open_more;
    struct load_rest rest;
    struct timer phase_end, tick;
    uint64_t messages, errors; /* counted */
    uint64_t started_us, ended_us, last_messages;
    struct usage before, after, empty; /* of the server: around counting; before any connection */
    struct histogram latency;
    uint32_t *round_left;  /* of broadcast: deliveries missing per round in flight */
    uint64_t rounds;       /* broadcasts sent */
    char why[ATR_WHY_MAX]; /* the first failure; empty: none */
};

/* Of an echo: what has rested goes on. */
void load_on_rested(struct timer *t);
/* How many have waited for an answer longer than STUCK_MS. */
uint32_t load_echo_stuck(const struct load_run *r);

int load_run(struct load_run *r, const struct load_options *o);
void load_report(const struct load_run *r);

/* Notes a failure; the first one ends the run. */
void load_fail(struct load_run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
