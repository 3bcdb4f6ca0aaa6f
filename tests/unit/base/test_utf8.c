/* tests/unit/base/test_utf8.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/utf8.h"

#include "base/mem.h"
#include "rng.h"
#include "test.h"

/* The grammar of RFC 3629 section 4, one sequence at a time: what utf8.c is measured against.
 * Returns the length of the sequence, 0 if no continuation could make it valid, -1 if more is
 * needed. */
static int sequence(const uint8_t *p, size_t n)
{
    int len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t low = p[0], high;

    if (len == 0 || p[0] >= 0xf8)
        return 0;
    if (len == 1)
        return 1;
    low = p[0] & (0x7fu >> len);
    high = low;
    for (int i = 1; i < len; i++) {
        bool known = (size_t)i < n;

        if (known && (p[i] & 0xc0) != 0x80)
            return 0;
        low = low << 6 | (known ? p[i] & 0x3fu : 0);
        high = high << 6 | (known ? p[i] & 0x3fu : 0x3f);
    }
    if (high < (len == 2 ? 0x80u : len == 3 ? 0x800u : 0x10000u) || low > 0x10ffff)
        return 0;
    if (low >= 0xd800 && high <= 0xdfff)
        return 0;
    return (size_t)len <= n ? len : -1;
}

/* 1: valid; 0: not; -1: so far so good. */
static int judge(const uint8_t *p, size_t n)
{
    while (n) {
        int len = sequence(p, n);

        if (len <= 0)
            return len;
        p += len;
        n -= (size_t)len;
    }
    return 1;
}

static void every_code_point_and_nothing_else(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint8_t bytes[4];
        size_t n = utf8_put(bytes, c);
        bool surrogate = c >= 0xd800 && c <= 0xdfff;

        assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_valid(bytes, n), !surrogate);
        for (size_t cut = 1; cut < n; cut++)
            assert_false(utf8_valid(bytes, cut));
    }
}

/* All sequences of three bytes, and a fourth at its edges: verdict and haste agree with the
 * grammar. */
static void all_short_sequences_agree_with_the_grammar(void **state)
{
    static const uint8_t fourth[] = { 0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff };

    (void)state;
    for (uint32_t i = 0; i < 1 << 24; i++) {
        uint8_t p[8] = { (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 'a', 'a', 'a', 'a', 0 };
        uint32_t s = 0;
        int verdict = judge(p, 3);
        bool fine = utf8_feed(&s, p, 3);

        if (fine != (verdict != 0) || (fine && (s == 0) != (verdict == 1)))
            fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
        /* With text behind it the same sequence takes the fast path. */
        if (utf8_valid(p, 7) != (judge(p, 7) == 1))
            fail_msg("%02x %02x %02x and more", p[0], p[1], p[2]);
        if (p[0] < 0xf0)
            continue;
        for (size_t k = 0; k < sizeof fourth; k++) {
            p[3] = fourth[k];
            if (utf8_valid(p, 4) != (judge(p, 4) == 1) || utf8_valid(p, 7) != (judge(p, 7) == 1))
                fail_msg("%02x %02x %02x %02x", p[0], p[1], p[2], p[3]);
        }
    }
}

/* Text of mixed widths with one byte damaged at times: fed whole, in two parts split everywhere,
 * and byte by byte, the answer is the same, and it comes at the first byte that spoils the text. */
static void no_split_changes_the_verdict(void **state)
{
    struct rng rng = { 10 };

    (void)state;
    for (int round = 0; round < 3000; round++) {
        uint8_t text[80], *p;
        size_t n = 0, bad;
        uint32_t s = 0;
        int verdict;

        while (n < 60) {
            uint32_t c = (uint32_t)rng_below(&rng, 0x110000) >> (rng_below(&rng, 3) * 7);

            n += utf8_put(text + n, c);
        }
        if (round % 3 == 0)
            text[rng_below(&rng, n)] = (uint8_t)rng_u64(&rng);
        n -= rng_below(&rng, 8);
        p = mem_dup(text, n);
        verdict = judge(p, n);
        assert_int_equal(utf8_valid(p, n), verdict == 1);
        for (size_t cut = 0; cut <= n; cut++) {
            uint32_t two = 0;
            bool fine = utf8_feed(&two, p, cut) && utf8_feed(&two, p + cut, n - cut);

            assert_int_equal(fine, verdict != 0);
            if (fine)
                assert_int_equal(two == 0, verdict == 1);
        }
        for (bad = 0; bad < n && utf8_feed(&s, p + bad, 1); bad++)
            assert_int_not_equal(judge(p, bad + 1), 0);
        if (bad < n)
            assert_int_equal(judge(p, bad + 1), 0);
        mem_free(p);
    }
}

/* The fast path steps over 8 bytes at a time: a bad byte is found in every place of every
 * alignment. */
static void one_bad_byte_in_ascii_is_found(void **state)
{
    uint8_t text[64];

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t from = 0; from < 9; from++) {
        for (size_t to = from; to < sizeof text; to++) {
            assert_true(utf8_valid(text + from, to - from));
            for (size_t at = from; at < to; at++) {
                text[at] = 0x80;
                assert_false(utf8_valid(text + from, to - from));
                text[at] = 'a';
            }
        }
    }
    assert_true(utf8_valid(NULL, 0));
}

TEST_MAIN(cmocka_unit_test(every_code_point_and_nothing_else),
          cmocka_unit_test(all_short_sequences_agree_with_the_grammar),
          cmocka_unit_test(no_split_changes_the_verdict),
          cmocka_unit_test(one_bad_byte_in_ascii_is_found))
