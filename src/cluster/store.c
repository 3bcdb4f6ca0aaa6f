/* cluster/store.c - see store.h and store_call.h.
 *
 * Invariants
 *   - a call is in exactly one list, calls, ended or telling, until its callback begins or it is
 *     cancelled; it can be found by its number while it is in the first;
 *   - callbacks run in deliver() and store_close() alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/store.h"

#include "base/assert.h"
#include "base/mem.h"
#include "cluster/store_call.h"

static void call_free(struct store_call *c)
{
    struct store *s = c->store;

    loop_timer_stop(s->loop, &c->deadline);
    list_remove(&c->link);
    map_remove(&s->by_seq, str_n(&c->seq, sizeof c->seq));
    s->call_count--;
    s->call_bytes -= c->request.len;
    s->stats.answers++;
    buf_free(&c->request);
    buf_free(&c->answer);
    mem_free(c);
}

/* Tells the owner, with the call already gone from every list. */
static void tell(struct store_call *c)
{
    struct store_answer a = { .err = c->err, .count = c->item_count };
    str rest = buf_str(&c->answer);
    struct buf answer = c->answer;
    store_fn fn = c->fn;
    void *user = c->user;

    if (rest.n && store_record_read(&rest, &a.r) < 0)
        a = (struct store_answer){ .err = ATR_EPROTOCOL };
    else
        a.items = rest;
    c->answer = (struct buf){ 0 };
    call_free(c);
    if (fn)
        fn(user, &a);
    buf_free(&answer);
}

/* What ends meanwhile waits for the next turn. A callback may cancel any of these, and close the
 * store, which tells all the rest itself. */
static void deliver(struct loop_job *job)
{
    struct store *s = container_of(job, struct store, deliver);
    bool gone = false;

    s->gone = &gone;
    list_take(&s->telling, &s->ended);
    while (!gone && !list_empty(&s->telling))
        tell(container_of(s->telling.next, struct store_call, link));
    if (!gone)
        s->gone = NULL;
}

void store_init(struct store *s, const struct store_ops *ops, struct loop *l)
{
    *s = (struct store){ .ops = ops, .loop = l, .deadline_ms = STORE_DEADLINE_MS };
    list_init(&s->calls);
    list_init(&s->ended);
    list_init(&s->telling);
    loop_job_init(&s->deliver, deliver);
}

void store_end(struct store_call *c, int err, str answer, uint32_t item_count)
{
    struct store *s = c->store;

    loop_timer_stop(s->loop, &c->deadline);
    list_remove(&c->link);
    map_remove(&s->by_seq, str_n(&c->seq, sizeof c->seq));
    list_append(&s->ended, &c->link);
    c->ended = true;
    c->err = err;
    c->item_count = item_count;
    buf_add(&c->answer, answer);
    loop_defer(s->loop, &s->deliver);
}

static void on_deadline(struct timer *t)
{
    struct store_call *c = container_of(t, struct store_call, deadline);

    c->store->stats.timeouts++;
    c->store->ops->forget(c->store, c);
    store_end(c, ATR_ETIMEOUT, (str){ 0 }, 0);
}

struct store_call *store_find(struct store *s, uint64_t seq)
{
    return map_get(&s->by_seq, str_n(&seq, sizeof seq));
}

static uint32_t deadline_of(const struct store *s, const struct store_request *r)
{
    uint64_t ms = (r->deadline_ms ? r->deadline_ms : s->deadline_ms) + r->r.wait_ms;

    return ms < STORE_DEADLINE_MS_MAX ? (uint32_t)ms : STORE_DEADLINE_MS_MAX;
}

struct store_call *store_begin(struct store *s, const struct store_request *r, store_fn fn,
                               void *user)
{
    uint32_t ms = deadline_of(s, r);
    int err = store_request_check(r->op, &r->r);

    if (s->closing)
        return NULL;
    struct store_call *c = mem_alloc(sizeof *c);
    *c = (struct store_call){ .store = s, .seq = ++s->last_seq, .op = r->op, .fn = fn };
    c->user = user;
    c->until_ms = s->loop->now_ms + ms;
    timer_init(&c->deadline, on_deadline);
    list_init(&c->link);
    list_init(&c->own);
    list_append(&s->calls, &c->link);
    map_put(&s->by_seq, str_n(&c->seq, sizeof c->seq), c);
    s->call_count++;
    s->stats.calls++;
    if (!err) {
        store_record_write(&c->request, &r->r);
        s->call_bytes += c->request.len;
        if (s->call_count > STORE_CALLS_MAX || s->call_bytes > STORE_CALL_BYTES_MAX)
            err = ATR_ELIMIT;
    }
    if (err) {
        s->stats.refused++;
        store_end(c, err, (str){ 0 }, 0);
        return c;
    }
    loop_timer(s->loop, &c->deadline, ms);
    s->ops->begin(s, c);
    return c;
}

void store_cancel(struct store_call *c)
{
    if (!c)
        return;
    c->store->stats.cancelled++;
    if (!c->ended)
        c->store->ops->forget(c->store, c);
    call_free(c);
}

static void end_all(struct store *s, struct list *calls)
{
    while (!list_empty(calls)) {
        struct store_call *c = container_of(calls->next, struct store_call, link);

        if (!c->ended)
            s->ops->forget(s, c);
        c->err = ATR_ECLOSED;
        c->item_count = 0;
        buf_free(&c->answer);
        tell(c);
    }
}

void store_close(struct store *s)
{
    if (s->closing) /* a callback of below */
        return;
    s->closing = true;
    end_all(s, &s->telling);
    end_all(s, &s->ended);
    end_all(s, &s->calls);
    if (s->gone)
        *s->gone = true;
    list_remove(&s->deliver.link);
    map_free(&s->by_seq);
    s->ops->close(s);
}

bool store_next(str *at, struct store_record *item)
{
    return at->n && store_record_read(at, item) == 0;
}

bool store_op_reads(enum store_op op)
{
    switch (op) {
    case STORE_STATS:
    case STORE_NODE_LIST:
    case STORE_NODE_BEAT: /* the same done twice is the same */
    case STORE_KV_GET:
    case STORE_KV_LIST:
    case STORE_LEASE_RENEW:
    case STORE_LEASE_GET:
    case STORE_LOG_READ:
    case STORE_ROOM_LIST:
        return true;
    default:
        return false;
    }
}

int store_request_check(enum store_op op, const struct store_record *r)
{
    const str names[] = { r->key,  r->owner,   r->node,  r->type,
                          r->room, r->address, r->after, r->fence };

    if (op < STORE_STATS || op >= STORE_OPS_END)
        return ATR_EUNKNOWN;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].n > STORE_NAME_BYTES_MAX)
            return ATR_ELIMIT;
    if (r->value.n > STORE_VALUE_BYTES_MAX || r->filter.n > STORE_FILTER_BYTES_MAX)
        return ATR_ELIMIT;
    if (r->ttl_ms > STORE_TTL_MS_MAX || r->age_ms > STORE_TTL_MS_MAX)
        return ATR_ERANGE;
    return 0;
}
