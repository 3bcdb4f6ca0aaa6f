/* socketio/cluster_wire.c - see cluster_wire.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster_wire.h"

#include "base/mem.h"

enum { IN_BODY = 0x80, FRAME_BYTES = 6 /* length, frame header's length, binary */ };

/* --- Pieces --- */

static const char *take(struct sio_reader *r, size_t n)
{
    const char *at = r->at;

    if (r->broken || n > (size_t)(r->end - r->at)) {
        r->broken = true;
        return NULL;
    }
    r->at += n;
    return at;
}

uint8_t sio_read_u8(struct sio_reader *r)
{
    const char *p = take(r, 1);

    return p ? (uint8_t)*p : 0;
}

uint32_t sio_read_u32(struct sio_reader *r)
{
    const char *p = take(r, sizeof(uint32_t));
    uint32_t n = 0;

    if (p)
        memcpy(&n, p, sizeof n);
    return n;
}

uint64_t sio_read_u64(struct sio_reader *r)
{
    const char *p = take(r, sizeof(uint64_t));
    uint64_t n = 0;

    if (p)
        memcpy(&n, p, sizeof n);
    return n;
}

str sio_read_str(struct sio_reader *r)
{
    uint32_t n = sio_read_u32(r);
    const char *p = take(r, n);

    return p ? str_n(p, n) : (str){ 0 };
}

void sio_write_u32(struct buf *b, uint32_t n)
{
    buf_append(b, &n, sizeof n);
}

void sio_write_u64(struct buf *b, uint64_t n)
{
    buf_append(b, &n, sizeof n);
}

void sio_write_str(struct buf *b, str s)
{
    sio_write_u32(b, (uint32_t)s.n);
    buf_add(b, s);
}

/* --- Targets --- */

static void write_names(struct buf *b, const str *names, size_t count)
{
    sio_write_u32(b, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        sio_write_str(b, names[i]);
}

void sio_wire_write(struct buf *head, struct buf *body_front, str nsp, uint8_t flags,
                    const str *rooms, size_t room_count, const str *except, size_t except_count)
{
    size_t bytes = 0;
    bool in_body;

    for (size_t i = 0; i < room_count; i++)
        bytes += sizeof(uint32_t) + rooms[i].n;
    for (size_t i = 0; i < except_count; i++)
        bytes += sizeof(uint32_t) + except[i].n;
    in_body = bytes > SIO_WIRE_HEAD_MAX;
    buf_byte(head, SIO_WIRE_VERSION);
    buf_byte(head, flags | (in_body ? IN_BODY : 0));
    sio_write_str(head, nsp);
    write_names(in_body ? body_front : head, rooms, room_count);
    write_names(in_body ? body_front : head, except, except_count);
}

/* Two lists of names. The first pass counts them, since both lie in one block. */
static int read_names(struct sio_reader *r, struct sio_wire_target *t)
{
    struct sio_reader again = *r;
    str *at;

    t->room_count = sio_read_u32(r);
    for (size_t i = 0; i < t->room_count && !r->broken; i++)
        (void)sio_read_str(r);
    t->except_count = sio_read_u32(r);
    for (size_t i = 0; i < t->except_count && !r->broken; i++)
        (void)sio_read_str(r);
    if (r->broken)
        return ATR_ESYNTAX;
    at = t->room_count + t->except_count > SIO_WIRE_FEW
             ? mem_alloc((t->room_count + t->except_count) * sizeof *at)
             : t->few;
    t->rooms = at;
    t->except = at + t->room_count;
    (void)sio_read_u32(&again);
    for (size_t i = 0; i < t->room_count; i++)
        t->rooms[i] = sio_read_str(&again);
    (void)sio_read_u32(&again);
    for (size_t i = 0; i < t->except_count; i++)
        t->except[i] = sio_read_str(&again);
    return 0;
}

int sio_wire_read(struct sio_reader *r, struct sio_wire_target *out)
{
    uint8_t version = sio_read_u8(r), flags = sio_read_u8(r);

    out->rooms = out->except = NULL;
    out->room_count = out->except_count = 0;
    out->flags = flags & (uint8_t)~IN_BODY;
    out->in_body = flags & IN_BODY;
    out->nsp = sio_read_str(r);
    if (version != SIO_WIRE_VERSION || r->broken)
        return ATR_ESYNTAX;
    return out->in_body ? 0 : read_names(r, out);
}

int sio_wire_read_front(struct sio_reader *r, struct sio_wire_target *t)
{
    t->in_body = false;
    return read_names(r, t);
}

void sio_wire_free(struct sio_wire_target *t)
{
    if (t->rooms != t->few)
        mem_free(t->rooms);
    t->rooms = NULL;
}

/* --- Frames --- */

void sio_wire_write_frames(struct buf *head, struct msg *const *msgs, size_t count)
{
    sio_write_u32(head, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        sio_write_u32(head, msgs[i]->len);
        buf_byte(head, msgs[i]->head);
        buf_byte(head, msgs[i]->binary);
    }
}

int sio_wire_read_frames(struct sio_reader *r, size_t bytes, struct sio_wire_frames *out)
{
    uint64_t sum = 0;

    out->count = sio_read_u32(r);
    out->sizes = r->at;
    for (uint32_t i = 0; i < out->count && !r->broken; i++) {
        uint32_t n = sio_read_u32(r);
        uint8_t head = sio_read_u8(r), binary = sio_read_u8(r);

        if (head > n || binary > 1)
            return ATR_ESYNTAX;
        sum += n;
    }
    return r->broken || sum != bytes ? ATR_ESYNTAX : 0;
}

struct msg *sio_wire_frame(const struct sio_wire_frames *f, uint32_t i, str *body)
{
    struct sio_reader r = { f->sizes + (size_t)i * FRAME_BYTES,
                            f->sizes + (size_t)(i + 1) * FRAME_BYTES, false };
    uint32_t n = sio_read_u32(&r);
    struct msg *m = msg_of(str_n(body->p, n));

    m->head = sio_read_u8(&r);
    m->binary = sio_read_u8(&r);
    *body = str_n(body->p + n, body->n - n);
    return m;
}
