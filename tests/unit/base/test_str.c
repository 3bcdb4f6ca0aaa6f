/* tests/unit/base/test_str.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/str.h"

#include "base/err.h"
#include "base/mem.h"
#include "test.h"

static const str none = { NULL, 0 };

static void order_is_that_of_bytes_then_length(void **state)
{
    (void)state;
    assert_int_equal(str_cmp(STR("abc"), STR("abc")), 0);
    assert_true(str_cmp(STR("ab"), STR("abc")) < 0);
    assert_true(str_cmp(STR("abc"), STR("ab")) > 0);
    assert_true(str_cmp(STR("b"), STR("abc")) > 0);
    assert_true(str_cmp(STR("\x7f"), STR("\xff")) < 0);
    assert_int_equal(str_cmp(none, STR("")), 0);
    assert_true(str_cmp(none, STR("a")) < 0);
}

/* Exactly the 26 letters fold: not '[' and '{', and nothing above 127. */
static void only_ascii_letters_fold(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char x = (char)a, y = (char)b;
            bool letters = (a | 32) == (b | 32) && (a | 32) >= 'a' && (a | 32) <= 'z';

            assert_int_equal(str_ieq(str_n(&x, 1), str_n(&y, 1)), a == b || letters);
        }
    }
    assert_false(str_ieq(STR("ab"), STR("abc")));
    assert_true(str_ieq(none, STR("")));
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(str_starts(STR("websocket"), STR("web")));
    assert_false(str_starts(STR("web"), STR("websocket")));
    assert_false(str_starts(STR("Websocket"), STR("web")));
    assert_true(str_istarts(STR("Websocket"), STR("wEB")));
    assert_false(str_istarts(STR("we"), STR("web")));
    assert_true(str_ends(STR("a.min.js"), STR(".js")));
    assert_false(str_ends(STR("js"), STR(".js")));
    assert_false(str_ends(STR("a.jsx"), STR(".js")));
    assert_true(str_starts(none, none));
    assert_true(str_ends(none, none));
    assert_true(str_ends(STR("a"), STR("")));
    assert_true(str_starts(STR("a"), none));
}

static void searches_stay_inside(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("a=b=c"), '='), 1);
    assert_int_equal(str_find(str_n("ab=", 2), '='), -1);
    assert_int_equal(str_find(none, 0), -1);
    assert_int_equal(str_search(STR("one two two"), STR("two")), 4);
    assert_int_equal(str_search(str_n("one two", 6), STR("two")), -1);
    assert_int_equal(str_search(STR("a"), STR("aa")), -1);
    assert_int_equal(str_search(STR("a"), none), 0);
    assert_int_equal(str_search(none, STR("a")), -1);
    assert_int_equal(str_search(none, none), 0);
}

static void trimming_takes_blanks_only(void **state)
{
    (void)state;
    assert_str(str_trim(STR(" \t a b\t ")), "a b");
    assert_str(str_trim(STR("\r\n")), "\r\n");
    assert_int_equal(str_trim(STR("  ")).n, 0);
    assert_int_equal(str_trim(none).n, 0);
}

static void cutting_yields_every_part_once(void **state)
{
    str rest = STR("a,,b,"), part;

    (void)state;
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, "a");
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, "");
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, "b");
    assert_str(rest, "");
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, "");
    assert_false(str_cut(&rest, ',', &part));

    rest = STR("");
    assert_true(str_cut(&rest, ',', &part));
    assert_int_equal(part.n, 0);
    assert_false(str_cut(&rest, ',', &part));
    rest = none;
    assert_false(str_cut(&rest, ',', &part));
}

static void numbers_are_digits_and_fit(void **state)
{
    static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.", "1e3", "\xb1" };
    uint64_t n = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(str_to_u64(str_of(bad[i]), UINT64_MAX, &n), ATR_ESYNTAX);
    assert_int_equal(str_to_u64(none, 9, &n), ATR_ESYNTAX);
    assert_int_equal(str_to_u64(STR("18446744073709551616"), UINT64_MAX, &n), ATR_ERANGE);
    assert_int_equal(str_to_u64(STR("99999999999999999999999"), UINT64_MAX, &n), ATR_ERANGE);
    assert_int_equal(str_to_u64(STR("65536"), 65535, &n), ATR_ERANGE);
    /* Not a number at all, however long: the syntax is what is wrong with it. */
    assert_int_equal(str_to_u64(STR("99999999999999999999999x"), 9, &n), ATR_ESYNTAX);
    assert_int_equal(n, 77);
    assert_int_equal(str_to_u64(STR("65535"), 65535, &n), 0);
    assert_int_equal(n, 65535);
    assert_int_equal(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(str_to_u64(STR("0000000000000000000000000000007"), 9, &n), 0);
    assert_int_equal(n, 7);
}

static void a_copy_ends_in_zero(void **state)
{
    char *z = str_dup(str_n("abcdef", 3)), *empty = str_dup(none);

    (void)state;
    assert_string_equal(z, "abc");
    assert_string_equal(empty, "");
    mem_free(z);
    mem_free(empty);
    assert_int_equal(str_of(NULL).n, 0);
    assert_str(str_of("abc"), "abc");
}

static void distance_counts_changed_letters(void **state)
{
    char long_name[65];

    (void)state;
    memset(long_name, 'a', sizeof long_name);
    assert_int_equal(str_distance(STR("instances"), STR("Instances")), 0);
    assert_int_equal(str_distance(STR("instance"), STR("instances")), 1);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(str_distance(none, STR("abc")), 3);
    assert_int_equal(str_distance(str_n(long_name, 65), STR("a")), 64);
    assert_true(str_is_near(STR("instance"), 1));
    assert_false(str_is_near(STR("abc"), 4));
}

TEST_MAIN(cmocka_unit_test(order_is_that_of_bytes_then_length),
          cmocka_unit_test(only_ascii_letters_fold), cmocka_unit_test(prefixes_and_suffixes),
          cmocka_unit_test(searches_stay_inside), cmocka_unit_test(trimming_takes_blanks_only),
          cmocka_unit_test(cutting_yields_every_part_once),
          cmocka_unit_test(numbers_are_digits_and_fit),
          cmocka_unit_test(distance_counts_changed_letters), cmocka_unit_test(a_copy_ends_in_zero))
