/* net/drain.c - see drain.h. Start reading at drain_wait().
 *
 * Invariants
 *   - a connection is noted at most once, and leaves the list when it drains;
 *   - fn is called by a job or a timer of the loop, with the wait freed before.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/drain.h"

#include "base/err.h"
#include "base/mem.h"
#include "net/pressure.h"

struct drain_wait;

struct wait_link {
    struct list in_pressure; /* in pressure->waits; self-linked once that has drained */
    struct drain_wait *wait;
};

struct drain_wait {
    struct list link; /* in waits */
    struct loop *loop;
    struct timer timeout;
    struct loop_job drained;
    void (*fn)(void *user, int err);
    void *user;
    uint32_t left, count; /* those that have not drained; all */
    struct wait_link links[];
};

/* Of this thread; zeroed until used. */
static _Thread_local struct list noted, waits;
static _Thread_local uint32_t noted_count, noted_ms;

static bool any(const struct list *l)
{
    return l->next && !list_empty(l);
}

void drain_forget(void)
{
    while (any(&noted))
        list_remove(noted.next);
    noted_count = noted_ms = 0;
}

bool drain_noted(void)
{
    return any(&noted);
}

void drain_note(struct pressure *p, uint32_t block_ms)
{
    if (!noted.next)
        list_init(&noted);
    if (block_ms > noted_ms)
        noted_ms = block_ms;
    if (!list_empty(&p->noted))
        return;
    list_append(&noted, &p->noted);
    noted_count++;
}

void drain_over(struct pressure *p)
{
    if (!list_empty(&p->noted)) {
        list_remove(&p->noted);
        noted_count--;
    }
    while (!list_empty(&p->waits)) {
        struct wait_link *k = container_of(p->waits.next, struct wait_link, in_pressure);

        list_remove(&k->in_pressure);
        if (--k->wait->left == 0)
            loop_defer(k->wait->loop, &k->wait->drained);
    }
}

static void finish(struct drain_wait *w, int err)
{
    void (*fn)(void *user, int err) = w->fn;
    void *user = w->user;

    for (uint32_t i = 0; i < w->count; i++)
        list_remove(&w->links[i].in_pressure);
    list_remove(&w->link);
    list_remove(&w->drained.link);
    loop_timer_stop(w->loop, &w->timeout);
    mem_free(w);
    fn(user, err);
}

static void on_drained(struct loop_job *job)
{
    finish(container_of(job, struct drain_wait, drained), 0);
}

static void on_timeout(struct timer *t)
{
    pressure_stats.waits_timed_out++;
    finish(container_of(t, struct drain_wait, timeout), ATR_ETIMEOUT);
}

int drain_wait(struct loop *l, uint32_t timeout_ms, void (*fn)(void *user, int err), void *user)
{
    struct drain_wait *w;
    uint32_t delay_ms = timeout_ms ? timeout_ms : noted_ms;

    if (!any(&noted))
        return 0;
    w = mem_alloc(sizeof *w + noted_count * sizeof *w->links);
    *w = (struct drain_wait){ .loop = l, .fn = fn, .user = user, .count = noted_count };
    w->left = noted_count;
    for (uint32_t i = 0; i < w->count; i++) {
        struct pressure *p = container_of(noted.next, struct pressure, noted);

        list_remove(&p->noted);
        w->links[i].wait = w;
        list_init(&w->links[i].in_pressure);
        list_append(&p->waits, &w->links[i].in_pressure);
    }
    drain_forget();
    list_init(&w->link);
    if (!waits.next)
        list_init(&waits);
    list_append(&waits, &w->link);
    loop_job_init(&w->drained, on_drained);
    timer_init(&w->timeout, on_timeout);
    loop_timer(l, &w->timeout, delay_ms);
    pressure_stats.waits++;
    return 1;
}

void drain_close(const struct loop *l)
{
    struct list *at = waits.next;

    while (at && at != &waits) {
        struct drain_wait *w = container_of(at, struct drain_wait, link);

        at = at->next;
        if (w->loop != l)
            continue;
        finish(w, ATR_ECLOSED);
        at = waits.next; /* fn may have ended others */
    }
}
