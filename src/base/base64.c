/* base/base64.c - RFC 4648 section 4, three bytes to four characters and back, by table.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"

#include "base/err.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a character, plus 1; 0: not of the alphabet. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
    ['-'] = 63, ['_'] = 64,
};

void base64_encode(char *out, const void *in, size_t n)
{
    const uint8_t *p = in;
    uint32_t w;

    for (; n >= 3; n -= 3, p += 3, out += 4) {
        w = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        out[0] = alphabet[w >> 18];
        out[1] = alphabet[w >> 12 & 63];
        out[2] = alphabet[w >> 6 & 63];
        out[3] = alphabet[w & 63];
    }
    if (n == 0)
        return;
    w = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
    out[0] = alphabet[w >> 18];
    out[1] = alphabet[w >> 12 & 63];
    out[2] = n == 2 ? alphabet[w >> 6 & 63] : '=';
    out[3] = '=';
}

/* The 2 or 3 characters after the last whole group. Returns the bytes written, or ATR_ESYNTAX. */
static ptrdiff_t decode_tail(uint8_t *out, const uint8_t *p, size_t n)
{
    uint8_t v[3] = { 1, 1, 1 };

    if (n == 0)
        return 0;
    if (n == 1)
        return ATR_ESYNTAX; /* six bits are not a byte */
    for (size_t i = 0; i < n; i++) {
        v[i] = values[p[i]];
        if (v[i] == 0)
            return ATR_ESYNTAX;
    }
    out[0] = (uint8_t)((v[0] - 1) << 2 | (v[1] - 1) >> 4);
    if (n == 3)
        out[1] = (uint8_t)((v[1] - 1) << 4 | (v[2] - 1) >> 2);
    return (ptrdiff_t)n - 1;
}

ptrdiff_t base64_decode(uint8_t *out, str in)
{
    const uint8_t *p = (const uint8_t *)in.p;
    uint8_t *start = out;
    size_t n = in.n;
    ptrdiff_t tail;

    if (n % 4 == 0 && n && p[n - 1] == '=') {
        n--;
        n -= p[n - 1] == '=';
    }
    for (; n >= 4; n -= 4, p += 4, out += 3) {
        uint32_t a = values[p[0]], b = values[p[1]], c = values[p[2]], d = values[p[3]];
        uint32_t w;

        if (!a || !b || !c || !d)
            return ATR_ESYNTAX;
        w = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        out[0] = (uint8_t)(w >> 16);
        out[1] = (uint8_t)(w >> 8);
        out[2] = (uint8_t)w;
    }
    tail = decode_tail(out, p, n);
    return tail < 0 ? tail : out - start + tail;
}
