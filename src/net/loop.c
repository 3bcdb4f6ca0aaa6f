/* net/loop.c - the iteration and its phases.
 *
 * Invariants
 *   - an event fetched for a watch is dispatched only while that watch is the one that asked for
 * it: loop_unwatch() strikes it off the fetched ones, so a watch may be reused at once;
 *   - memory that callbacks of an iteration may hold is freed by its reap phase and nowhere else;
 *   - each phase runs what was queued when it began, but for reap, which runs until nothing is
 * left.
 *
 * Start reading at loop_turn().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/burst.h"

/* Wall time is derived from a second clock only when the millisecond changed: thousands of busy
 * iterations per second share one reading. */
static void read_clocks(struct loop *l, uint64_t now_us)
{
    uint64_t now_ms = now_us / 1000;

    if (now_ms == l->now_ms)
        return;
    l->now_ms = now_ms;
    l->wall_ms = clock_wall_ms();
}

int loop_init(struct loop *l)
{
    *l = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
    if (l->epoll_fd < 0)
        return -errno;
    read_clocks(l, clock_mono_us());
    wheel_init(&l->timers, l->now_ms);
    list_init(&l->jobs);
    list_init(&l->settle);
    list_init(&l->flush);
    list_init(&l->flushed);
    list_init(&l->doomed);
    l->ready = mem_alloc(LOOP_EVENTS * sizeof *l->ready);
    l->read_buffer = mem_alloc(LOOP_READ_BYTES);
    return 0;
}

static int control(struct loop *l, int op, struct watch *w)
{
    struct epoll_event ev = { .events = w->events, .data.ptr = w };

    return epoll_ctl(l->epoll_fd, op, w->fd, &ev) < 0 ? -errno : 0;
}

int loop_watch(struct loop *l, struct watch *w, int fd, uint32_t events)
{
    int err;

    ASSERT(fd >= 0);
    w->fd = fd;
    w->events = events;
    if ((err = control(l, EPOLL_CTL_ADD, w)) < 0)
        w->fd = -1;
    return err;
}

int loop_rewatch(struct loop *l, struct watch *w, uint32_t events)
{
    ASSERT(w->fd >= 0);
    w->events = events;
    return control(l, EPOLL_CTL_MOD, w);
}

void loop_unwatch(struct loop *l, struct watch *w)
{
    if (w->fd < 0)
        return;
    /* Explicitly, not by closing: a duplicate in another process would keep the entry alive. */
    (void)control(l, EPOLL_CTL_DEL, w);
    w->fd = -1;
    for (int i = l->ready_at; i < l->ready_count; i++)
        if (l->ready[i].data.ptr == w) {
            l->ready[i].data.ptr = NULL;
            break; /* one wait reports a descriptor once */
        }
}

static void enqueue(struct list *list, struct loop_job *job)
{
    if (list_empty(&job->link))
        list_append(list, &job->link);
}

void loop_defer(struct loop *l, struct loop_job *job)
{
    enqueue(&l->jobs, job);
}

void loop_before_flush(struct loop *l, struct loop_job *job)
{
    enqueue(&l->settle, job);
}

void loop_flush_later(struct loop *l, struct loop_job *job)
{
    enqueue(&l->flush, job);
}

void loop_after_flush(struct loop *l, struct loop_job *job)
{
    enqueue(&l->flushed, job);
}

void loop_doom(struct loop *l, struct loop_job *job)
{
    list_remove(&job->link);
    list_append(&l->doomed, &job->link);
}

void loop_timer(struct loop *l, struct timer *t, uint64_t delay_ms)
{
    uint64_t behind_ms = 0;

    if (!l->turning)
        read_clocks(l, clock_mono_us());
    /* The wheel counts from its last advance, which may be long ago after an idle wait (or, in a
     * test that advances it by itself, still to come). */
    if (l->now_ms > l->timers.now_ms)
        behind_ms = l->now_ms - l->timers.now_ms;
    timer_start(&l->timers, t, behind_ms + delay_ms);
}

/* How long to wait. Whole milliseconds from a clock that is rounded down: the wait ends at or after
 * the timer's tick and less than one tick late, so the loop neither spins nor dawdles. */
int loop_wait_ms(struct loop *l, int at_most)
{
    int64_t next, passed;

    l->due_ms = 0;
    if (at_most == 0 || !list_empty(&l->jobs) || !list_empty(&l->settle) ||
        !list_empty(&l->flush) || !list_empty(&l->doomed))
        return 0;
    if (l->inbox && !l->inbox->sleep(l->inbox))
        return 0;
    if ((next = wheel_next(&l->timers)) < 0)
        return at_most;
    l->due_ms = l->timers.now_ms + (uint64_t)next;
    passed = (int64_t)(clock_mono_ms() - l->timers.now_ms);
    next = next > passed ? next - passed : 0;
    if (next > INT_MAX)
        next = INT_MAX;
    return at_most < 0 || next < at_most ? (int)next : at_most;
}

static void histogram_add(struct loop_histogram *h, uint64_t us)
{
    unsigned bucket = us > 1 ? 64u - (unsigned)__builtin_clzll(us - 1) : 0;

    h->buckets[bucket < LOOP_BUCKETS - 1 ? bucket : LOOP_BUCKETS - 1]++;
    h->sum_us += us;
}

static int wait(struct loop *l, int timeout_ms)
{
    int n = epoll_wait(l->epoll_fd, l->ready, LOOP_EVENTS, loop_wait_ms(l, timeout_ms));

    if (n < 0) {
        if (errno != EINTR)
            return -errno;
        n = 0;
    }
    l->woke_us = clock_mono_us();
    read_clocks(l, l->woke_us);
    if (l->due_ms && l->now_ms >= l->due_ms)
        histogram_add(&l->stats.lag, (l->now_ms - l->due_ms) * 1000);
    l->ready_at = 0;
    l->ready_count = n;
    l->stats.iterations++;
    l->stats.events += (uint64_t)n;
    return 0;
}

static void dispatch(struct loop *l)
{
    while (l->ready_at < l->ready_count) {
        const struct epoll_event *ev = &l->ready[l->ready_at++];
        struct watch *w = ev->data.ptr;
        if (w)
            w->on_events(w, ev->events);
    }
}

static void run_jobs(struct list *queued)
{
    struct list batch;

    list_take(&batch, queued);
    while (!list_empty(&batch)) {
        struct loop_job *job = container_of(batch.next, struct loop_job, link);
        list_remove(&job->link);
        job->run(job);
    }
}

static void reap(struct loop *l)
{
    while (!list_empty(&l->doomed))
        run_jobs(&l->doomed);
}

static void finish(struct loop *l)
{
    uint64_t busy_us = clock_mono_us() - l->woke_us;

    arena_reset(&l->scratch);
    histogram_add(&l->stats.busy, busy_us);
    if (busy_us > l->stats.busy_us_max)
        l->stats.busy_us_max = busy_us;
    if (l->slow_us && busy_us >= l->slow_us)
        l->on_slow(l, busy_us);
}

int loop_turn(struct loop *l, int timeout_ms)
{
    int err;

    ASSERT(!l->turning);
    if ((err = wait(l, timeout_ms)) < 0)
        return err;
    l->turning = true;
    dispatch(l);
    wheel_advance(&l->timers, l->now_ms);
    if (l->inbox)
        l->inbox->drain(l->inbox);
    run_jobs(&l->jobs);
    run_jobs(&l->settle);
    run_jobs(&l->flush);
    run_jobs(&l->flushed);
    reap(l);
    finish(l);
    l->turning = false;
    return 0;
}

int loop_run(struct loop *l)
{
    int err = 0;

    while (!l->stopping && err == 0)
        err = loop_turn(l, -1);
    l->stopping = false;
    return err;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

void loop_fini(struct loop *l)
{
    if (l->epoll_fd < 0)
        return;
    reap(l); /* what was closed after the last turn */
    burst_free(l);
    close(l->epoll_fd);
    l->epoll_fd = -1;
    arena_free(&l->scratch);
    mem_free(l->ready);
    mem_free(l->read_buffer);
    l->ready = NULL;
    l->read_buffer = NULL;
}
