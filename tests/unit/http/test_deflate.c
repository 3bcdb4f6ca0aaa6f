/* tests/unit/http/test_deflate.c - messages compressed and restored, with and without a history,
 * and input that is none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "http/deflate.h"
#include "rng.h"

static const struct deflate_how usual = { .window_bits = 15, .level = 6, .mem_level = 8 };

/* Text that compresses, or noise that does not. */
static void fill(struct buf *b, size_t n, bool noise, struct rng *r)
{
    static const char words[] = "room player joined the lobby and said hello ";
    uint8_t *p;

    buf_clear(b);
    p = buf_extend(b, n);
    if (noise)
        rng_fill(r, p, n);
    else
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)words[(i * 7 / 3 + rng_below(r, 3)) % (sizeof words - 1)];
}

static void round_trip(str in, str history, const struct deflate_how *how)
{
    struct buf packed = { 0 }, plain = { .max = in.n };

    deflate_message(&packed, in, history, how);
    assert_int_equal(deflate_restore(&plain, buf_str(&packed), history), 0);
    assert_int_equal(plain.len, in.n);
    assert_memory_equal(plain.data, in.p, in.n);
    if (in.n > 1) { /* the limit is exact */
        plain.max = in.n - 1;
        buf_clear(&plain);
        assert_int_equal(deflate_restore(&plain, buf_str(&packed), history), ATR_ELIMIT);
    }
    buf_free(&packed);
    buf_free(&plain);
}

static void every_size_comes_back(void **state)
{
    static const size_t sizes[] = { 1,    2,    3,     125,   126,   1023,  1024,  4095,
                                    4096, 4097, 16384, 32768, 65535, 65536, 131072 };
    struct rng r = { 1 };
    struct buf b = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint8_t bits = 9; bits <= 15; bits++)
            for (int noise = 0; noise < 2; noise++) {
                struct deflate_how how = { bits, (uint8_t)(1 + i % 9), (uint8_t)(1 + bits % 9) };
                fill(&b, sizes[i], noise, &r);
                round_trip(buf_str(&b), STR(""), &how);
            }
    buf_free(&b);
    deflate_trim();
}

static void history_is_used_and_needed(void **state)
{
    struct buf with = { 0 }, without = { 0 }, plain = { .max = 1000 }, text = { 0 };
    struct rng r = { 2 };
    (void)state;

    fill(&text, 600, true, &r); /* noise that is in the history shrinks all the same */
    deflate_message(&without, buf_str(&text), STR(""), &usual);
    deflate_message(&with, buf_str(&text), buf_str(&text), &usual);
    assert_true(without.len >= 600);
    assert_true(with.len < 40);
    assert_int_equal(deflate_restore(&plain, buf_str(&with), buf_str(&text)), 0);
    assert_memory_equal(plain.data, text.data, 600);
    buf_clear(&plain);
    assert_int_equal(deflate_restore(&plain, buf_str(&with), STR("")), ATR_ESYNTAX);
    round_trip(buf_str(&text), buf_str(&text), &(struct deflate_how){ 9, 9, 9 });
    buf_free(&with);
    buf_free(&without);
    buf_free(&plain);
    buf_free(&text);
    deflate_trim();
}

/* RFC 7692 7.2.3: the examples. */
static void the_examples_of_the_standard(void **state)
{
    static const struct {
        const char *packed, *plain, *history;
        size_t n;
    } cases[] = {
        { "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello", "", 7 },                          /* 7.2.3.1 */
        { "\xf2\x00\x11\x00\x00", "Hello", "Hello", 5 },                             /* 7.2.3.2 */
        { "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello", "", 11 },         /* 7.2.3.3 */
        { "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello", "", 8 },                      /* 7.2.3.4 */
        { "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello", "", 13 }, /* 7.2.3.5 */
        { "\x00", "", "", 1 },                                                       /* 7.2.3.6 */
        { "\x02\x00", "", "", 2 },                                                   /* the same */
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf plain = { .max = 5 };
        assert_int_equal(deflate_restore(&plain, str_n(cases[i].packed, cases[i].n),
                                         str_of(cases[i].history)),
                         0);
        assert_int_equal(plain.len, strlen(cases[i].plain));
        assert_memory_equal(plain.data, cases[i].plain, plain.len);
        buf_free(&plain);
    }
    struct buf packed = { 0 };
    deflate_message(&packed, STR("Hello"), STR(""), &usual);
    assert_int_equal(packed.len, 7);
    assert_memory_equal(packed.data, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    buf_free(&packed);
    deflate_trim();
}

/* Several streams in one message, each ended by a final block; the second refers to the first. */
static void final_blocks_do_not_end_a_message(void **state)
{
    struct buf plain = { .max = 100 }, packed = { 0 };
    (void)state;

    buf_append(&packed, "\xf3\x48\xcd\xc9\xc9\x07\x00", 7); /* "Hello", final */
    buf_append(&packed, "\xf2\x00\x11\x00\x00", 5);         /* five from five before */
    assert_int_equal(deflate_restore(&plain, buf_str(&packed), STR("")), 0);
    assert_str(buf_str(&plain), "HelloHello");
    for (size_t max = 1; max < 10; max++) {
        buf_clear(&plain);
        plain.max = max;
        assert_int_equal(deflate_restore(&plain, buf_str(&packed), STR("")), ATR_ELIMIT);
    }
    plain.max = 10;
    buf_clear(&plain);
    assert_int_equal(deflate_restore(&plain, buf_str(&packed), STR("")), 0);
    buf_free(&plain);
    buf_free(&packed);
    deflate_trim();
}

/* A gigabyte announced in a megabyte costs no more than the limit. */
static void bombs_are_cut_off(void **state)
{
    struct buf zeroes = { 0 }, packed = { 0 }, plain = { .max = 100000 };
    (void)state;

    memset(buf_extend(&zeroes, 50 << 20), 0, 50 << 20);
    deflate_message(&packed, buf_str(&zeroes), STR(""), &usual);
    assert_true(packed.len < 100000);
    assert_int_equal(deflate_restore(&plain, buf_str(&packed), STR("")), ATR_ELIMIT);
    assert_true(plain.cap <= 100000);
    buf_free(&zeroes);
    buf_free(&packed);
    buf_free(&plain);
    deflate_trim();
}

/* Whatever comes in: an answer, within bounds; and what is cut short is refused. */
static void noise_is_survived(void **state)
{
    struct rng r = { 3 };
    struct buf text = { 0 }, packed = { 0 }, plain = { 0 };
    int good = 0;
    (void)state;

    fill(&text, 3000, false, &r);
    deflate_message(&packed, buf_str(&text), STR(""), &usual);
    for (size_t cut = 0; cut < packed.len; cut++) {
        buf_free(&plain);
        plain.max = 5000;
        good += deflate_restore(&plain, str_n(packed.data, cut), STR("")) == 0;
    }
    assert_true(good <= 2); /* an empty message is one, and so may be a cut at a block's end */
    for (int i = 0; i < 20000; i++) {
        uint8_t in[64];
        size_t n = rng_below(&r, sizeof in);
        rng_fill(&r, in, n);
        buf_clear(&plain);
        plain.max = 1 + rng_below(&r, 300);
        int err = deflate_restore(&plain, str_n(in, n), STR("some history"));
        assert_true(err == 0 || err == ATR_ESYNTAX || err == ATR_ELIMIT);
        assert_true(plain.len <= plain.max);
    }
    buf_free(&text);
    buf_free(&packed);
    buf_free(&plain);
    deflate_trim();
}

TEST_MAIN(cmocka_unit_test(every_size_comes_back), cmocka_unit_test(history_is_used_and_needed),
          cmocka_unit_test(the_examples_of_the_standard),
          cmocka_unit_test(final_blocks_do_not_end_a_message), cmocka_unit_test(bombs_are_cut_off),
          cmocka_unit_test(noise_is_survived))
