/* ws/reader.c - from bytes to messages (RFC 6455 sections 5 and 8.1).
 *
 * A final data frame that lies whole in the input is unmasked, checked and delivered where it lies.
 * Every other data frame goes to `partial` piece by piece as it comes; control frames are so short
 * that the stream keeps them until they are whole.
 *
 * Invariants
 *   - a callback may close or abort the connection: w->stream is NULL then and nothing of w is
 *     touched any more but that;
 *   - partial_len + frame_left <= message_bytes_max (a compressed message: incoming_max()), so a
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
        slab_free(w->partial, w->partial_class);
    w->partial = NULL;
    w->partial_len = w->partial_cap = w->utf8 = w->frame_left = 0;
    w->partial_op = 0;
}

static void reserve(struct ws_conn *w, size_t n)
{
    size_t need = w->partial_len + n, cap = 2 * (size_t)w->partial_cap;
    size_t whole = (size_t)w->partial_len + w->frame_left;
    uint8_t *old = w->partial, class;

    if (need <= w->partial_cap)
        return;
    if (cap < need)
        cap = need;
    if (w->frame_fin && cap > whole)
        cap = whole;
    w->partial = slab_alloc(cap, &class);
    if (old) {
        memcpy(w->partial, old, w->partial_len);
        slab_free(old, w->partial_class);
    }
    w->partial_class = class;
    w->partial_cap = (uint32_t)(class == SLAB_BIG ? cap : slab_size(class));
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
    static uint8_t nothing[1];
    uint8_t *data = w->partial, class = w->partial_class;
    uint32_t n = w->partial_len;
    bool binary = w->partial_op == WS_BINARY, compressed = gathers_compressed(w);

    if (!w->frame_fin)
        return;
    if (w->utf8) { /* 8.1: the text ends within a character */
        ws_conn_fail(w, 1007);
        return;
    }
    /* The callback may end the connection: the message is taken out of it first. */
    w->partial = NULL;
    ws_reader_drop(w);
    if (compressed)
        deliver_compressed(w, binary, data ? data : nothing, n);
    else
        deliver(w, binary, data ? data : nothing, n);
    if (data)
        slab_free(data, class);
}

/* Takes what there is of the current frame's payload; returns how much. */
static size_t gather(struct ws_conn *w, uint8_t *data, size_t n)
{
    if (n > w->frame_left)
        n = w->frame_left;
    ws_unmask(data, n, w->mask, w->mask_at);
    w->mask_at = (uint8_t)((w->mask_at + n) & 3);
    if (w->partial_op == WS_TEXT && !gathers_compressed(w) && !utf8_feed(&w->utf8, data, n)) {
        ws_conn_fail(w, 1007);
        return n;
    }
    reserve(w, n);
    memcpy(w->partial + w->partial_len, data, n);
    w->partial_len += (uint32_t)n;
    w->frame_left -= (uint32_t)n;
    if (w->frame_left == 0)
        end_frame(w);
    return n;
}

static void begin_frame(struct ws_conn *w, const struct ws_frame *f)
{
    if (f->op != WS_CONT) {
        w->partial_op = f->op;
        if (w->deflate)
            w->deflate->gathering = f->rsv1;
    }
    memcpy(w->mask, f->mask, sizeof w->mask);
    w->mask_at = 0;
    w->frame_fin = f->fin;
    w->frame_left = (uint32_t)f->len;
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

    if (goes_on != (w->partial_op != 0)) { /* 5.4: fragments of messages do not interleave */
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

/* How many bytes the message that comes in may have on the wire. What cannot be compressed grows a
 * little (RFC 1951 3.2.4: 5 bytes for each stored block). */
static uint64_t incoming_max(const struct ws_conn *w, uint8_t first_byte)
{
    uint64_t max = w->message_bytes_max;

    if (!w->deflate || !(w->partial_op ? w->deflate->gathering : first_byte & BIT_RSV1))
        return max;
    return max + max / 1024 + 64;
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

    rules.len_max = control ? WS_CONTROL_MAX : incoming_max(w, data[0]) - w->partial_len;
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
        used = w->frame_left ? gather(w, data + at, n - at) : on_frame(w, data + at, n - at);
        if (used == 0)
            break;
        at += used;
    }
    return at;
}
