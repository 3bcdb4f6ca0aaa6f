/* base/sha1.c - RFC 3174, method 1 (section 6.1).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sha1.h"

#include <string.h>

enum { BLOCK = 64 };

static inline uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

static void block(uint32_t h[5], const uint8_t *in)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

    for (int t = 0; t < 16; t++)
        w[t] = load_be32(in + t * 4);
    for (int t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    for (int t = 0; t < 80; t++) {
        uint32_t f, k, next;

        if (t < 20) /* section 5 */
            f = (b & c) | (~b & d), k = 0x5a827999;
        else if (t < 40)
            f = b ^ c ^ d, k = 0x6ed9eba1;
        else if (t < 60)
            f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        else
            f = b ^ c ^ d, k = 0xca62c1d6;
        next = rotate(a, 5) + f + e + w[t] + k;
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void sha1(uint8_t out[20], const void *in, size_t n)
{
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    uint8_t last[2 * BLOCK] = { 0 };
    const uint8_t *p = in;
    uint64_t bits = (uint64_t)n * 8;
    size_t left = n, padded;

    for (; left >= BLOCK; left -= BLOCK, p += BLOCK)
        block(h, p);

    /* Section 4: a 1 bit, zeros, and the length in bits as the last eight bytes of a block. */
    if (left)
        memcpy(last, p, left);
    last[left] = 0x80;
    padded = left + 1 + 8 <= BLOCK ? BLOCK : 2 * BLOCK;
    store_be32(last + padded - 8, (uint32_t)(bits >> 32));
    store_be32(last + padded - 4, (uint32_t)bits);
    for (size_t at = 0; at < padded; at += BLOCK)
        block(h, last + at);

    for (int i = 0; i < 5; i++)
        store_be32(out + i * 4, h[i]);
}
