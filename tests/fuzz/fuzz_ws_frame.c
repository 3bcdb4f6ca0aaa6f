/* fuzz/fuzz_ws_frame.c - any bytes as frame headers, to a server and to a client.
 *
 * What is accepted keeps the rules and is written back to the same bytes; every prefix of it asks
 * for more. Masking twice is nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/ws_frame.h"

#include "fuzz.h"

static void fuzz_header(const uint8_t *in, size_t n, const struct ws_rules *rules)
{
    uint8_t again[WS_HEAD_MAX];
    struct ws_frame f, other;
    enum ws_bad bad = 0;
    enum parse p = ws_frame_parse(in, n, rules, &f, &bad);
    size_t head;

    if (p == PARSE_BAD)
        ASSERT(bad == WS_BAD_PROTOCOL || bad == WS_BAD_TOO_BIG);
    if (p != PARSE_DONE) {
        ASSERT(p == PARSE_BAD || n < WS_HEAD_MAX);
        return;
    }
    ASSERT(f.head <= n && f.len <= rules->len_max && f.masked == rules->server);
    ASSERT(!f.rsv1 || rules->rsv1);
    ASSERT(f.op < WS_CLOSE || (f.fin && f.len <= WS_CONTROL_MAX));
    for (size_t i = 0; i < f.head; i++)
        ASSERT(ws_frame_parse(in, i, rules, &other, &bad) == PARSE_MORE);
    head = f.masked ? ws_frame_head_masked(again, f.op, f.fin, f.len, f.mask)
                    : ws_frame_head(again, f.op, f.fin, f.len);
    if (f.rsv1)
        again[0] |= 0x40;
    ASSERT(head == f.head && memcmp(again, in, head) == 0);
}

/* In place, from any point of the payload, in two parts: as byte by byte. */
static void fuzz_mask(const uint8_t *in, size_t n)
{
    uint8_t *work = fuzz_copy(in, n);
    size_t cut = n ? in[0] % (n + 1) : 0;
    const uint8_t mask[4] = { 1, 0x20, 0x33, 0xff };

    ws_unmask(work, cut, mask, 7);
    ws_unmask(work + cut, n - cut, mask, 7 + cut);
    for (size_t i = 0; i < n; i++)
        ASSERT(work[i] == (in[i] ^ mask[(7 + i) % 4]));
    free(work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct ws_rules rules[] = {
        { .len_max = 1 << 20, .server = true },
        { .len_max = UINT64_MAX, .server = true, .rsv1 = true },
        { .len_max = 1 << 20 },
    };
    uint8_t *in = fuzz_copy(data, n);

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        fuzz_header(in, n, &rules[i]);
    fuzz_mask(in, n);
    (void)ws_key_valid(str_n(in, n));
    free(in);
    return 0;
}
