/* proto/http1_chars.c - the table of character classes, and the skipping of field values.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/http1_chars.h"

#include <stddef.h>
#include <string.h>

/* Sums of enum HTTP1_*; a row is 16 characters, 0x00 to 0x0f first. */
/* clang-format off */
const uint8_t http1_class[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0, 16,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    16, 23, 18, 17, 23, 23, 23, 23, 22, 22, 23, 23, 18, 23, 23, 18,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 22, 22, 18, 22, 18, 18,
    18, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23,
    23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 22, 18, 22, 19, 23,
    19, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23,
    23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 18, 19, 18, 23,  0,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
};
/* clang-format on */

#define BYTES(b) (0x0101010101010101u * (b))

/* Whether a byte of w is below 0x20 or is 0x7f. May err to true on a tab only, never to false: a
 * byte with its high bit set is neither. */
static bool has_control(uint64_t w)
{
    uint64_t del = w ^ BYTES(0x7f);

    return (((w - BYTES(0x20)) & ~w) | ((del - BYTES(1)) & ~del)) & BYTES(0x80);
}

const char *http1_skip_value(const char *p, const char *end)
{
    uint64_t w;

    for (;;) {
        while ((size_t)(end - p) >= sizeof w) {
            memcpy(&w, p, sizeof w);
            if (has_control(w))
                break;
            p += sizeof w;
        }
        size_t left = (size_t)(end - p), step = left < sizeof w ? left : sizeof w;
        for (size_t i = 0; i < step; i++, p++)
            if (!http1_is(*p, HTTP1_VALUE))
                return p;
        if (step == left)
            return end;
    }
}
