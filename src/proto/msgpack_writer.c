/* proto/msgpack_writer.c - MessagePack, each value in the shortest of its forms.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/msgpack.h"

#include <endian.h>
#include <math.h>

#include "base/assert.h"

enum { NANOSECONDS = 1000000000 };

/* A first byte and the low `width` bytes of n behind it. */
static void put(struct buf *b, uint8_t first, uint64_t n, unsigned width)
{
    uint8_t *to = buf_extend(b, 1 + width);

    *to = first;
    for (unsigned i = width; i > 0; i--, n >>= 8)
        to[i] = (uint8_t)n;
}

/* The head of what has forms with lengths of 8 (unless first8 is 0), 16 and 32 bits. */
static void put_head(struct buf *b, uint8_t first8, uint8_t first16, uint8_t first32, size_t n)
{
    ASSERT(n <= UINT32_MAX);
    if (first8 && n <= UINT8_MAX)
        put(b, first8, n, 1);
    else if (n <= UINT16_MAX)
        put(b, first16, n, 2);
    else
        put(b, first32, n, 4);
}

void msgpack_write_nil(struct buf *b)
{
    buf_byte(b, 0xc0);
}

void msgpack_write_bool(struct buf *b, bool value)
{
    buf_byte(b, value ? 0xc3 : 0xc2);
}

void msgpack_write_uint(struct buf *b, uint64_t n)
{
    if (n < 0x80)
        buf_byte(b, (uint8_t)n);
    else if (n <= UINT8_MAX)
        put(b, 0xcc, n, 1);
    else if (n <= UINT16_MAX)
        put(b, 0xcd, n, 2);
    else if (n <= UINT32_MAX)
        put(b, 0xce, n, 4);
    else
        put(b, 0xcf, n, 8);
}

void msgpack_write_int(struct buf *b, int64_t n)
{
    if (n >= 0)
        msgpack_write_uint(b, (uint64_t)n);
    else if (n >= -0x20)
        buf_byte(b, (uint8_t)n);
    else if (n >= INT8_MIN)
        put(b, 0xd0, (uint64_t)n, 1);
    else if (n >= INT16_MIN)
        put(b, 0xd1, (uint64_t)n, 2);
    else if (n >= INT32_MIN)
        put(b, 0xd2, (uint64_t)n, 4);
    else
        put(b, 0xd3, (uint64_t)n, 8);
}

void msgpack_write_float(struct buf *b, float n)
{
    uint32_t bits;

    memcpy(&bits, &n, sizeof bits);
    put(b, 0xca, bits, 4);
}

void msgpack_write_double(struct buf *b, double n)
{
    uint64_t bits;

    memcpy(&bits, &n, sizeof bits);
    put(b, 0xcb, bits, 8);
}

void msgpack_write_number(struct buf *b, double n)
{
    if (n >= 0 && n < 0x1p64 && n == trunc(n))
        msgpack_write_uint(b, (uint64_t)n);
    else if (n < 0 && n >= -0x1p63 && n == trunc(n))
        msgpack_write_int(b, (int64_t)n);
    else
        msgpack_write_double(b, n);
}

void msgpack_write_string(struct buf *b, str s)
{
    if (s.n < 0x20)
        buf_byte(b, (uint8_t)(0xa0 | s.n));
    else
        put_head(b, 0xd9, 0xda, 0xdb, s.n);
    buf_add(b, s);
}

void msgpack_write_binary(struct buf *b, str bytes)
{
    put_head(b, 0xc4, 0xc5, 0xc6, bytes.n);
    buf_add(b, bytes);
}

void msgpack_write_ext(struct buf *b, int8_t type, str bytes)
{
    size_t n = bytes.n;

    if (n > 0 && n <= 16 && (n & (n - 1)) == 0) /* fixext 1, 2, 4, 8 and 16 */
        buf_byte(b, (uint8_t)(0xd4 + __builtin_ctzll(n)));
    else
        put_head(b, 0xc7, 0xc8, 0xc9, n);
    buf_byte(b, (uint8_t)type);
    buf_add(b, bytes);
}

void msgpack_write_timestamp(struct buf *b, int64_t seconds, uint32_t nanoseconds)
{
    uint8_t type = (uint8_t)MSGPACK_TIMESTAMP;

    ASSERT(nanoseconds < NANOSECONDS);
    if (seconds < 0 || seconds >= INT64_C(1) << 34) {
        put(b, 0xc7, 12, 1);
        put(b, type, nanoseconds, 4);
        memcpy(buf_extend(b, 8), &(uint64_t){ htobe64((uint64_t)seconds) }, 8);
    } else if (nanoseconds > 0 || seconds > UINT32_MAX) {
        buf_byte(b, 0xd7);
        put(b, type, (uint64_t)nanoseconds << 34 | (uint64_t)seconds, 8);
    } else {
        buf_byte(b, 0xd6);
        put(b, type, (uint64_t)seconds, 4);
    }
}

void msgpack_write_array(struct buf *b, uint32_t count)
{
    if (count < 0x10)
        buf_byte(b, (uint8_t)(0x90 | count));
    else
        put_head(b, 0, 0xdc, 0xdd, count);
}

void msgpack_write_map(struct buf *b, uint32_t count)
{
    if (count < 0x10)
        buf_byte(b, (uint8_t)(0x80 | count));
    else
        put_head(b, 0, 0xde, 0xdf, count);
}
