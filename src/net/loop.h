/* net/loop.h - the event loop of a worker: one thread, one epoll, one screen of phases.
 *
 * Each iteration: wait, read and dispatch, timers, inbox, jobs, settling, flush, reap. Nothing an
 * iteration's callbacks hold is freed before reap: closing is a state, freeing happens at that one
 * place.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "base/wheel.h"

enum { LOOP_READ_BYTES = 64 * 1024, LOOP_EVENTS = 512 };

/* A descriptor under watch. fd is -1 when it is not: events already fetched for it are dropped,
 * also when the watch goes on to watch another descriptor in the same iteration. */
struct watch {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT, ...: what is asked for */
    void (*on_events)(struct watch *w, uint32_t events);
};

/* Something to run once later in the iteration. Self-linked while not queued;
 * list_remove(&job->link) takes it back at any time. */
struct loop_job {
    struct list link;
    void (*run)(struct loop_job *job);
};

/* Where things arrive of which epoll knows nothing: memory that other processes write to. */
struct loop_inbox {
    /* Takes what has come, once per iteration. */
    void (*drain)(struct loop_inbox *in);
    /* The loop is about to wait: true if it may, because nothing has come and a descriptor will
     * tell of what comes. What was said holds until the next drain. */
    bool (*sleep)(struct loop_inbox *in);
};

/* Durations by powers of two: bucket i counts those of at most 2^i us, the last one all longer. */
enum { LOOP_BUCKETS = 24 };
struct loop_histogram {
    uint64_t buckets[LOOP_BUCKETS], sum_us;
};

struct loop_stats {
    uint64_t iterations, events;
    uint64_t busy_us_max;       /* longest iteration, waiting excluded */
    struct loop_histogram busy; /* all of them */
    struct loop_histogram lag;  /* how late the loop woke for a due timer */
};

struct epoll_event;

struct loop {
    int epoll_fd;
    bool stopping, turning; /* turning: inside loop_turn() */
    uint64_t now_ms;        /* CLOCK_MONOTONIC, read once per iteration, right after the wait */
    uint64_t woke_us;       /* when the wait ended */
    uint64_t due_ms;        /* when the next timer was due before the wait; 0: none */
    int64_t wall_ms;        /* Unix time, at most 1 ms behind now_ms */
    struct wheel timers;
    struct loop_inbox *inbox;                         /* NULL: none */
    struct list jobs, settle, flush, flushed, doomed; /* of struct loop_job, run in that order */
    struct epoll_event *ready; /* LOOP_EVENTS of them: fetched by this iteration's wait */
    int ready_at, ready_count; /* those before ready_at are dispatched */
    struct arena scratch;      /* reset each iteration */
    uint8_t *read_buffer;      /* LOOP_READ_BYTES, for whoever is reading right now */
    struct burst *burst;       /* of net/burst.c; NULL: none yet */
    bool no_burst;             /* streams write one by one: that is wanted */
    bool no_uring;             /* or has to be: the kernel refused */
    struct loop_stats stats;
    /* Called behind an iteration that kept everybody waiting for slow_us or more; 0: never. */
    uint64_t slow_us;
    void (*on_slow)(struct loop *l, uint64_t busy_us);
    /* Where listening sockets come from, when this process does not open them itself: a descriptor,
     * or a negative code with a sentence in why. NULL: it does. */
    int (*lend_listener)(void *lender, const char *host, uint16_t port, char *why);
    void *lender;
};

int loop_init(struct loop *l) MUST_CHECK;
void loop_fini(struct loop *l); /* the caller has closed everything that was in it */

int loop_watch(struct loop *l, struct watch *w, int fd, uint32_t events) MUST_CHECK;
int loop_rewatch(struct loop *l, struct watch *w, uint32_t events) MUST_CHECK;
void loop_unwatch(struct loop *l, struct watch *w); /* does not close fd; sets it to -1 */

/* Queueing a job that is queued already changes nothing, but loop_doom() moves it.
 *
 * Runs after the timers of this iteration (jobs queued by jobs run in the next one). */
void loop_defer(struct loop *l, struct loop_job *job);
/* Runs when all jobs of this iteration have, and before anything of it is written: for what has to
 * be kept before anybody can learn that it has happened. */
void loop_before_flush(struct loop *l, struct loop_job *job);
/* Runs in the flush phase: output is gathered until then. */
void loop_flush_later(struct loop *l, struct loop_job *job);
/* Runs when all that was to be flushed has been, in the same iteration; for the flush phase alone.
 */
void loop_after_flush(struct loop *l, struct loop_job *job);
/* Runs last, with no callback on the stack: for freeing. What is doomed meanwhile runs too. */
void loop_doom(struct loop *l, struct loop_job *job);
static inline void loop_job_init(struct loop_job *j, void (*run)(struct loop_job *))
{
    list_init(&j->link);
    j->run = run;
}

/* (Re)starts a timer: it fires delay_ms after now_ms (after this moment, outside of a turn). Use
 * this instead of timer_start(): the wheel's own clock stands still between its phases. */
void loop_timer(struct loop *l, struct timer *t, uint64_t delay_ms);
static inline void loop_timer_stop(struct loop *l, struct timer *t)
{
    timer_stop(&l->timers, t);
}

/* How long the next turn may wait, at most at_most ms (-1: any time): 0 when something is queued,
 * -1 when nothing but a descriptor can happen. For a foreign loop around this one. */
int loop_wait_ms(struct loop *l, int at_most);

/* One iteration that waits at most timeout_ms (-1: until something happens). 0, or what the wait
 * reported, -EINTR excepted. Not re-entrant. */
int loop_turn(struct loop *l, int timeout_ms);
/* Turns until loop_stop(), which also works in advance. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
