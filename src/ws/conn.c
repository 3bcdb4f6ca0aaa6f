/* ws/conn.c - the life of a WebSocket connection: opening, pings, closing.
 *
 * Who speaks first starts the closing handshake. Once both close frames have passed, or one of us
 * gave up, the stream is let go: it writes what is queued, takes leave of the peer and frees
 * itself, while the owner hears on_close at once.
 *
 * Invariants
 *   - w->stream is NULL from the moment on_close is called, and on_close is called exactly then;
 *   - nothing is sent behind a close frame (5.5.1);
 *   - the answers to pings that a peer does not read take the room of one pong (5.5.3).
 *
 * What comes in is read in reader.c. Start reading at ws_conn_open().
 *
 * SPDX-License-Identifier: MIT
 */
#include "ws/conn.h"

#include "base/assert.h"
#include "base/slab.h"
#include "net/tether.h"
#include "ws/deflate.h"
#include "ws/reader.h"

_Thread_local struct ws_stats ws_stats;

/* How many pings of one read are answered one by one. */
enum { PONGS_PER_READ = 64 };
enum { CODE_GOING_AWAY = 1001 };

struct ws_linger {
    struct timer timer;
    struct ws_conn *conn;
    uint8_t class;
};

/* --- The end --- */

static void stop_linger(struct ws_conn *w)
{
    struct ws_linger *g = w->linger;

    if (!w->close_sent || !g)
        return;
    loop_timer_stop(w->stream->loop, &g->timer);
    slab_free(g, g->class);
    w->linger = NULL;
}

static void drop_pong(struct ws_conn *w)
{
    if (w->close_sent)
        return;
    if (w->pong)
        msg_unref(w->pong);
    w->pong = NULL;
}

/* The stream is closed or let go: whatever is left of w goes, and the owner is told. */
static void over(struct ws_conn *w, unsigned code, str reason)
{
    stop_linger(w);
    drop_pong(w);
    ws_reader_drop(w);
    ws_deflate_free(w->deflate);
    w->deflate = NULL;
    w->stream = NULL;
    w->events->on_close(w, code, reason, w->closing_ours);
}

/* Nothing more is to be said: the stream writes what is queued and ends by itself. */
static void part(struct ws_conn *w, str reason)
{
    stream_end_detached(w->stream);
    over(w, w->close_code, reason);
}

static void send_close(struct ws_conn *w, unsigned code, str reason)
{
    struct msg *m = ws_msg_close(code, reason);

    drop_pong(w);
    stream_send(w->stream, m);
    msg_unref(m);
    w->close_sent = true;
}

void ws_conn_fail(struct ws_conn *w, unsigned code)
{
    switch (code) {
    case 1007:
        ws_stats.encoding_errors++;
        break;
    case 1008:
        ws_stats.rate_limited++;
        break;
    case 1009:
        ws_stats.too_big++;
        break;
    default:
        ws_stats.protocol_errors++;
    }
    if (!w->close_sent) {
        w->closing_ours = true;
        w->close_code = (uint16_t)code;
        send_close(w, code, STR(""));
    }
    part(w, STR(""));
}

void ws_conn_on_close(struct ws_conn *w, unsigned code, str reason)
{
    w->close_received = true;
    if (!w->close_sent) {
        w->close_code = code ? (uint16_t)code : 1005;
        send_close(w, code, STR("")); /* 5.5.1: the answer repeats the code */
    }
    part(w, reason);
}

static void on_linger(struct timer *t)
{
    struct ws_conn *w = container_of(t, struct ws_linger, timer)->conn;

    stream_close(w->stream, ATR_ETIMEOUT);
}

static void linger(struct ws_conn *w, unsigned linger_ms)
{
    uint8_t class;

    w->linger = slab_alloc(sizeof *w->linger, &class);
    *w->linger = (struct ws_linger){ .conn = w, .class = class };
    timer_init(&w->linger->timer, on_linger);
    loop_timer(w->stream->loop, &w->linger->timer, linger_ms);
}

void ws_conn_close(struct ws_conn *w, unsigned code, str reason, unsigned linger_ms)
{
    if (!w->stream || w->close_sent)
        return;
    w->closing_ours = true;
    w->close_code = code ? (uint16_t)code : 1005;
    send_close(w, code, reason);
    if (linger_ms == 0) {
        part(w, STR(""));
        return;
    }
    linger(w, linger_ms);
    stream_resume(w->stream); /* the answer has to be read */
}

void ws_conn_abort(struct ws_conn *w)
{
    struct stream *s = w->stream;

    if (!s)
        return;
    stop_linger(w);
    w->close_sent = false; /* 1006, whatever was said before */
    stream_close(s, 0);
}

/* --- Pings --- */

static void send_pong(struct ws_conn *w)
{
    struct msg *m = w->pong;

    if (!m || w->close_sent || w->stream->blocked)
        return;
    w->pong = NULL;
    stream_send(w->stream, m);
    msg_unref(m);
}

void ws_conn_on_ping(struct ws_conn *w, str payload)
{
    if (w->close_sent)
        return;
    drop_pong(w);
    w->pong = ws_msg(WS_PONG, payload);
    if (w->pongs < PONGS_PER_READ) {
        w->pongs++;
        send_pong(w);
    }
}

void ws_conn_ping(struct ws_conn *w, str payload)
{
    struct msg *m;

    ASSERT(payload.n <= WS_CONTROL_MAX);
    if (!w->stream || w->close_sent)
        return;
    m = ws_msg(WS_PING, payload);
    stream_send(w->stream, m);
    msg_unref(m);
}

/* --- The stream's side --- */

static size_t on_data(struct stream *s, uint8_t *data, size_t n)
{
    struct ws_conn *w = s->owner;
    size_t used;

    w->pongs = 0;
    w->heard = true;
    used = ws_reader_feed(w, data, n);
    if (w->stream)
        send_pong(w);
    return used;
}

/* Of a tether the process that has the other end says so that the peer is to be sent away. */
static void on_end(struct stream *s)
{
    struct ws_conn *w = s->owner;

    if (!w->tethered || w->close_sent || !tether_far_end(s)) {
        stream_close(s, ATR_ECLOSED);
        return;
    }
    w->closing_ours = true;
    w->close_code = CODE_GOING_AWAY;
    send_close(w, CODE_GOING_AWAY, STR(""));
    part(w, STR(""));
}

static void on_close(struct stream *s, int err)
{
    struct ws_conn *w = s->owner;

    (void)err;
    over(w, w->close_sent ? w->close_code : 1006, STR(""));
}

static void on_drain(struct stream *s)
{
    struct ws_conn *w = s->owner;

    send_pong(w);
    if (w->events->on_drain)
        w->events->on_drain(w);
}

const struct stream_events ws_stream_events = {
    .on_data = on_data, .on_end = on_end, .on_close = on_close, .on_drain = on_drain
};

void ws_conn_open(struct ws_conn *w, struct stream *s, uint32_t message_bytes_max,
                  const struct ws_events *events)
{
    *w = (struct ws_conn){ .stream = s, .events = events, .message_bytes_max = message_bytes_max };
    ws_stats.opened++;
    stream_give(s, &ws_stream_events, w);
    stream_resume(s);
}

void ws_conn_deflate(struct ws_conn *w, const struct ws_deflate_terms *terms)
{
    ASSERT(w->stream);
    ASSERT(!w->deflate);
    w->deflate = ws_deflate_new(terms);
}
