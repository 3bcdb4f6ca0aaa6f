/* tests/unit/net/test_loop.c - phases, stale events, timers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"

static struct loop loop;

static int setup(void **state)
{
    (void)state;
    return loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    loop_fini(&loop);
    return 0;
}

/* A descriptor that is readable from the start, or is not. */
static int event_fd(bool readable)
{
    int fd = eventfd(readable, EFD_CLOEXEC | EFD_NONBLOCK);

    assert_true(fd >= 0);
    return fd;
}

/* --- Stale events --- */

struct rival {
    struct watch watch;
    struct rival *other;
    int calls, fd, other_fd;
};

static void strike_other(struct watch *w, uint32_t events)
{
    struct rival *r = container_of(w, struct rival, watch);

    assert_true(events & EPOLLIN);
    r->calls++;
    loop_unwatch(&loop, &r->other->watch);
}

/* Both are ready in the same wait: whoever comes first unwatches the other. */
static void unwatched_is_not_dispatched(void **state)
{
    struct rival a = { .fd = event_fd(true) }, b = { .fd = event_fd(true) };
    (void)state;

    a.watch.on_events = b.watch.on_events = strike_other;
    a.other = &b;
    b.other = &a;
    assert_int_equal(loop_watch(&loop, &a.watch, a.fd, EPOLLIN), 0);
    assert_int_equal(loop_watch(&loop, &b.watch, b.fd, EPOLLIN), 0);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop.stats.events, 2);
    assert_int_equal(a.calls + b.calls, 1);
    loop_unwatch(&loop, &a.watch);
    loop_unwatch(&loop, &b.watch);
    loop_unwatch(&loop, &b.watch); /* twice is fine */
    assert_int_equal(b.watch.fd, -1);
    close(a.fd);
    close(b.fd);
}

static void reuse_other(struct watch *w, uint32_t events)
{
    struct rival *r = container_of(w, struct rival, watch);
    (void)events;

    r->calls++;
    loop_unwatch(&loop, &r->other->watch);
    assert_int_equal(loop_watch(&loop, &r->other->watch, r->other_fd, EPOLLIN), 0);
}

/* The same watch on a silent descriptor does not inherit what was fetched for its former one. */
static void reused_watch_gets_no_stale_event(void **state)
{
    int silent = event_fd(false);
    struct rival a = { .fd = event_fd(true), .other_fd = silent };
    struct rival b = { .fd = event_fd(true), .other_fd = silent };
    (void)state;

    a.watch.on_events = b.watch.on_events = reuse_other;
    a.other = &b;
    b.other = &a;
    assert_int_equal(loop_watch(&loop, &a.watch, a.fd, EPOLLIN), 0);
    assert_int_equal(loop_watch(&loop, &b.watch, b.fd, EPOLLIN), 0);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop.stats.events, 2);
    assert_int_equal(a.calls + b.calls, 1);
    loop_unwatch(&loop, &a.watch);
    loop_unwatch(&loop, &b.watch);
    close(a.fd);
    close(b.fd);
    close(silent);
}

static struct watch *many[100];
static int many_fds[100], many_calls;

static void free_all_others(struct watch *w, uint32_t events)
{
    (void)events;
    many_calls++;
    for (int i = 0; i < 100; i++) {
        if (many[i] == w)
            continue;
        loop_unwatch(&loop, many[i]);
        free(many[i]);
        many[i] = NULL;
    }
}

/* Even freed memory is not touched (the sanitizer watches). */
static void freed_watches_are_not_touched(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        many[i] = calloc(1, sizeof *many[i]);
        many[i]->on_events = free_all_others;
        many_fds[i] = event_fd(true);
        assert_int_equal(loop_watch(&loop, many[i], many_fds[i], EPOLLIN), 0);
    }
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop.stats.events, 100);
    assert_int_equal(many_calls, 1);
    for (int i = 0; i < 100; i++) {
        if (many[i])
            loop_unwatch(&loop, many[i]);
        free(many[i]);
        close(many_fds[i]);
    }
}

static void watching_a_bad_descriptor_fails(void **state)
{
    struct watch w = { .fd = -1 };
    int fd = event_fd(false);
    (void)state;

    close(fd);
    assert_int_equal(loop_watch(&loop, &w, fd, EPOLLIN), -EBADF);
    assert_int_equal(w.fd, -1);
}

/* --- Phases --- */

static char trace[64];

static void note(char c)
{
    size_t n = strlen(trace);

    assert_true(n + 1 < sizeof trace);
    trace[n] = c;
    trace[n + 1] = '\0';
}

static struct loop_job jobs[6];
static struct timer phase_timer;

static void job_runs(struct loop_job *job)
{
    note((char)('0' + (job - jobs)));
}

static void timer_runs(struct timer *t)
{
    (void)t;
    note('t');
}

static void event_queues_all(struct watch *w, uint32_t events)
{
    (void)events;
    note('e');
    loop_doom(&loop, &jobs[0]);
    loop_flush_later(&loop, &jobs[1]);
    loop_before_flush(&loop, &jobs[5]);
    loop_defer(&loop, &jobs[2]);
    loop_defer(&loop, &jobs[2]); /* queued once */
    loop_defer(&loop, &jobs[3]);
    loop_doom(&loop, &jobs[3]); /* moved */
    loop_defer(&loop, &jobs[4]);
    list_remove(&jobs[4].link); /* taken back */
    loop_timer(&loop, &phase_timer, 0);
    loop_unwatch(&loop, w);
}

static void phases_run_in_order(void **state)
{
    struct watch w = { .on_events = event_queues_all };
    int fd = event_fd(true);
    (void)state;

    trace[0] = '\0';
    for (int i = 0; i < 6; i++)
        loop_job_init(&jobs[i], job_runs);
    timer_init(&phase_timer, timer_runs);
    assert_int_equal(loop_watch(&loop, &w, fd, EPOLLIN), 0);
    assert_int_equal(loop_turn(&loop, 0), 0);
    if (strcmp(trace, "e25103") == 0) /* the wheel may put a timer of no delay into the next tick */
        assert_int_equal(loop_turn(&loop, 10), 0);
    else
        assert_string_equal(trace, "et25103");
    assert_int_equal(strlen(trace), 7);
    close(fd);
}

static void job_requeues(struct loop_job *job)
{
    note('r');
    loop_defer(&loop, job);
}

static void job_dooms_another(struct loop_job *job)
{
    (void)job;
    note('d');
    loop_doom(&loop, &jobs[5]);
}

/* A job of a job waits for the next turn, which then does not wait; reaping knows no next turn. */
static void jobs_of_jobs(void **state)
{
    (void)state;
    trace[0] = '\0';
    loop_job_init(&jobs[0], job_requeues);
    loop_job_init(&jobs[1], job_dooms_another);
    loop_job_init(&jobs[5], job_runs);
    loop_defer(&loop, &jobs[0]);
    loop_doom(&loop, &jobs[1]);
    assert_int_equal(loop_turn(&loop, -1), 0);
    assert_string_equal(trace, "rd5");
    assert_int_equal(loop_turn(&loop, -1), 0);
    assert_string_equal(trace, "rd5r");
    list_remove(&jobs[0].link);
}

static void fini_reaps(void **state)
{
    struct loop other;
    (void)state;

    trace[0] = '\0';
    assert_int_equal(loop_init(&other), 0);
    loop_job_init(&jobs[0], job_runs);
    loop_doom(&other, &jobs[0]);
    loop_fini(&other);
    loop_fini(&other); /* twice is fine */
    assert_string_equal(trace, "0");
}

static void stop(struct loop_job *job)
{
    (void)job;
    loop_stop(&loop);
}

static void run_until_stopped(void **state)
{
    struct loop_job job;
    (void)state;

    loop_job_init(&job, stop);
    loop_defer(&loop, &job);
    assert_int_equal(loop_run(&loop), 0);
    assert_int_equal(loop.stats.iterations, 1);
    loop_stop(&loop);
    assert_int_equal(loop_run(&loop), 0); /* in advance: no turn at all */
    assert_int_equal(loop.stats.iterations, 1);
}

/* --- Timers --- */

struct alarm {
    struct timer timer;
    uint64_t due_ms;
    char name;
};

static void alarm_rings(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);

    assert_true(loop.now_ms >= a->due_ms);
    note(a->name);
}

static void start(struct alarm *a, char name, uint64_t delay_ms)
{
    a->name = name;
    timer_init(&a->timer, alarm_rings);
    loop_timer(&loop, &a->timer, delay_ms);
    a->due_ms = loop.now_ms + delay_ms;
}

static void timers_fire_in_order_and_not_early(void **state)
{
    struct alarm a, b, c, d;
    (void)state;

    trace[0] = '\0';
    start(&a, 'a', 25);
    start(&b, 'b', 3);
    start(&c, 'c', 12);
    start(&d, 'd', 7);
    loop_timer_stop(&loop, &d.timer);
    loop_timer_stop(&loop, &d.timer);
    while (strlen(trace) < 3)
        assert_int_equal(loop_turn(&loop, -1), 0);
    assert_string_equal(trace, "bca");
    assert_int_equal(loop.timers.count, 0);
}

/* Waiting for a timer is a handful of waits (the wheel's levels), not a spin. */
static void waiting_does_not_spin(void **state)
{
    struct alarm a;
    (void)state;

    trace[0] = '\0';
    start(&a, 'a', 150);
    while (!trace[0])
        assert_int_equal(loop_turn(&loop, -1), 0);
    assert_true(loop.stats.iterations <= 12);
}

static struct alarm late;

static void event_starts_timer(struct watch *w, uint32_t events)
{
    (void)events;
    start(&late, 'l', 20);
    loop_unwatch(&loop, w);
}

/* The wheel stood still while the loop was idle: a timer started by the event that ends the idling
 * counts from the event. */
static void timer_after_idling_is_not_early(void **state)
{
    struct watch w = { .on_events = event_starts_timer };
    int fd = event_fd(false);
    uint64_t before;
    (void)state;

    trace[0] = '\0';
    assert_int_equal(loop_watch(&loop, &w, fd, EPOLLIN), 0);
    nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
    assert_int_equal(eventfd_write(fd, 1), 0);
    assert_int_equal(loop_turn(&loop, -1), 0);
    before = loop.now_ms;
    while (!trace[0])
        assert_int_equal(loop_turn(&loop, -1), 0);
    assert_true(loop.now_ms - before >= 20);
    close(fd);
}

/* The same between turns, where now_ms is as old as the last one. */
static void timer_between_turns_is_not_early(void **state)
{
    struct alarm a;
    uint64_t before;
    (void)state;

    trace[0] = '\0';
    nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
    before = clock_mono_ms();
    start(&a, 'a', 20);
    while (!trace[0])
        assert_int_equal(loop_turn(&loop, -1), 0);
    assert_true(clock_mono_ms() - before >= 20);
}

static void scratch_dies_with_the_turn(void **state)
{
    (void)state;
    memset(arena_alloc(&loop.scratch, 100), 1, 100);
    assert_true(loop.scratch.used > 0);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop.scratch.used, 0);
}

static void clocks_follow(void **state)
{
    int64_t wall = clock_wall_ms();
    (void)state;

    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_true(loop.now_ms > 0);
    assert_true(loop.wall_ms >= wall - 1000 && loop.wall_ms <= clock_wall_ms() + 1000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TEST_MAIN(TEST(unwatched_is_not_dispatched), TEST(reused_watch_gets_no_stale_event),
          TEST(freed_watches_are_not_touched), TEST(watching_a_bad_descriptor_fails),
          TEST(phases_run_in_order), TEST(jobs_of_jobs), TEST(fini_reaps), TEST(run_until_stopped),
          TEST(timers_fire_in_order_and_not_early), TEST(waiting_does_not_spin),
          TEST(timer_after_idling_is_not_early), TEST(timer_between_turns_is_not_early),
          TEST(scratch_dies_with_the_turn), TEST(clocks_follow))
