/* ws/reader.c - from bytes to messages (RFC 6455 sections 5 and 8.1).
 *
 * A final data frame that lies whole in the input is unmasked, checked and delivered where it lies.
 * Every other data frame goes to `partial` piece by piece as it comes; control frames are so short
 * that the stream keeps them until they are whole.
 *
 * Invariants
 *   - a callback may close or abort the connection: w->stream is NULL then and nothing of w is
 *     touched any more but that;
 *   - partial->len + frame_left <= message_bytes_max (a compressed message: incoming_max()), so a
 *     peer cannot make us hold more; memory follows what has arrived, not what was announced.
 *
 * Start reading at ws_reader_feed().
 *
 * SPDX-License-Identifier: MIT
 */
#include "ws/reader.h"

#include "base/slab.h"
#include "base/utf8.h"
#include "net/rates.h"
#include "ws/deflate.h"

enum { BIT_CONTROL = 0x08, BIT_RSV1 = 0x40 };

/* --- A message that comes in pieces --- */

void ws_reader_drop(struct ws_conn *w)
{
    if (w->partial)
        slab_free(w->partial, w->partial->class);
    w->partial = NULL;
}

struct ws_partial *ws_reader_partial(struct ws_partial *old, size_t cap)
{
    uint8_t class;
    struct ws_partial *p = slab_alloc(sizeof *p + cap, &class);

    if (old) {
        memcpy(p, old, sizeof *p + old->len);
        slab_free(old, old->class);
    } else {
        *p = (struct ws_partial){ 0 };
    }
    p->class = class;
    p->cap = (uint32_t)(class == SLAB_BIG ? cap : slab_size(class) - sizeof *p);
    return p;
}

static void reserve(struct ws_conn *w, size_t n)
{
    struct ws_partial *p = w->partial;
    size_t need = p->len + n, cap = 2 * (size_t)p->cap, whole = (size_t)p->len + p->frame_left;

    if (need <= p->cap)
        return;
    if (cap < need)
        cap = need;
    if (p->frame_fin && cap > whole)
        cap = whole;
    w->partial = ws_reader_partial(p, cap);
}

static void deliver(struct ws_conn *w, bool binary, uint8_t *data, size_t n)
{
    if (w->close_sent)
        return;
    ws_stats.messages_in++;
    ws_stats.bytes_in += n;
    w->events->on_message(w, binary, data, n);
}

/* RFC 7692 6.2: text is checked when it is plain again. What cannot be restored is refused like a
 * text that is none; what becomes too large, like any message that is. */
static void deliver_compressed(struct ws_conn *w, bool binary, const uint8_t *data, size_t n)
{
    str plain;
    int err;

    if (w->close_sent)
        return;
    err = ws_deflate_open(w->deflate, str_n(data, n), w->message_bytes_max, &plain);
    if (err < 0)
        ws_conn_fail(w, err == ATR_ELIMIT ? 1009 : 1007);
    else if (!binary && !utf8_valid(plain.p, plain.n))
        ws_conn_fail(w, 1007);
    else
        deliver(w, binary, (uint8_t *)(uintptr_t)plain.p, plain.n);
}

/* Whether the message that gathers is a compressed one. */
static bool gathers_compressed(const struct ws_conn *w)
{
    return w->deflate && w->deflate->gathering;
}

static void end_frame(struct ws_conn *w)
{
    struct ws_partial *p = w->partial;
    bool compressed = gathers_compressed(w);

    if (!p->frame_fin)
        return;
    if (p->utf8) { /* 8.1: the text ends within a character */
        ws_conn_fail(w, 1007);
        return;
    }
    /* The callback may end the connection: the message is taken out of it first. */
    w->partial = NULL;
    if (compressed)
        deliver_compressed(w, p->op == WS_BINARY, p->data, p->len);
    else
        deliver(w, p->op == WS_BINARY, p->data, p->len);
    slab_free(p, p->class);
}

/* Takes what there is of the current frame's payload; returns how much. */
static size_t gather(struct ws_conn *w, uint8_t *data, size_t n)
{
    struct ws_partial *p = w->partial;

    if (n > p->frame_left)
        n = p->frame_left;
    ws_unmask(data, n, p->mask, p->mask_at);
    p->mask_at = (uint8_t)((p->mask_at + n) & 3);
    if (p->op == WS_TEXT && !gathers_compressed(w) && !utf8_feed(&p->utf8, data, n)) {
        ws_conn_fail(w, 1007);
        return n;
    }
    reserve(w, n);
    p = w->partial;
    memcpy(p->data + p->len, data, n);
    p->len += (uint32_t)n;
    p->frame_left -= (uint32_t)n;
    if (p->frame_left == 0)
        end_frame(w);
    return n;
}

static void begin_frame(struct ws_conn *w, const struct ws_frame *f)
{
    struct ws_partial *p;

    if (f->op != WS_CONT) {
        w->partial = ws_reader_partial(NULL, 0);
        w->partial->op = f->op;
        if (w->deflate)
            w->deflate->gathering = f->rsv1;
    }
    p = w->partial;
    memcpy(p->mask, f->mask, sizeof p->mask);
    p->mask_at = 0;
    p->frame_fin = f->fin;
    p->frame_left = (uint32_t)f->len;
    if (f->len == 0)
        end_frame(w);
}

/* --- Frames --- */

static void on_whole(struct ws_conn *w, const struct ws_frame *f, uint8_t *data)
{
    ws_unmask(data, f->len, f->mask, 0);
    if (f->rsv1)
        deliver_compressed(w, f->op == WS_BINARY, data, f->len);
    else if (f->op == WS_TEXT && !utf8_valid(data, f->len))
        ws_conn_fail(w, 1007);
    else
        deliver(w, f->op == WS_BINARY, data, f->len);
}

static size_t on_data_frame(struct ws_conn *w, const struct ws_frame *f, uint8_t *data, size_t n)
{
    bool goes_on = f->op == WS_CONT;

    if (goes_on != (w->partial != NULL)) { /* 5.4: fragments of messages do not interleave */
        ws_conn_fail(w, 1002);
        return f->head;
    }
    if (f->fin && !goes_on && f->len <= n - f->head) {
        on_whole(w, f, data + f->head);
        return f->head + f->len;
    }
    begin_frame(w, f);
    return f->head;
}

static void on_close_frame(struct ws_conn *w, const uint8_t *data, size_t n)
{
    unsigned code;

    if (n == 0) {
        ws_conn_on_close(w, 0, STR(""));
        return;
    }
    code = n < 2 ? 0 : (unsigned)(data[0] << 8 | data[1]);
    if (!ws_close_code_valid(code)) /* 7.4; 5.5.1: a body has at least the two bytes of a code */
        ws_conn_fail(w, 1002);
    else if (!utf8_valid(data + 2, n - 2))
        ws_conn_fail(w, 1007);
    else
        ws_conn_on_close(w, code, str_n(data + 2, n - 2));
}

static size_t on_control_frame(struct ws_conn *w, const struct ws_frame *f, uint8_t *data, size_t n)
{
    str payload = str_n(data + f->head, f->len);

    if (n - f->head < f->len)
        return 0;
    ws_unmask(data + f->head, f->len, f->mask, 0);
    switch (f->op) {
    case WS_CLOSE:
        on_close_frame(w, data + f->head, f->len);
        break;
    case WS_PING:
        ws_conn_on_ping(w, payload);
        break;
    default: /* 5.5.3: a pong may be unsolicited */
        if (w->events->on_pong && !w->close_sent)
            w->events->on_pong(w, payload);
    }
    return f->head + f->len;
}

/* What cannot be compressed grows a little (RFC 1951 3.2.4: 5 bytes for each stored block). */
uint64_t ws_reader_bytes_max(const struct ws_conn *w, bool compressed)
{
    uint64_t max = w->message_bytes_max;

    return compressed ? max + max / 1024 + 64 : max;
}

static uint64_t incoming_max(const struct ws_conn *w, uint8_t first_byte)
{
    bool compressed =
        w->deflate && (w->partial ? w->deflate->gathering : (first_byte & BIT_RSV1) != 0);

    return ws_reader_bytes_max(w, compressed);
}

/* Fragments count like messages, and so do pings: each costs as much. waits: it will be read once
 * more, when it is whole. */
static bool within_rates(struct ws_conn *w, const struct ws_frame *f, bool waits)
{
    return waits || f->op == WS_CLOSE || rates_take(w->events->guard(w), 1, f->len);
}

/* Reads one frame, or the head of one that is not whole yet; 0: more bytes are needed. */
static size_t on_frame(struct ws_conn *w, uint8_t *data, size_t n)
{
    bool control = data[0] & BIT_CONTROL;
    struct ws_rules rules = { .server = true, .rsv1 = w->deflate != NULL };
    struct ws_frame f;
    enum ws_bad bad;

    rules.len_max =
        control ? WS_CONTROL_MAX : incoming_max(w, data[0]) - (w->partial ? w->partial->len : 0);
    switch (ws_frame_parse(data, n, &rules, &f, &bad)) {
    case PARSE_MORE:
        return 0;
    case PARSE_BAD:
        ws_conn_fail(w, bad);
        return n;
    case PARSE_DONE:
        break;
    }
    if (w->guarded && !within_rates(w, &f, control && n - f.head < f.len)) {
        ws_conn_fail(w, 1008);
        return n;
    }
    return control ? on_control_frame(w, &f, data, n) : on_data_frame(w, &f, data, n);
}

size_t ws_reader_feed(struct ws_conn *w, uint8_t *data, size_t n)
{
    struct stream *s = w->stream;
    size_t at = 0, used;

    while (at < n && w->stream && !s->paused) {
        used = w->partial && w->partial->frame_left ? gather(w, data + at, n - at)
                                                    : on_frame(w, data + at, n - at);
        if (used == 0)
            break;
        at += used;
    }
    return at;
}
