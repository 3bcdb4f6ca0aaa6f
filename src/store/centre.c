/* store/centre.c - see centre.h.
 *
 * Invariants
 *   - calls up to sent_seq have been given to the link of now, those behind have not;
 *   - nothing is sent before the centre has answered the hello.
 *
 * Start reading at on_message() and flush().
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/centre.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "cluster/store_call.h"
#include "net/link.h"
#include "store/wire.h"

enum { RETRY_MS_MIN = 10, RETRY_MS_MAX = 500, START_EVERY_MS = 1000 };

struct centre_store {
    struct store base;
    char *path, *space;
    void (*start)(void *user);
    void *user;
    char id[WIRE_GUEST_BYTES];
    struct link *link; /* NULL: not connected */
    bool welcome;      /* the centre has answered the hello */
    uint64_t sent_seq;
    struct list changes; /* calls that change something, in order */
    uint32_t retry_ms;
    uint64_t started_ms; /* when somebody was asked to start a centre; 0: never */
    struct timer retry;
    struct loop_job flush;
    struct buf message;
    char why[ATR_WHY_MAX];
};

static struct centre_store *of(const struct store *s)
{
    return container_of(s, struct centre_store, base);
}

static struct store_call *call_at(struct list *at)
{
    return container_of(at, struct store_call, link);
}

/* --- Sending --- */

/* Of the operations that change something, those up to this one are over, as far as we are
 * concerned. Others may wait for long, and their answers are not kept. */
static uint64_t acknowledged(const struct centre_store *s)
{
    if (list_empty(&s->changes))
        return s->base.last_seq;
    return container_of(s->changes.next, const struct store_call, own)->seq - 1;
}

static void begin_message(struct centre_store *s)
{
    buf_clear(&s->message);
    wire_write_number(&s->message, acknowledged(s));
}

static bool send_message(struct centre_store *s)
{
    bool sent = link_send(s->link, buf_str(&s->message), NULL, 0) == 0;

    if (s->message.cap > WIRE_MESSAGE_BYTES)
        buf_free(&s->message);
    return sent; /* else the queue is full: on_drain goes on */
}

static struct list *first_unsent(const struct centre_store *s)
{
    struct list *at = (struct list *)(uintptr_t)&s->base.calls;

    while (at->prev != &s->base.calls && call_at(at->prev)->seq > s->sent_seq)
        at = at->prev;
    return at;
}

static void flush(struct centre_store *s)
{
    struct list *at = first_unsent(s);

    if (!s->welcome)
        return;
    while (at != &s->base.calls) {
        uint64_t last = s->sent_seq;

        begin_message(s);
        for (; at != &s->base.calls && s->message.len < WIRE_MESSAGE_BYTES; at = at->next) {
            struct store_call *c = call_at(at);

            wire_write_request(&s->message, c->op, c->seq, buf_str(&c->request));
            s->base.stats.resent += c->sent;
            last = c->seq;
        }
        if (!send_message(s))
            return;
        for (struct list *sent = first_unsent(s); sent != at; sent = sent->next)
            call_at(sent)->sent = true;
        s->sent_seq = last;
    }
}

static void on_flush(struct loop_job *job)
{
    flush(container_of(job, struct centre_store, flush));
}

/* --- Being answered --- */

static void take_welcome(struct centre_store *s, const struct wire_answer *a)
{
    struct store_record r = { 0 };
    str body = a->body;

    if (!a->err) {
        s->welcome = true;
        s->retry_ms = RETRY_MS_MIN;
        s->base.stats.connects++;
        s->why[0] = '\0';
        flush(s);
        return;
    }
    if (store_record_read(&body, &r) == 0)
        err_why(s->why, a->err, "%.*s", STR_ARG(r.value));
    s->retry_ms = RETRY_MS_MAX;
    link_close(s->link, a->err);
}

static void on_message(struct link *l, str data, const int *fds, size_t fd_count)
{
    struct centre_store *s = l->owner;
    struct wire_answer a;

    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    while (data.n && !l->closing) {
        if (wire_read_answer(&data, &a) < 0) {
            link_close(l, ATR_ESYNTAX);
            return;
        }
        struct store_call *c = a.seq ? store_find(&s->base, a.seq) : NULL;
        if (!a.seq)
            take_welcome(s, &a);
        if (c) {
            list_remove(&c->own);
            store_end(c, a.err, a.body, a.count);
        }
    }
}

static void on_drain(struct link *l)
{
    struct centre_store *s = l->owner;

    loop_flush_later(s->base.loop, &s->flush);
}

/* --- Connecting --- */

/* Not all at once: a random part of the time. */
static void retry_later(struct centre_store *s)
{
    uint64_t ms = s->retry_ms / 2 + random_u64() % (s->retry_ms / 2 + 1);

    loop_timer(s->base.loop, &s->retry, ms);
    s->retry_ms = s->retry_ms * 2 < RETRY_MS_MAX ? s->retry_ms * 2 : RETRY_MS_MAX;
}

static void on_close(struct link *l, int err)
{
    struct centre_store *s = l->owner;

    s->link = NULL;
    if (!s->why[0])
        err_why(s->why, err, "the centre has gone: %s", err_text(err));
    if (s->welcome)
        s->base.stats.losses++;
    s->welcome = false;
    s->sent_seq = 0;
    if (!s->base.closing)
        retry_later(s);
}

static const struct link_events events = { on_message, on_close, on_drain };

static void ask_for_start(struct centre_store *s)
{
    uint64_t now = s->base.loop->now_ms;

    if (!s->start || (s->started_ms && now - s->started_ms < START_EVERY_MS))
        return;
    s->started_ms = now ? now : 1;
    s->base.stats.starts++;
    s->start(s->user);
}

static void say_hello(struct centre_store *s)
{
    struct buf record = { 0 };

    store_record_write(&record, &(struct store_record){ .key = str_of(s->space),
                                                        .owner = str_n(s->id, sizeof s->id),
                                                        .count = WIRE_VERSION });
    begin_message(s);
    wire_write_request(&s->message, WIRE_HELLO, 0, buf_str(&record));
    (void)send_message(s); /* the first message fits */
    buf_free(&record);
}

static void connect_now(struct centre_store *s)
{
    int err;

    s->link = link_connect(s->base.loop, s->path, &events, s, &err);
    if (s->link) {
        s->sent_seq = 0;
        say_hello(s);
        return;
    }
    err_why(s->why, err, "cannot connect to %s: %s", s->path, err_text(err));
    if (err == -ENOENT || err == -ECONNREFUSED)
        ask_for_start(s);
    retry_later(s);
}

static void on_retry(struct timer *t)
{
    connect_now(container_of(t, struct centre_store, retry));
}

bool store_centre_ready(const struct store *base, char *why)
{
    const struct centre_store *s = of(base);

    if (!s->welcome)
        (void)err_why(why, ATR_ECLOSED, "%s", s->why[0] ? s->why : "the centre is not there yet");
    return s->welcome;
}

/* --- A store --- */

static void begin(struct store *s, struct store_call *c)
{
    if (!store_op_reads(c->op))
        list_append(&of(s)->changes, &c->own);
    loop_flush_later(s->loop, &of(s)->flush);
}

/* The centre goes on with it, and its answer finds nobody. */
static void forget(struct store *s, struct store_call *c)
{
    (void)s;
    list_remove(&c->own);
}

static void close_store(struct store *base)
{
    struct centre_store *s = of(base);

    if (s->welcome) {
        begin_message(s);
        wire_write_request(&s->message, WIRE_BYE, 0, STR("\x80"));
        (void)send_message(s); /* without it the centre forgets us later */
    }
    if (s->link)
        link_close(s->link, ATR_ECLOSED);
    loop_timer_stop(base->loop, &s->retry);
    list_remove(&s->flush.link);
    buf_free(&s->message);
    mem_free(s->path);
    mem_free(s->space);
    mem_free(s);
}

static const struct store_ops ops = {
    .name = "centre", .begin = begin, .forget = forget, .close = close_store
};

struct store *store_centre_open(struct loop *l, const struct store_centre_options *o)
{
    struct centre_store *s = mem_zalloc(sizeof *s);

    store_init(&s->base, &ops, l);
    s->path = str_dup(str_of(o->path));
    s->space = str_dup(o->space);
    s->start = o->start;
    s->user = o->user;
    s->retry_ms = RETRY_MS_MIN;
    random_bytes(s->id, sizeof s->id);
    list_init(&s->changes);
    loop_job_init(&s->flush, on_flush);
    timer_init(&s->retry, on_retry);
    loop_timer(l, &s->retry, 0);
    return &s->base;
}
