/* proto/ws_frame.c - RFC 6455 frame headers, masking and the handshake's key.
 *
 * Pure: no I/O, no clock, no allocation. Payloads are never copied here; the caller owns the bytes
 * and unmasks them in place.
 *
 * Invariants
 *   - a parse consumes one whole header or nothing at all;
 *   - a header is refused with its first wrong byte, not with its last;
 *   - on PARSE_DONE, f->len <= rules->len_max, so the caller may reserve f->len bytes;
 *   - control frames are final and carry at most 125 bytes (5.5).
 *
 * Start reading at ws_frame_parse().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/ws_frame.h"

#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/sha1.h"

enum { BIT_FIN = 0x80, BIT_RSV1 = 0x40, BITS_RSV23 = 0x30, BIT_MASK = 0x80, BIT_CONTROL = 0x08 };
enum { KEY_CHARS = 24, ACCEPT_CHARS = 28 };

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* The first byte: 5.2 for reserved bits and opcodes, RFC 7692 6 for the use of RSV1. */
static bool first_byte_ok(uint8_t b, const struct ws_rules *rules)
{
    unsigned op = b & 0x0f;

    if ((b & BITS_RSV23) || (op > WS_BINARY && op < WS_CLOSE) || op > WS_PONG)
        return false;
    if ((b & BIT_RSV1) && (!rules->rsv1 || (op != WS_TEXT && op != WS_BINARY)))
        return false;
    return (b & BIT_FIN) || !(op & BIT_CONTROL); /* 5.5: control frames are not fragmented */
}

enum parse ws_frame_parse(const uint8_t *in, size_t n, const struct ws_rules *rules,
                          struct ws_frame *f, enum ws_bad *bad)
{
    if (n < 1)
        return PARSE_MORE;
    *bad = WS_BAD_PROTOCOL;
    if (!first_byte_ok(in[0], rules))
        return PARSE_BAD;
    if (n < 2)
        return PARSE_MORE;
    bool masked = in[1] & BIT_MASK;
    unsigned len7 = in[1] & 0x7f;
    if (masked != rules->server) /* 5.1: clients mask, servers do not */
        return PARSE_BAD;
    if ((in[0] & BIT_CONTROL) && len7 > WS_CONTROL_MAX)
        return PARSE_BAD;

    size_t ext = len7 == 127 ? 8 : len7 == 126 ? 2 : 0;
    size_t head = 2 + ext + (masked ? 4 : 0);
    if (n < 2 + ext)
        return PARSE_MORE;
    uint64_t len = ext ? big_endian(in + 2, ext) : len7;
    if ((ext == 2 && len < 126) || (ext == 8 && (len < 65536 || len >> 63)))
        return PARSE_BAD; /* 5.2: the minimal number of bytes, and the most significant bit is 0 */
    if (len > rules->len_max) {
        *bad = WS_BAD_TOO_BIG;
        return PARSE_BAD;
    }
    if (n < head)
        return PARSE_MORE;

    *f = (struct ws_frame){ .op = in[0] & 0x0f,
                            .fin = in[0] & BIT_FIN,
                            .rsv1 = in[0] & BIT_RSV1,
                            .masked = masked,
                            .head = (uint8_t)head,
                            .len = len };
    if (masked)
        memcpy(f->mask, in + 2 + ext, 4);
    return PARSE_DONE;
}

size_t ws_frame_head_size(uint64_t len)
{
    return len < 126 ? 2 : len < 65536 ? 4 : 10;
}

size_t ws_frame_head(uint8_t *out, enum ws_op op, bool fin, uint64_t len)
{
    size_t head = ws_frame_head_size(len);

    out[0] = (uint8_t)((fin ? BIT_FIN : 0) | (unsigned)op);
    if (head == 2) {
        out[1] = (uint8_t)len;
        return head;
    }
    out[1] = head == 4 ? 126 : 127;
    for (size_t i = head; i-- > 2; len >>= 8)
        out[i] = (uint8_t)len;
    return head;
}

size_t ws_frame_head_masked(uint8_t *out, enum ws_op op, bool fin, uint64_t len,
                            const uint8_t mask[4])
{
    size_t head = ws_frame_head(out, op, fin, len);

    out[1] |= BIT_MASK;
    memcpy(out + head, mask, 4);
    return head + 4;
}

/* Vectors of 16 bytes: baseline on every 64-bit machine we run on, so no dispatch is needed. */
typedef uint64_t mask_vector __attribute__((vector_size(16)));

static uint8_t *unmask_vectors(uint8_t *p, const uint8_t *end, uint64_t word)
{
    mask_vector m = { word, word }, a, b;

    for (; (size_t)(end - p) >= 2 * sizeof m; p += 2 * sizeof m) {
        memcpy(&a, p, sizeof a);
        memcpy(&b, p + sizeof a, sizeof b);
        a ^= m;
        b ^= m;
        memcpy(p, &a, sizeof a);
        memcpy(p + sizeof a, &b, sizeof b);
    }
    return p;
}

/* The mask turned so that its byte `at` comes first in memory. In registers: reading back bytes
 * that were just written costs more than all the rest of a short frame. */
static uint32_t turn(const uint8_t mask[4], uint64_t at)
{
    unsigned bits = 8 * (unsigned)(at & 3);
    uint32_t m;

    memcpy(&m, mask, sizeof m);
    if (bits == 0)
        return m;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return m >> bits | m << (32 - bits);
#else
    return m << bits | m >> (32 - bits);
#endif
}

void ws_unmask(uint8_t *p, size_t n, const uint8_t mask[4], uint64_t at)
{
    uint32_t half = turn(mask, at);
    uint64_t word = (uint64_t)half << 32 | half, v;
    uint8_t *end = p + n;

    p = unmask_vectors(p, end, word);
    for (; (size_t)(end - p) >= sizeof v; p += sizeof v) {
        memcpy(&v, p, sizeof v);
        v ^= word;
        memcpy(p, &v, sizeof v);
    }
    while (p < end) /* all steps so far were multiples of four */
        *p++ ^= mask[at++ & 3];
}

bool ws_close_code_valid(unsigned code)
{
    /* 7.4.1: 1004 to 1006 and 1015 never travel; 1012 to 1014 were registered later. */
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static bool base64_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

bool ws_key_valid(str key)
{
    if (key.n != KEY_CHARS || key.p[KEY_CHARS - 2] != '=' || key.p[KEY_CHARS - 1] != '=')
        return false;
    for (size_t i = 0; i < KEY_CHARS - 2; i++)
        if (!base64_char(key.p[i]))
            return false;
    return true;
}

void ws_accept_key(char out[28], str key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* 1.3 */
    char text[KEY_CHARS + sizeof guid - 1];
    uint8_t digest[20];

    ASSERT(key.n == KEY_CHARS);
    memcpy(text, key.p, KEY_CHARS);
    memcpy(text + KEY_CHARS, guid, sizeof guid - 1);
    sha1(digest, text, sizeof text);
    base64_encode(out, digest, sizeof digest);
}
