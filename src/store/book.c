/* store/book.c - see book.h: requests come in at book_run(), answers go out in finish().
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/book.h"

#include "base/assert.h"
#include "base/mem.h"
#include "cluster/store_call.h"
#include "store/book_parts.h"

struct topic {
    struct list waiters;
    str name; /* behind the struct: its kind, then the name */
};

/* An operation that waits for news of a topic, or for its time to be over. */
struct waiter {
    struct list in_topic, in_book;
    struct book *book;
    struct topic *topic;
    struct timer over;
    void *who;
    uint64_t seq;
    enum store_op op;
    struct store_record q; /* its key is the topic's name */
};

static void stats(struct book *b, const struct store_record *q);

static void (*const operations[STORE_OPS_END])(struct book *b, const struct store_record *q) = {
    [STORE_STATS] = stats,
    [STORE_NODE_JOIN] = book_node_join,
    [STORE_NODE_BEAT] = book_node_beat,
    [STORE_NODE_LEAVE] = book_node_leave,
    [STORE_NODE_LIST] = book_node_list,
    [STORE_KV_GET] = book_kv_get,
    [STORE_KV_SET] = book_kv_set,
    [STORE_KV_DEL] = book_kv_del,
    [STORE_KV_INCR] = book_kv_incr,
    [STORE_KV_EXPIRE] = book_kv_expire,
    [STORE_KV_LIST] = book_kv_list,
    [STORE_LEASE_ACQUIRE] = book_lease_acquire,
    [STORE_LEASE_RENEW] = book_lease_renew,
    [STORE_LEASE_RELEASE] = book_lease_release,
    [STORE_LEASE_GET] = book_lease_get,
    [STORE_LOG_APPEND] = book_log_append,
    [STORE_LOG_READ] = book_log_read,
    [STORE_LOG_DROP] = book_log_drop,
    [STORE_ROOM_PUT] = book_room_put,
    [STORE_ROOM_DROP] = book_room_drop,
    [STORE_ROOM_LIST] = book_room_list,
    [STORE_SEAT_RESERVE] = book_seat_reserve,
    [STORE_SEAT_CONFIRM] = book_seat_confirm,
    [STORE_SEAT_CANCEL] = book_seat_cancel,
    [STORE_SEAT_LEAVE] = book_seat_leave,
};

/* --- What the operations use --- */

int book_room_for(struct book *b, size_t more)
{
    if (more <= b->o.bytes_max && b->bytes <= b->o.bytes_max - more)
        return 0;
    b->stats.refused++;
    return ATR_ELIMIT;
}

void book_put(struct book *b, enum book_table t, const struct store_record *r)
{
    if (b->o.keeper)
        b->o.keeper->put(b->o.user, t, r);
}

void book_del(struct book *b, enum book_table t, str key, uint64_t offset)
{
    if (b->o.keeper)
        b->o.keeper->del(b->o.user, t, key, offset);
}

bool book_item(struct book *b, const struct store_record *q, const struct store_record *item)
{
    struct book_out *out = &b->out;
    size_t before = out->items.len;
    uint64_t count = q->count && q->count < STORE_PAGE_MAX ? q->count : STORE_PAGE_MAX;
    uint64_t bytes = q->bytes && q->bytes < STORE_PAGE_BYTES_MAX ? q->bytes : STORE_PAGE_BYTES_MAX;

    if (out->item_count >= count)
        return false;
    store_record_write(&out->items, item);
    if (out->item_count && out->items.len > bytes) {
        out->items.len = before;
        return false;
    }
    out->item_count++;
    return true;
}

void book_timer(struct book *b, struct timer *t, uint64_t ttl_ms)
{
    if (!ttl_ms)
        timer_stop(&b->timers, t);
    else
        timer_start(&b->timers, t, ttl_ms > STORE_TTL_MS_MIN ? ttl_ms : STORE_TTL_MS_MIN);
}

uint64_t book_left(const struct book *b, const struct timer *t)
{
    if (!timer_running(t))
        return 0;
    return t->at_ms > b->now_ms ? t->at_ms - b->now_ms : 1;
}

int book_fence(struct book *b, const struct store_record *q)
{
    if (!q->fence.n)
        return 0;
    const struct lease *l = map_get(&b->leases, q->fence);
    if (l && l->epoch == q->fence_epoch)
        return 0;
    b->stats.fenced++;
    return ATR_EFENCED;
}

str book_copy(char **at, str text)
{
    str copy = { *at, text.n };

    if (text.n)
        memcpy(*at, text.p, text.n);
    *at += text.n;
    return copy;
}

static void stats(struct book *b, const struct store_record *q)
{
    const struct book_stats *s = &b->stats;
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        { "bytes", b->bytes },           { "bytes_max", b->o.bytes_max },
        { "keys", b->keys.count },       { "leases", b->leases.count },
        { "logs", b->logs.count },       { "nodes", b->nodes.count },
        { "rooms", b->room_ids.count },  { "tickets", b->tickets.count },
        { "waiting", b->waiter_count },  { "revision", b->revision },
        { "operations", s->operations }, { "expired", s->expired },
        { "fenced", s->fenced },         { "refused", s->refused },
        { "trimmed", s->trimmed },       { "lost_reads", s->lost_reads },
        { "orphaned", s->orphaned },     { "void_tickets", s->void_tickets },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        (void)book_item(b, q,
                        &(struct store_record){ .key = str_of(all[i].name),
                                                .number = (int64_t)all[i].value });
}

/* --- Waiting --- */

static str topic_key(struct book *b, enum topic_kind kind, str name)
{
    buf_clear(&b->scratch);
    buf_byte(&b->scratch, (uint8_t)kind);
    buf_add(&b->scratch, name);
    return buf_str(&b->scratch);
}

static struct topic *topic_of(struct book *b, enum topic_kind kind, str name)
{
    str key = topic_key(b, kind, name);
    struct topic *t = map_get(&b->topics, key);

    if (t)
        return t;
    t = mem_alloc(sizeof *t + key.n);
    list_init(&t->waiters);
    char *at = (char *)(t + 1);
    t->name = book_copy(&at, key);
    map_put(&b->topics, t->name, t);
    return t;
}

static void waiter_free(struct waiter *w)
{
    struct book *b = w->book;

    timer_stop(&b->timers, &w->over);
    list_remove(&w->in_topic);
    list_remove(&w->in_book);
    b->waiter_count--;
    if (list_empty(&w->topic->waiters)) {
        map_remove(&b->topics, w->topic->name);
        mem_free(w->topic);
    }
    mem_free(w);
}

static void run_again(struct waiter *w, bool over);

static void on_over(struct timer *t)
{
    run_again(container_of(t, struct waiter, over), true);
}

static void wait_for_news(struct book *b, void *who, uint64_t seq, enum store_op op,
                          const struct store_record *q)
{
    struct waiter *w = mem_zalloc(sizeof *w);

    *w = (struct waiter){ .book = b, .who = who, .seq = seq, .op = op, .q = *q };
    w->topic = topic_of(b, op == STORE_LOG_READ ? TOPIC_LOG : TOPIC_LEASE, q->key);
    w->q = (struct store_record){ .key = str_n(w->topic->name.p + 1, w->topic->name.n - 1),
                                  .epoch = q->epoch,
                                  .generation = q->generation,
                                  .offset = q->offset,
                                  .count = q->count,
                                  .bytes = q->bytes,
                                  .wait_ms = q->wait_ms };
    timer_init(&w->over, on_over);
    list_init(&w->in_topic);
    list_init(&w->in_book);
    list_append(&w->topic->waiters, &w->in_topic);
    list_append(&b->waiters, &w->in_book);
    b->waiter_count++;
    book_timer(b, &w->over, q->wait_ms);
}

void book_forget(struct book *b, void *who, uint64_t seq)
{
    struct list *at, *after;

    list_each(at, after, &b->waiters)
    {
        struct waiter *w = container_of(at, struct waiter, in_book);

        if (w->who == who && (!seq || w->seq == seq))
            waiter_free(w);
    }
}

/* --- Running --- */

static void begin(struct book *b)
{
    b->out.err = 0;
    b->out.r = (struct store_record){ 0 };
    b->out.item_count = 0;
    b->out.wait = false;
    buf_clear(&b->out.items);
    buf_clear(&b->out.text);
}

static void finish(struct book *b, void *who, uint64_t seq)
{
    struct buf body = { 0 };

    store_record_write(&body, &b->out.r);
    buf_add(&body, buf_str(&b->out.items));
    b->o.on_answer(b->o.user, who, seq, b->out.err, buf_str(&body), b->out.item_count);
    buf_free(&body);
}

/* The answer of a waiter may be made while that of another operation is: that one is put aside. */
static void run_again(struct waiter *w, bool over)
{
    struct book *b = w->book;
    struct book_out outer = b->out;

    b->out = (struct book_out){ 0 };
    begin(b);
    if (over)
        w->q.wait_ms = 0;
    operations[w->op](b, &w->q);
    if (!b->out.wait) {
        finish(b, w->who, w->seq);
        waiter_free(w);
    }
    buf_free(&b->out.items);
    buf_free(&b->out.text);
    b->out = outer;
}

void book_news(struct book *b, enum topic_kind kind, str name)
{
    struct topic *t;
    struct list *at, *after;

    if (!b->topics.count || !(t = map_get(&b->topics, topic_key(b, kind, name))))
        return;
    /* The topic goes with its last waiter. */
    for (at = t->waiters.next;; at = after) {
        bool last = at->next == &t->waiters;

        after = at->next;
        run_again(container_of(at, struct waiter, in_topic), false);
        if (last)
            break;
    }
}

void book_run(struct book *b, void *who, uint64_t seq, enum store_op op,
              const struct store_record *q)
{
    int err = store_request_check(op, q);

    begin(b);
    b->stats.operations++;
    if (!err)
        operations[op](b, q);
    else
        b->out.err = err;
    if (b->out.wait)
        wait_for_news(b, who, seq, op, q);
    else
        finish(b, who, seq);
}

void book_advance(struct book *b, uint64_t now_ms)
{
    if (now_ms <= b->now_ms)
        return;
    b->now_ms = now_ms;
    wheel_advance(&b->timers, now_ms);
}

uint64_t book_due_ms(const struct book *b)
{
    int64_t in_ms = wheel_next(&b->timers);

    return in_ms < 0 ? UINT64_MAX : b->now_ms + (uint64_t)in_ms;
}

uint64_t book_revision(const struct book *b)
{
    return b->revision;
}

void book_begin_at(struct book *b, uint64_t revision)
{
    if (revision > b->revision)
        b->revision = revision;
}

int book_load(struct book *b, enum book_table t, const struct store_record *r)
{
    static int (*const loaders[BOOK_TABLES])(struct book *, const struct store_record *) = {
        book_kv_load,    book_node_load, book_lease_load,  book_log_load,
        book_entry_load, book_room_load, book_ticket_load,
    };

    book_begin_at(b, r->version);
    book_begin_at(b, r->epoch);
    return loaders[t](b, r);
}

struct book *book_new(const struct book_options *o)
{
    struct book *b = mem_zalloc(sizeof *b);

    b->o = *o;
    if (!b->o.bytes_max)
        b->o.bytes_max = BOOK_BYTES_MAX;
    b->now_ms = o->now_ms;
    b->revision = o->revision;
    wheel_init(&b->timers, o->now_ms);
    list_init(&b->waiters);
    return b;
}

void book_free(struct book *b)
{
    while (!list_empty(&b->waiters))
        waiter_free(container_of(b->waiters.next, struct waiter, in_book));
    b->o.keeper = NULL;
    book_rooms_free(b);
    book_leases_free(b);
    book_logs_free(b);
    book_kv_free(b);
    ASSERT(b->timers.count == 0);
    map_free(&b->topics);
    buf_free(&b->scratch);
    buf_free(&b->out.items);
    buf_free(&b->out.text);
    mem_free(b);
}
