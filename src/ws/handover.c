/* ws/handover.c - see handover.h.
 *
 * The map: max (bytes of a message), unread, unsent (bytes, left out when there are none), tethered
 * (the descriptor is the far end of a TLS connection), partial (a map: the message that gathers),
 * deflate (a map: what was agreed upon, and both histories). An answer to a ping that waits for the
 * peer to read goes behind what is unsent.
 *
 * Start reading at ws_conn_freeze().
 *
 * SPDX-License-Identifier: MIT
 */
#include "ws/handover.h"

#include <errno.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "net/tether.h"
#include "proto/frozen.h"
#include "ws/deflate.h"
#include "ws/reader.h"

enum { VERSION = 1 };

/* --- A message of which something is missing --- */

static void freeze_partial(struct frozen_writer *parent, const struct ws_partial *p, bool packed)
{
    struct frozen_writer w;

    frozen_begin(&w, frozen_put_value(parent, "partial"), VERSION);
    frozen_put_uint(&w, "op", p->op);
    frozen_put_bool(&w, "packed", packed);
    frozen_put_bool(&w, "fin", p->frame_fin);
    frozen_put_uint(&w, "left", p->frame_left);
    frozen_put_bytes(&w, "mask", str_n(p->mask, sizeof p->mask));
    frozen_put_uint(&w, "at", p->mask_at);
    frozen_put_bytes(&w, "data", str_n(p->data, p->len));
    frozen_end(&w);
}

static bool partial_makes_sense(const struct ws_conn *w, const struct frozen *f, str data)
{
    uint64_t op = frozen_uint(f, "op", 0), left = frozen_uint(f, "left", 0);
    bool packed = frozen_bool(f, "packed");

    if ((op != WS_TEXT && op != WS_BINARY) || (packed && !w->deflate))
        return false;
    if (left == 0 && frozen_bool(f, "fin"))
        return false; /* nothing is missing of it */
    return left <= UINT32_MAX && data.n + left <= ws_reader_bytes_max(w, packed);
}

static int thaw_partial(struct ws_conn *w, str map)
{
    str data, mask;
    struct ws_partial *p;
    struct frozen f;
    size_t used;

    if (frozen_open(&f, map, &used) < 0)
        return ATR_ESYNTAX;
    data = frozen_bytes(&f, "data");
    mask = frozen_bytes(&f, "mask");
    if (!partial_makes_sense(w, &f, data) || mask.n != sizeof p->mask)
        return ATR_ESYNTAX;
    p = w->partial = ws_reader_partial(NULL, data.n);
    p->op = (uint8_t)frozen_uint(&f, "op", 0);
    p->frame_fin = frozen_bool(&f, "fin");
    p->frame_left = (uint32_t)frozen_uint(&f, "left", 0);
    p->mask_at = frozen_uint(&f, "at", 0) & 3;
    memcpy(p->mask, mask.p, sizeof p->mask);
    if (data.n)
        memcpy(p->data, data.p, data.n);
    p->len = (uint32_t)data.n;
    if (w->deflate)
        w->deflate->gathering = frozen_bool(&f, "packed");
    if (p->op == WS_TEXT && !frozen_bool(&f, "packed") && !utf8_feed(&p->utf8, data.p, data.n))
        return ATR_ESYNTAX;
    return 0;
}

/* --- The whole --- */

static void put_unless_empty(struct frozen_writer *m, const char *key, struct buf *bytes)
{
    if (bytes->len)
        frozen_put_bytes(m, key, buf_str(bytes));
    buf_free(bytes);
}

/* What there is to send is offered to the kernel once more. Whether the connection stands then. */
static bool settle(struct ws_conn *w)
{
    stream_offer(w->stream);
    if (w->pong) {
        stream_send(w->stream, w->pong);
        msg_unref(w->pong);
        w->pong = NULL;
    }
    return w->stream->fault == 0;
}

/* The descriptor; negative when a TLS connection cannot be tethered now, which then goes on. */
static int part_with(struct stream *s, struct buf *unread, struct buf *unsent)
{
    bool was_paused = s->paused;
    int fd;

    stream_pause(s);
    if (!s->secure) {
        fd = stream_detach(s, unread, unsent);
        ASSERT(fd >= 0); /* no fault, and nothing more was offered */
    } else if ((fd = tether_stream(s)) < 0 && !was_paused) {
        stream_resume(s);
    }
    return fd;
}

static void take_apart(struct ws_conn *w)
{
    ws_reader_drop(w);
    ws_deflate_free(w->deflate);
    w->deflate = NULL;
    w->stream = NULL;
}

int ws_conn_freeze(struct ws_conn *w, struct buf *out, int *fd)
{
    struct buf unread = { 0 }, unsent = { 0 };
    struct stream *s = w->stream;
    struct frozen_writer m;
    bool tethered;

    if (!s || w->close_sent || s->ending || s->fault || !settle(w))
        return ATR_ESTATE;
    tethered = w->tethered || s->secure;
    if ((*fd = part_with(s, &unread, &unsent)) < 0)
        return -EAGAIN;
    frozen_begin(&m, out, VERSION);
    frozen_put_uint(&m, "max", w->message_bytes_max);
    if (tethered)
        frozen_put_bool(&m, "tethered", true);
    if (w->partial)
        freeze_partial(&m, w->partial, w->deflate && w->deflate->gathering);
    if (w->deflate)
        ws_deflate_freeze(w->deflate, frozen_put_value(&m, "deflate"));
    put_unless_empty(&m, "unread", &unread);
    put_unless_empty(&m, "unsent", &unsent);
    frozen_end(&m);
    take_apart(w);
    return 0;
}

static int thaw_state(struct ws_conn *w, const struct frozen *f)
{
    str deflate = frozen_value(f, "deflate"), partial = frozen_value(f, "partial");

    if (deflate.p && !(w->deflate = ws_deflate_thaw(deflate)))
        return ATR_ESYNTAX;
    return partial.p ? thaw_partial(w, partial) : 0;
}

int ws_conn_thaw(struct ws_conn *w, struct loop *l, str map, int fd, const struct ws_events *events)
{
    struct frozen f;
    size_t used;
    uint64_t max;
    str unsent;

    *w = (struct ws_conn){ .events = events };
    if (frozen_open(&f, map, &used) < 0 || (max = frozen_uint(&f, "max", 0)) == 0 ||
        max > UINT32_MAX)
        return ATR_ESYNTAX;
    w->message_bytes_max = (uint32_t)max;
    w->tethered = frozen_bool(&f, "tethered");
    if (thaw_state(w, &f) < 0) {
        take_apart(w);
        return ATR_ESYNTAX;
    }
    w->stream = stream_new(l, fd, &ws_stream_events, w);
    stream_preload(w->stream, frozen_bytes(&f, "unread"));
    unsent = frozen_bytes(&f, "unsent");
    if (unsent.n)
        stream_write(w->stream, unsent);
    return 0;
}
