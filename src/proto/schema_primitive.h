/* proto/schema_primitive.h - the primitive values of @colyseus/schema, which frames of Colyseus use
 * as well: numbers and texts with a prefix byte, everything little endian.
 *
 * They share prefixes with MessagePack and are not the same: 300 is cd 2c 01 here.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_PRIMITIVE_H
#define PROTO_SCHEMA_PRIMITIVE_H

#include <endian.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/parse.h"

enum { SCHEMA_NUMBER_MAX = 9, SCHEMA_TEXT_HEAD_MAX = 5 }; /* bytes that a put adds at most */

/* --- Writing: to memory with room enough; each returns where it ended. --- */

static inline uint8_t *schema_put_le(uint8_t *to, uint64_t bits, unsigned width)
{
    uint64_t le = htole64(bits);

    memcpy(to, &le, width);
    return to + width;
}

/* Lengths, indexes and references. */
static inline uint8_t *schema_put_uint(uint8_t *to, uint32_t n)
{
    if (n < 0x80) {
        *to = (uint8_t)n;
        return to + 1;
    }
    if (n <= UINT8_MAX) {
        to[0] = 0xcc;
        to[1] = (uint8_t)n;
        return to + 2;
    }
    *to = n <= UINT16_MAX ? 0xcd : 0xce;
    return schema_put_le(to + 1, n, n <= UINT16_MAX ? 2 : 4);
}

uint8_t *schema_put_int(uint8_t *to, int32_t n);
uint8_t *schema_put_float(uint8_t *to, double n); /* no integer of 32 bits */

/* A "number": the shortest form of an integer of 32 bits; 32 bits of floating point when the error
 * is below 1e-4; else 64. NaN becomes 0 and the infinities the largest safe integers, as in
 * JavaScript's encoder. */
static inline uint8_t *schema_put_number(uint8_t *to, double n)
{
    int32_t whole;

    if (!(n >= INT32_MIN && n <= INT32_MAX))
        return schema_put_float(to, n);
    whole = (int32_t)n;
    if ((double)whole != n)
        return schema_put_float(to, n);
    if (whole < 0 || whole >= 0x80)
        return schema_put_int(to, whole);
    *to = (uint8_t)whole;
    return to + 1;
}
/* What a decoder makes of it. */
double schema_number_seen(double n);

static inline uint8_t *schema_put_text_head(uint8_t *to, size_t n)
{
    if (n < 0x20) {
        *to = (uint8_t)(0xa0 | n);
        return to + 1;
    }
    *to = n <= UINT8_MAX ? 0xd9 : n <= UINT16_MAX ? 0xda : 0xdb;
    return schema_put_le(to + 1, n, n <= UINT8_MAX ? 1 : n <= UINT16_MAX ? 2 : 4);
}

static inline uint8_t *schema_put_text(uint8_t *to, str s)
{
    to = schema_put_text_head(to, s.n);
    if (s.n)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

/* --- The same, to a buffer of our own. --- */

void schema_write_uint(struct buf *out, uint32_t n);
void schema_write_number(struct buf *out, double n);
void schema_write_text(struct buf *out, str s);

/* --- Reading: takes the value off the front of *in. --- */

/* Every form of an integer, and of floating point. PARSE_BAD: another prefix. */
enum parse schema_read_number(str *in, double *out);
/* A number that is an integer from 0 to max. PARSE_BAD: another. */
enum parse schema_read_uint(str *in, uint32_t max, uint32_t *out);
/* A text, which is not checked to be UTF-8. */
enum parse schema_read_text(str *in, str *out);

#endif
