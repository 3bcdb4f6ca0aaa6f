/* cluster/sid.c - see sid.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/sid.h"

#include "base/random.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sid_make(char out[SID_LEN], unsigned home)
{
    uint8_t bytes[15];

    random_bytes(bytes, sizeof bytes);
    bytes[0] = (uint8_t)(home >> 8);
    bytes[1] = (uint8_t)home;
    for (int i = 0; i < SID_LEN; i += 4) {
        const uint8_t *b = bytes + i / 4 * 3;
        uint32_t three = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];

        for (int k = 0; k < 4; k++)
            out[i + k] = digits[three >> (18 - 6 * k) & 63];
    }
}

/* -1: none of ours. */
static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int sid_home(str sid)
{
    uint32_t first = 0;

    if (sid.n != SID_LEN)
        return SID_NO_HOME;
    for (size_t i = 0; i < sid.n; i++) {
        int d = digit(sid.p[i]);

        if (d < 0)
            return SID_NO_HOME;
        if (i < 3)
            first = first << 6 | (uint32_t)d;
    }
    return (int)(first >> 2); /* eighteen bits: the first sixteen */
}
