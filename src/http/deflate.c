/* http/deflate.c - messages through zlib's raw format, on streams that the thread shares.
 *
 * Invariants
 *   - a stream is reset before each message, so it carries nothing from one to the next, whoever
 *     they belong to;
 *   - what is restored grows by what has come out, never by what is claimed, and never past the
 *     output's max.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/deflate.h"

#include <zlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "http/zlib_memory.h"

enum { WINDOW_BYTES = 1 << DEFLATE_BITS_MAX, FIRST_PIECE = 4096 };
enum { AT_BLOCK = 128 }; /* in data_type: between two blocks; see zlib.h on inflate() */

/* 7.2.1: what a sync flush ends in, which does not travel. */
static const uint8_t tail[4] = { 0x00, 0x00, 0xff, 0xff };

static _Thread_local struct packer {
    z_stream z; /* zalloc set once it is in use */
    uint8_t mem_level, level;
} packers[DEFLATE_BITS_MAX + 1]; /* by window */
static _Thread_local z_stream unpacker;

static const Bytef *bytes(const void *p)
{
    return p;
}

/* --- Compressing --- */

static z_stream *packer(const struct deflate_how *how)
{
    struct packer *p = &packers[how->window_bits];
    int err = Z_OK;

    ASSERT(how->window_bits >= DEFLATE_BITS_MIN && how->window_bits <= DEFLATE_BITS_MAX);
    if (p->z.zalloc && p->mem_level != how->mem_level) {
        (void)deflateEnd(&p->z);
        p->z = (z_stream){ 0 };
    }
    if (!p->z.zalloc) {
        p->z.zalloc = zlib_alloc;
        p->z.zfree = zlib_free;
        err = deflateInit2(&p->z, how->level, Z_DEFLATED, -how->window_bits, how->mem_level,
                           Z_DEFAULT_STRATEGY);
    } else {
        err = deflateReset(&p->z);
        if (err == Z_OK && p->level != how->level)
            err = deflateParams(&p->z, how->level, Z_DEFAULT_STRATEGY);
    }
    ASSERT(err == Z_OK);
    p->mem_level = how->mem_level;
    p->level = how->level;
    return &p->z;
}

void deflate_message(struct buf *out, str in, str history, const struct deflate_how *how)
{
    z_stream *z = packer(how);
    size_t before = out->len, room;

    ASSERT(in.n > 0);
    ASSERT(in.n <= UINT32_MAX / 2);
    if (history.n) {
        int err = deflateSetDictionary(z, bytes(history.p), (uInt)history.n);
        ASSERT(err == Z_OK);
    }
    z->next_in = (z_const Bytef *)(uintptr_t)in.p;
    z->avail_in = (uInt)in.n;
    room = deflateBound(z, in.n) + 16; /* the flush adds an empty block */
    for (;;) {
        z->next_out = buf_extend(out, room);
        z->avail_out = (uInt)room;
        (void)deflate(z, Z_SYNC_FLUSH); /* Z_BUF_ERROR: it ended exactly at the end of the room */
        out->len -= z->avail_out;
        if (z->avail_out > 0)
            break;
        room = 256;
    }
    ASSERT(z->avail_in == 0);
    ASSERT(out->len - before > sizeof tail);
    ASSERT(memcmp(out->data + out->len - sizeof tail, tail, sizeof tail) == 0);
    out->len -= sizeof tail;
}

/* --- Restoring --- */

static z_stream *fresh_unpacker(void)
{
    z_stream *z = &unpacker;
    int err;

    if (z->zalloc) {
        err = inflateReset(z);
    } else {
        z->zalloc = zlib_alloc;
        z->zfree = zlib_free;
        err = inflateInit2(z, -DEFLATE_BITS_MAX); /* the largest window takes every smaller one */
    }
    ASSERT(err == Z_OK);
    return z;
}

/* Room for more, at least doubling; ATR_ELIMIT when there may be no more. */
static int make_room(struct buf *out, z_stream *z)
{
    size_t room = out->len < FIRST_PIECE ? FIRST_PIECE : out->len;

    if (out->max) {
        if (out->len >= out->max)
            return ATR_ELIMIT;
        if (room > out->max - out->len)
            room = out->max - out->len;
    }
    if (buf_reserve(out, room) < 0)
        return ATR_ELIMIT;
    room = out->cap - out->len;
    if (out->max && room > out->max - out->len)
        room = out->max - out->len;
    z->next_out = out->data + out->len;
    z->avail_out = (uInt)(room < UINT32_MAX / 2 ? room : UINT32_MAX / 2);
    return 0;
}

/* 7.2.3.4: a block may be the last one of its stream; what follows begins a new one, which sees
 * what went before all the same. */
static int begin_anew(z_stream *z)
{
    uint8_t *window = mem_alloc(WINDOW_BYTES);
    uInt n = 0;
    int err = inflateGetDictionary(z, window, &n);

    if (err == Z_OK)
        err = inflateReset(z);
    if (err == Z_OK && n)
        err = inflateSetDictionary(z, window, n);
    mem_free(window);
    return err == Z_OK ? 0 : ATR_ESYNTAX;
}

/* At the limit: whether the input ends without another byte coming out. */
static int ends_here(z_stream *z)
{
    uint8_t beyond;
    int err;

    do {
        z->next_out = &beyond;
        z->avail_out = 1;
        err = inflate(z, Z_SYNC_FLUSH);
        if (z->avail_out == 0)
            return ATR_ELIMIT;
        if (err == Z_STREAM_END)
            err = begin_anew(z);
        else if (err != Z_OK && err != Z_BUF_ERROR)
            err = ATR_ESYNTAX;
        else
            err = z->avail_in > 0 ? ATR_ESYNTAX : 0;
    } while (err == 0 && z->avail_in > 0);
    return err;
}

/* Takes a piece of input to its end. */
static int unpack(struct buf *out, z_stream *z, const void *in, size_t n)
{
    int err;

    z->next_in = (z_const Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)n;
    for (;;) {
        if (make_room(out, z) < 0)
            return ends_here(z);
        uInt before = z->avail_out, left = z->avail_in;
        err = inflate(z, Z_SYNC_FLUSH);
        out->len += before - z->avail_out;
        if (err == Z_STREAM_END) {
            if (begin_anew(z) < 0)
                return ATR_ESYNTAX;
            if (z->avail_in == 0)
                return 0;
            continue;
        }
        if (err != Z_OK && err != Z_BUF_ERROR)
            return ATR_ESYNTAX;
        if (z->avail_out > 0 && z->avail_in == 0)
            return 0;
        if (before == z->avail_out && left == z->avail_in)
            return ATR_ESYNTAX; /* it neither takes nor gives */
    }
}

int deflate_restore(struct buf *out, str in, str history)
{
    z_stream *z = fresh_unpacker();
    int err;

    ASSERT(in.n <= UINT32_MAX / 2);
    if (history.n && inflateSetDictionary(z, bytes(history.p), (uInt)history.n) != Z_OK)
        return ATR_ESYNTAX;
    if (in.n && (err = unpack(out, z, in.p, in.n)) < 0)
        return err;
    if ((err = unpack(out, z, tail, sizeof tail)) < 0)
        return err;
    return z->data_type & AT_BLOCK ? 0 : ATR_ESYNTAX; /* else it broke off within a block */
}

void deflate_trim(void)
{
    for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++)
        if (packers[i].z.zalloc) {
            (void)deflateEnd(&packers[i].z);
            packers[i] = (struct packer){ 0 };
        }
    if (unpacker.zalloc) {
        (void)inflateEnd(&unpacker);
        unpacker = (z_stream){ 0 };
    }
}
