/* unit/proto/test_schema_primitive.c - numbers and texts of @colyseus/schema.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>

#include "hex.h"
#include "proto/schema_primitive.h"

/* What JavaScript's encoder writes for each. */
static const struct sample {
    double n;
    const char *bytes;
} samples[] = {
    { 0, "00" },
    { -0.0, "00" },
    { 1, "01" },
    { 127, "7f" },
    { 128, "cc80" },
    { 255, "ccff" },
    { 256, "cd0001" },
    { 65535, "cdffff" },
    { 65536, "ce00000100" },
    { 2147483647, "ceffffff7f" },
    { 2147483648, "ca0000004f" },
    { 4294967295, "cb0000e0ffffffef41" },
    { 4294967296, "ca0000804f" },
    { 9007199254740991, "cbffffffffffff3f43" },
    { -1, "ff" },
    { -32, "e0" },
    { -33, "d0df" },
    { -128, "d080" },
    { -129, "d17fff" },
    { -32768, "d10080" },
    { -32769, "d2ff7fffff" },
    { -2147483648.0, "d200000080" },
    { -2147483649.0, "cb000020000000e0c1" },
    { 0.5, "ca0000003f" },
    { 0.1, "cacdcccc3d" },
    { -0.25, "ca000080be" },
    { 3.4e38, "cbaddf8cc733f9ef47" },
    { 1e300, "cb9c7500883ce4377e" },
    { 1.00000001, "ca0000803f" },
    { 16777217.5, "cb0000001800007041" },
};

static void test_numbers_take_the_form_of_javascript(void **state)
{
    struct buf b = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        buf_clear(&b);
        schema_write_number(&b, samples[i].n);
        assert_hex(buf_str(&b), samples[i].bytes);
    }
    buf_clear(&b);
    schema_write_number(&b, NAN);
    schema_write_number(&b, INFINITY);
    schema_write_number(&b, -INFINITY);
    assert_hex(buf_str(&b), "00 cbffffffffffff3f43 cbffffffffffff3fc3");
    buf_free(&b);
}

static void test_numbers_are_read_in_every_form(void **state)
{
    static const struct sample forms[] = {
        { 5, "cc05" },
        { 300, "cf2c01000000000000" },
        { -2, "d3feffffffffffffff" },
        { -2, "d2feffffff" },
        { 200, "d1c800" },
        { 1.5, "ca0000c03f" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        str bytes = hex_bytes(samples[i].bytes), rest = bytes;
        double n = 77;

        for (rest.n = 0; rest.n < bytes.n; rest.n++) {
            str cut = rest;
            assert_int_equal(schema_read_number(&cut, &n), PARSE_MORE);
            assert_true(n == 77);
            assert_int_equal(cut.n, rest.n);
        }
        assert_int_equal(schema_read_number(&rest, &n), PARSE_DONE);
        assert_int_equal(rest.n, 0);
        assert_true(fabs(n - samples[i].n) < 1e-4);
        free((void *)bytes.p);
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        str bytes = hex_bytes(forms[i].bytes), rest = bytes;
        double n = 77;

        assert_int_equal(schema_read_number(&rest, &n), PARSE_DONE);
        assert_true(n == forms[i].n);
        free((void *)bytes.p);
    }
}

static void test_what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = { "80", "a0", "c0", "c9", "d4", "df" };
    static const char *const no_length[] = { "ff", "ca0000003f", "cd0001", "cb000000000000f87f" };
    uint32_t length = 77;
    double n = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        str bytes = hex_bytes(bad[i]), rest = bytes;

        assert_int_equal(schema_read_number(&rest, &n), PARSE_BAD);
        assert_int_equal(rest.n, bytes.n);
        free((void *)bytes.p);
    }
    for (size_t i = 0; i < sizeof no_length / sizeof *no_length; i++) {
        str bytes = hex_bytes(no_length[i]), rest = bytes;

        assert_int_equal(schema_read_uint(&rest, 255, &length), PARSE_BAD);
        assert_int_equal(length, 77);
        free((void *)bytes.p);
    }
}

static void test_texts_of_every_length(void **state)
{
    static const size_t lengths[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
    static const char *const heads[] = {
        "a0", "a1", "bf", "d920", "d9ff", "da0001", "daffff", "db00000100",
    };
    static char text[65536];
    struct buf b = { 0 };

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        str head = hex_bytes(heads[i]), rest, got = STR("before");

        buf_clear(&b);
        schema_write_text(&b, str_n(text, lengths[i]));
        assert_int_equal(b.len, head.n + lengths[i]);
        assert_memory_equal(b.data, head.p, head.n);
        for (size_t cut = 0; cut < b.len; cut += cut < 8 ? 1 : 997) {
            rest = str_n(b.data, cut);
            assert_int_equal(schema_read_text(&rest, &got), PARSE_MORE);
            assert_str(got, "before");
        }
        rest = buf_str(&b);
        assert_int_equal(schema_read_text(&rest, &got), PARSE_DONE);
        assert_int_equal(rest.n, 0);
        assert_true(str_eq(got, str_n(text, lengths[i])));
        free((void *)head.p);
    }
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(test_numbers_take_the_form_of_javascript),
          cmocka_unit_test(test_numbers_are_read_in_every_form),
          cmocka_unit_test(test_what_is_no_number_is_refused),
          cmocka_unit_test(test_texts_of_every_length))
