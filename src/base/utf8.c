/* base/utf8.c - UTF-8 validation that can stop and go on at any byte.
 *
 * The state says what the next byte must be: how many continuation bytes are missing, and the range
 * the next one must lie in. The range is narrower than 80..BF only after the lead bytes E0, ED, F0
 * and F4; that alone excludes overlong forms, surrogates and what is beyond U+10FFFF (RFC 3629
 * section 4).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/utf8.h"

#include <string.h>

#include "base/assert.h"

#define STATE(missing, low, high)                                                                  \
    ((uint32_t)(missing) | (uint32_t)(low) << 8 | (uint32_t)(high) << 16)

/* The state after a lead byte; 0: the byte leads nothing. */
static inline uint32_t after_lead(uint8_t c)
{
    if (c < 0xc2)
        return 0; /* a continuation byte, or the overlong C0 and C1 */
    if (c < 0xe0)
        return STATE(1, 0x80, 0xbf);
    if (c < 0xf0)
        return STATE(2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf);
    if (c < 0xf5)
        return STATE(3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf);
    return 0;
}

static inline const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        if (word & 0x8080808080808080u)
            break;
        p += 8;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

/* Skips whole sequences that are surely valid, for speed alone: wherever it stops, the caller
 * judges byte by byte. */
static const uint8_t *skip_whole(const uint8_t *p, const uint8_t *end)
{
    for (;;) {
        p = skip_ascii(p, end);
        if (end - p < 4)
            return p;
        if (p[0] >= 0xc2 && p[0] < 0xe0 && (p[1] & 0xc0) == 0x80) {
            p += 2;
        } else if (p[0] >= 0xe0 && p[0] < 0xf0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
            unsigned top = (p[0] & 0x0fu) << 1 | (p[1] >> 5 & 1); /* of the code point: 5 bits */

            if (top == 0x00 || top == 0x1b)
                return p; /* overlong or a surrogate */
            p += 3;
        } else if (p[0] >= 0xf0 && p[0] < 0xf5 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
                   (p[3] & 0xc0) == 0x80) {
            unsigned plane = (p[0] & 0x07u) << 2 | (p[1] >> 4 & 3);

            if (plane < 1 || plane > 16)
                return p;
            p += 4;
        } else {
            return p;
        }
    }
}

bool utf8_feed(uint32_t *state, const void *in, size_t n)
{
    const uint8_t *p = in, *end;
    uint32_t s = *state;

    if (n == 0)
        return true; /* p may be NULL */
    end = p + n;
    while (p < end) {
        if (s == 0) {
            p = skip_whole(p, end);
            if (p == end)
                break;
            s = after_lead(*p++);
            if (s == 0)
                return false;
            continue;
        }
        if (*p < (s >> 8 & 0xff) || *p > s >> 16)
            return false;
        p++;
        s = (s & 0xff) == 1 ? 0 : STATE((s & 0xff) - 1, 0x80, 0xbf);
    }
    *state = s;
    return true;
}

bool utf8_valid(const void *p, size_t n)
{
    uint32_t state = 0;

    return utf8_feed(&state, p, n) && state == 0;
}

size_t utf8_put(uint8_t *out, uint32_t c)
{
    ASSERT(c <= 0x10ffff);
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}
