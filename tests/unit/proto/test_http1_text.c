/* tests/unit/proto/test_http1_text.c - escapes, query strings, reasons.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "proto/http1.h"

static str unescape(const char *in, bool plus)
{
    static char out[100];
    ptrdiff_t n = http1_unescape(out, str_of(in), plus);

    return n < 0 ? (str){ 0 } : str_n(out, (size_t)n);
}

static void unescapes(void **state)
{
    (void)state;

    assert_str(unescape("", false), "");
    assert_str(unescape("abc", false), "abc");
    assert_str(unescape("%41%6a%6A", false), "Ajj");
    assert_str(unescape("a%00b", false), "a\0b");
    assert_str(unescape("a+b", false), "a+b");
    assert_str(unescape("a+b%2B", true), "a b+");
    assert_str(unescape("%E2%82%AC", true), "\xe2\x82\xac");
    assert_null(unescape("%", true).p);
    assert_null(unescape("%4", true).p);
    assert_null(unescape("a%4", true).p);
    assert_null(unescape("%4g", true).p);
    assert_null(unescape("%g4", true).p);
    assert_null(unescape("%%41", true).p);
    assert_null(unescape("% 1", true).p);
}

static void unescapes_in_place(void **state)
{
    char text[] = "%41%42c";
    (void)state;

    assert_int_equal(http1_unescape(text, str_of(text), false), 3);
    assert_memory_equal(text, "ABc", 3);
}

static void walks_queries(void **state)
{
    str rest = STR("a=1&&b&=x&c=2=3&"), name, value;
    (void)state;

    assert_true(http1_query_next(&rest, &name, &value));
    assert_str(name, "a");
    assert_str(value, "1");
    assert_true(http1_query_next(&rest, &name, &value));
    assert_str(name, "b");
    assert_str(value, "");
    assert_true(http1_query_next(&rest, &name, &value));
    assert_str(name, "");
    assert_str(value, "x");
    assert_true(http1_query_next(&rest, &name, &value));
    assert_str(name, "c");
    assert_str(value, "2=3");
    assert_false(http1_query_next(&rest, &name, &value));
    rest = (str){ 0 };
    assert_false(http1_query_next(&rest, &name, &value));
    rest = STR("");
    assert_false(http1_query_next(&rest, &name, &value));
}

static void knows_reasons(void **state)
{
    (void)state;

    assert_string_equal(http1_reason(404), "Not Found");
    assert_string_equal(http1_reason(101), "Switching Protocols");
    assert_string_equal(http1_reason(299), "Unknown");
}

TEST_MAIN(cmocka_unit_test(unescapes), cmocka_unit_test(unescapes_in_place),
          cmocka_unit_test(walks_queries), cmocka_unit_test(knows_reasons))
