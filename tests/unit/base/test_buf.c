/* tests/unit/base/test_buf.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/buf.h"

#include "count.h"
#include "rng.h"
#include "test.h"

static void empty_buffers_own_nothing(void **state)
{
    struct buf b = { 0 };

    (void)state;
    assert_allocs(0, {
        buf_append(&b, NULL, 0);
        buf_add(&b, (str){ NULL, 0 });
        assert_int_equal(buf_reserve(&b, 0), 0);
        assert_int_equal(buf_try_append(&b, NULL, 0), 0);
        buf_consume(&b, 0);
        buf_clear(&b);
        buf_free(&b);
    });
    assert_null(b.data);
    assert_int_equal(buf_str(&b).n, 0);
    assert_non_null(buf_extend(&b, 0)); /* a place for no bytes is still a place */
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void every_kind_of_addition(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_add(&b, STR("a"));
    buf_byte(&b, 'b');
    buf_append(&b, "cd", 2);
    memcpy(buf_extend(&b, 2), "ef", 2);
    buf_u64(&b, 0);
    buf_u64(&b, UINT64_MAX);
    buf_format(&b, "[%s %d]", "x", -7);
    assert_str(buf_str(&b), "abcdef018446744073709551615[x -7]");
    buf_free(&b);
}

/* vsnprintf wants a byte for its terminator, which is not part of the text: no length is special.
 */
static void formats_of_every_length(void **state)
{
    char text[300];

    (void)state;
    memset(text, 'x', sizeof text);
    for (int n = 0; n < (int)sizeof text; n++) {
        struct buf b = { 0 };

        buf_byte(&b, '<');
        buf_format(&b, "%.*s", n, text);
        buf_byte(&b, '>');
        assert_int_equal(b.len, n + 2);
        assert_int_equal(b.data[0], '<');
        assert_memory_equal(b.data + 1, text, (size_t)n);
        assert_int_equal(b.data[n + 1], '>');
        buf_free(&b);
    }
}

static void the_ceiling_holds_and_changes_nothing(void **state)
{
    struct buf b = BUF_MAX(100);
    char byte[101] = { 0 };

    (void)state;
    assert_int_equal(buf_reserve(&b, 101), ATR_ELIMIT);
    assert_null(b.data);
    assert_int_equal(buf_try_append(&b, byte, 60), 0);
    assert_int_equal(buf_try_append(&b, byte, 41), ATR_ELIMIT);
    assert_int_equal(b.len, 60);
    assert_int_equal(buf_try_append(&b, byte, 40), 0);
    assert_int_equal(b.len, 100);
    assert_true(b.cap <= 100);
    assert_int_equal(buf_try_append(&b, byte, 1), ATR_ELIMIT);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), ATR_ELIMIT);
    assert_int_equal(buf_reserve(&b, SIZE_MAX - 50), ATR_ELIMIT);
    buf_consume(&b, 1);
    assert_int_equal(buf_try_append(&b, byte, 1), 0);
    b.max = 50; /* lowered meanwhile */
    assert_int_equal(buf_reserve(&b, 1), ATR_ELIMIT);
    buf_free(&b);
    assert_int_equal(b.max, 50);
    assert_int_equal(b.cap, 0);
}

static void absurd_sizes_fail_without_a_ceiling_too(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_byte(&b, 'x');
    assert_int_equal(buf_reserve(&b, SIZE_MAX), ATR_ELIMIT);
    assert_int_equal(buf_reserve(&b, SIZE_MAX / 2 + 1), ATR_ELIMIT);
    assert_int_equal(b.len, 1);
    buf_free(&b);
}

static void growth_is_geometric(void **state)
{
    struct buf b = { 0 };

    (void)state;
    assert_allocs(15, for (int i = 0; i < 1000000; i++) buf_byte(&b, 'x'));
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_allocs(0, for (int i = 0; i < 1000000; i++) buf_byte(&b, 'x'));
    buf_free(&b);
}

/* A queue of bytes: whatever goes in at the back comes out at the front. */
static void bytes_pass_through_in_order(void **state)
{
    struct rng rng = { 1 };
    struct buf b = { 0 };
    uint8_t in = 0, out = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t n = rng_below(&rng, 50);

        if (rng_below(&rng, 2)) {
            uint8_t *p = buf_extend(&b, n);

            for (size_t k = 0; k < n; k++)
                p[k] = in++;
        } else {
            n = n < b.len ? n : b.len;
            for (size_t k = 0; k < n; k++)
                assert_int_equal(b.data[k], out++);
            buf_consume(&b, n);
        }
        assert_true(b.len <= b.cap);
    }
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(empty_buffers_own_nothing), cmocka_unit_test(every_kind_of_addition),
          cmocka_unit_test(formats_of_every_length),
          cmocka_unit_test(the_ceiling_holds_and_changes_nothing),
          cmocka_unit_test(absurd_sizes_fail_without_a_ceiling_too),
          cmocka_unit_test(growth_is_geometric), cmocka_unit_test(bytes_pass_through_in_order))
