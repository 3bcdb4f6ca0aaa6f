/* proto/json_scan.h - stepping over JSON text; shared by the json_*.c files only.
 *
 * Every function takes [p, end) and returns a position in [p, end], whatever the bytes are, so the
 * readers built on it stay in bounds on text that nobody checked.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_JSON_SCAN_H
#define PROTO_JSON_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

enum { JSON_WORD = 8 }; /* bytes looked at together inside a string */

#define JSON_EACH(c) (UINT64_C(0x0101010101010101) * (c))

/* Eight bytes with the first in the lowest place. */
static inline uint64_t json_load(const char *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return le64toh(x);
}

/* Sets the top bit of every byte that ends a plain run inside a string: a quote, a backslash or a
 * control character. Only the lowest set bit can be relied on: borrows run upward. */
static inline uint64_t json_stops(uint64_t x)
{
    uint64_t quote = x ^ JSON_EACH('"'), slash = x ^ JSON_EACH('\\');
    return ((quote - JSON_EACH(1)) | (slash - JSON_EACH(1)) | (x - JSON_EACH(0x20))) & ~x &
           JSON_EACH(0x80);
}

/* Which byte the lowest bit of a mask from json_stops() belongs to. */
static inline unsigned json_stop_at(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask) / 8;
}

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *json_skip_space(const char *p, const char *end)
{
    while (p < end && json_is_space(*p))
        p++;
    return p;
}

static inline bool json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of a slice; NULL plus zero is not C. */
static inline const char *json_end_of(str s)
{
    return s.n ? s.p + s.n : s.p;
}

/* From an opening quote to behind the closing one. */
const char *json_skip_string(const char *p, const char *end);
/* From the first byte of a value to behind its last; p itself when no value starts there. */
const char *json_skip_value(const char *p, const char *end);
/* Decodes the escape that starts behind a backslash (two for a surrogate pair) into 1 to 4 bytes. A
 * lone surrogate gives U+FFFD, an escape that is none the character itself: never more bytes than
 * were read. Needs p < end. */
const char *json_skip_escape(const char *p, const char *end, uint8_t out[4], unsigned *bytes);

#endif
