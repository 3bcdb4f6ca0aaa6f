/* ws/deflate.c - compressed messages of a connection (RFC 7692 sections 6 and 7.2).
 *
 * Invariants
 *   - a history is exactly what the other side has in its window: the end of the compressed
 *     messages so far, uncompressed ones not counted; without context takeover it stays empty;
 *   - what the thread shares (`shared`, `plain`, `packed`) carries nothing over: messages are
 *     known by address only while they are held by a reference, within one iteration.
 *
 * Start reading at ws_deflate_send() and ws_deflate_open().
 *
 * SPDX-License-Identifier: MIT
 */
#include "ws/deflate.h"

#include "base/assert.h"
#include "base/mem.h"
#include "http/deflate.h"
#include "proto/frozen.h"
#include "ws/conn.h"

/* SHARED: how many different messages of an iteration are remembered compressed. SCRATCH: what a
 * thread keeps of its scratch memory. */
enum { SHARED_COUNT = 16, SCRATCH_BYTES_MAX = 256 * 1024, BIT_RSV1 = 0x40, OP_BITS = 0x0f };

static _Thread_local struct buf plain, packed;

/* --- Histories --- */

static void history_drop(struct ws_history *h)
{
    mem_free(h->data);
    *h = (struct ws_history){ 0 };
}

static void reserve(struct ws_history *h, uint32_t n, uint32_t window)
{
    uint32_t cap = h->cap * 2 > n ? h->cap * 2 : n;

    if (n <= h->cap)
        return;
    h->cap = cap < window ? cap : window;
    h->data = mem_realloc(h->data, h->cap);
}

static void history_add(struct ws_history *h, str said, unsigned bits)
{
    uint32_t window = 1u << bits, keep;

    if (said.n > window)
        said = str_n(said.p + said.n - window, window);
    keep = h->len < window - (uint32_t)said.n ? h->len : window - (uint32_t)said.n;
    reserve(h, keep + (uint32_t)said.n, window);
    if (keep && keep < h->len)
        memmove(h->data, h->data + h->len - keep, keep);
    if (said.n)
        memcpy(h->data + keep, said.p, said.n);
    h->len = keep + (uint32_t)said.n;
}

static str history_text(const struct ws_history *h)
{
    return str_n(h->data, h->len);
}

/* A zeroed buffer again, unless it is small enough to be worth keeping. */
static void release(struct buf *b)
{
    if (b->cap > SCRATCH_BYTES_MAX)
        buf_free(b);
}

/* --- Sending --- */

static struct deflate_how how_of(const struct ws_deflate_terms *t)
{
    return (struct deflate_how){ t->server_bits, t->level, t->mem_level };
}

/* 6: the frame of a compressed message has RSV1 set, its first frame, which is its only one. */
static struct msg *compress(const struct msg *m, str history, const struct ws_deflate_terms *t)
{
    enum ws_op op = m->data[0] & OP_BITS;
    struct deflate_how how = how_of(t);
    struct msg *c;

    buf_clear(&packed);
    deflate_message(&packed, msg_payload(m), history, &how);
    c = ws_msg(op, buf_str(&packed));
    c->data[0] |= BIT_RSV1;
    release(&packed);
    ws_stats.deflated++;
    ws_stats.deflated_from += m->len - m->head;
    ws_stats.deflated_to += c->len - c->head;
    return c;
}

/* What was compressed in this iteration, for the next of those it goes to. The newest replaces the
 * oldest; a scan of so few costs nothing beside compressing. */
static _Thread_local struct {
    struct entry {
        struct msg *of, *compressed; /* NULL: free. Both are held */
        struct deflate_how how;
    } entries[SHARED_COUNT];
    unsigned next; /* where the next one goes */
    struct loop_job forget;
    bool armed; /* forget is queued */
} shared;

static void drop(struct entry *e)
{
    if (!e->of)
        return;
    msg_unref(e->of);
    msg_unref(e->compressed);
    *e = (struct entry){ 0 };
}

static void forget(struct loop_job *job)
{
    (void)job;
    shared.armed = false;
    shared.next = 0;
    for (size_t i = 0; i < SHARED_COUNT; i++)
        drop(&shared.entries[i]);
}

static struct entry *find(const struct msg *m, struct deflate_how how)
{
    for (struct entry *e = shared.entries; e < shared.entries + SHARED_COUNT && e->of; e++)
        if (e->of == m && e->how.window_bits == how.window_bits && e->how.level == how.level &&
            e->how.mem_level == how.mem_level)
            return e;
    return NULL;
}

/* The compressed twin of m; m itself where nothing is gained, which only a sender without a context
 * may do. Borrowed until the end of the iteration. */
static struct msg *shared_twin(struct loop *l, struct msg *m, const struct ws_deflate_terms *t)
{
    struct deflate_how how = how_of(t);
    struct entry *e = find(m, how);

    if (e) {
        ws_stats.deflated_shared++;
        return e->compressed;
    }
    e = &shared.entries[shared.next++ % SHARED_COUNT];
    drop(e);
    *e = (struct entry){ .of = msg_ref(m), .compressed = compress(m, (str){ 0 }, t), .how = how };
    if (e->compressed->len >= m->len) {
        msg_unref(e->compressed);
        e->compressed = msg_ref(m);
    }
    if (!shared.armed) {
        shared.armed = true;
        loop_job_init(&shared.forget, forget);
        loop_doom(l, &shared.forget);
    }
    return e->compressed;
}

void ws_deflate_send(struct ws_conn *w, struct msg *m)
{
    struct ws_deflate *d = w->deflate;
    str payload = msg_payload(m);
    struct msg *c;

    if (payload.n == 0 || payload.n < d->terms.threshold ||
        (m->data[0] & OP_BITS) > WS_BINARY) { /* 6.1: control frames are not compressed */
        stream_send(w->stream, m);
        return;
    }
    if (d->terms.server_no_context_takeover) {
        stream_send(w->stream, shared_twin(w->stream->loop, m, &d->terms));
        return;
    }
    c = compress(m, history_text(&d->sent), &d->terms);
    history_add(&d->sent, payload, d->terms.server_bits);
    stream_send(w->stream, c);
    msg_unref(c);
}

/* --- Receiving --- */

/* zlib, asked for a window of 256 bytes, uses 512. */
static unsigned received_bits(const struct ws_deflate_terms *t)
{
    return t->client_bits < DEFLATE_BITS_MIN ? DEFLATE_BITS_MIN : t->client_bits;
}

int ws_deflate_open(struct ws_deflate *d, str in, uint32_t bytes_max, str *out)
{
    int err;

    buf_clear(&plain);
    release(&plain);
    plain.max = bytes_max;
    if ((err = deflate_restore(&plain, in, history_text(&d->received))) < 0)
        return err;
    ws_stats.inflated++;
    if (!d->terms.client_no_context_takeover)
        history_add(&d->received, buf_str(&plain), received_bits(&d->terms));
    *out = buf_str(&plain);
    return 0;
}

/* --- Life --- */

struct ws_deflate *ws_deflate_new(const struct ws_deflate_terms *t)
{
    struct ws_deflate *d = mem_zalloc(sizeof *d);

    d->terms = *t;
    return d;
}

void ws_deflate_free(struct ws_deflate *d)
{
    if (!d)
        return;
    history_drop(&d->sent);
    history_drop(&d->received);
    mem_free(d);
}

/* --- Handing over: the terms, and both histories --- */

void ws_deflate_freeze(const struct ws_deflate *d, struct buf *out)
{
    const struct ws_deflate_terms *t = &d->terms;
    struct frozen_writer w;

    frozen_begin(&w, out, 1);
    frozen_put_bool(&w, "ours_alone", t->server_no_context_takeover);
    frozen_put_bool(&w, "theirs_alone", t->client_no_context_takeover);
    frozen_put_uint(&w, "ours_bits", t->server_bits);
    frozen_put_uint(&w, "theirs_bits", t->client_bits);
    frozen_put_uint(&w, "level", t->level);
    frozen_put_uint(&w, "mem", t->mem_level);
    frozen_put_uint(&w, "threshold", t->threshold);
    if (d->sent.len)
        frozen_put_bytes(&w, "sent", history_text(&d->sent));
    if (d->received.len)
        frozen_put_bytes(&w, "received", history_text(&d->received));
    frozen_end(&w);
}

static uint8_t within(const struct frozen *f, const char *key, uint8_t min, uint8_t max)
{
    uint64_t n = frozen_uint(f, key, 0);

    return n < min || n > max ? 0 : (uint8_t)n;
}

struct ws_deflate *ws_deflate_thaw(str map)
{
    struct ws_deflate_terms t = { 0 };
    struct ws_deflate *d;
    struct frozen f;
    size_t used;

    if (frozen_open(&f, map, &used) < 0)
        return NULL;
    t.server_no_context_takeover = frozen_bool(&f, "ours_alone");
    t.client_no_context_takeover = frozen_bool(&f, "theirs_alone");
    t.server_bits = within(&f, "ours_bits", DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
    t.client_bits = within(&f, "theirs_bits", DEFLATE_BITS_MIN - 1, DEFLATE_BITS_MAX);
    t.level = within(&f, "level", 1, 9);
    t.mem_level = within(&f, "mem", 1, 9);
    t.threshold = (uint32_t)frozen_uint(&f, "threshold", 0);
    if (!t.server_bits || !t.client_bits || !t.level || !t.mem_level)
        return NULL;
    d = ws_deflate_new(&t);
    history_add(&d->sent, frozen_bytes(&f, "sent"), t.server_bits);
    history_add(&d->received, frozen_bytes(&f, "received"), received_bits(&t));
    return d;
}

void ws_deflate_trim(void)
{
    if (shared.armed)
        list_remove(&shared.forget.link);
    forget(NULL);
    buf_free(&plain);
    buf_free(&packed);
    deflate_trim();
}
