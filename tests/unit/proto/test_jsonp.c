/* unit/proto/test_jsonp.c - polling by script elements and forms (socketio.md 1.11).
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/jsonp.h"

#include "exact.h"

static void assert_wrapped(str index, str payload, str want)
{
    struct buf b = { 0 };

    buf_add(&b, STR("\xe2\x80\xa8")); /* what is there already stays */
    jsonp_wrap(&b, index, payload);
    if (!str_eq(str_n(b.data + 3, b.len - 3), want))
        print_error("got %.*s, want %.*s\n", (int)b.len, b.data, STR_ARG(want));
    assert_true(str_eq(str_n(b.data, 3), STR("\xe2\x80\xa8")));
    assert_true(str_eq(str_n(b.data + 3, b.len - 3), want));
    buf_free(&b);
}

static void wraps_payloads(void **state)
{
    (void)state;
    assert_wrapped(STR("0"), STR("1:6"), STR("___eio[0](\"1:6\");"));
    assert_wrapped(STR("12"), STR("11:42[\"a\",\"\\n\"]"),
                   STR("___eio[12](\"11:42[\\\"a\\\",\\\"\\\\n\\\"]\");"));
    assert_wrapped(STR("0"), STR(""), STR("___eio[0](\"\");"));
    assert_wrapped(STR("0"), STR("a\n\x01\xff"), STR("___eio[0](\"a\\n\\u0001\xef\xbf\xbd\");"));
}

/* The parameter comes from the query of anybody's page. */
static void the_index_is_digits_only(void **state)
{
    (void)state;
    assert_wrapped(STR(""), STR("x"), STR("___eio[](\"x\");"));
    assert_wrapped(STR("1);alert(2"), STR("x"), STR("___eio[12](\"x\");"));
    assert_wrapped(STR("<a>\xe2\x80\xa8"), STR("x"), STR("___eio[](\"x\");"));
}

static void escapes_line_separators(void **state)
{
    (void)state;
    assert_wrapped(STR("0"), STR("\xe2\x80\xa8"), STR("___eio[0](\"\\u2028\");"));
    assert_wrapped(STR("0"), STR("a\xe2\x80\xa9z"), STR("___eio[0](\"a\\u2029z\");"));
    assert_wrapped(STR("0"), STR("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa8"),
                   STR("___eio[0](\"\\u2028\\u2029\\u2028\");"));
    /* neighbours stay, and so do halves of a character, as U+FFFD */
    assert_wrapped(STR("0"), STR("\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac"),
                   STR("___eio[0](\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac\");"));
    assert_wrapped(STR("0"), STR("\xe2\x80"), STR("___eio[0](\"\xef\xbf\xbd\");"));
}

static void assert_unwrapped(str body, str want)
{
    str copy = exact_copy(body), payload = { 0 };

    assert_int_equal(jsonp_unwrap((char *)copy.p, copy.n, &payload), PARSE_DONE);
    if (!str_eq(payload, want))
        print_error("%.*s: got %.*s\n", STR_ARG(body), STR_ARG(payload));
    assert_true(str_eq(payload, want));
    assert_true(payload.p >= copy.p && payload.p + payload.n <= copy.p + copy.n);
    free((void *)copy.p);
}

static void unwraps_forms(void **state)
{
    (void)state;
    assert_unwrapped(STR("d=1%3A2"), STR("1:2"));
    assert_unwrapped(STR("d=a+b%2B%26%3d"), STR("a b+&="));
    assert_unwrapped(STR("d="), STR(""));
    assert_unwrapped(STR("d"), STR(""));
    assert_unwrapped(STR("a=1&&d=x&e=d"), STR("x"));
    assert_unwrapped(STR("d=%f0%9f%98%80"), STR("\xf0\x9f\x98\x80"));
    assert_unwrapped(STR("d=a=b"), STR("a=b"));
}

static void restores_newlines(void **state)
{
    (void)state;
    assert_unwrapped(STR("d=a\\nb"), STR("a\nb"));
    assert_unwrapped(STR("d=%5Cn%5cn"), STR("\n\n"));
    assert_unwrapped(STR("d=a\\\\nb"), STR("a\\nb"));
    assert_unwrapped(STR("d=\\\\\\n"), STR("\\\\n"));
    assert_unwrapped(STR("d=\\\\n\\n"), STR("\\n\n"));
    assert_unwrapped(STR("d=\\"), STR("\\"));
    assert_unwrapped(STR("d=\\\\"), STR("\\\\"));
    assert_unwrapped(STR("d=\\t\\\\t"), STR("\\t\\\\t"));
    assert_unwrapped(STR("d=nn\\nn"), STR("nn\nn"));
}

static void refuses_other_forms(void **state)
{
    static const str bad[] = {
        TEXT(""),    TEXT("="),    TEXT("e=1"),   TEXT("D=1"),   TEXT("dd=1"),  TEXT("d=1&d=2"),
        TEXT("d=%"), TEXT("d=%4"), TEXT("d=%zz"), TEXT("d=%ff"), TEXT("d=%c3"), TEXT("d=\xc3"),
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        str copy = exact_copy(bad[i]), payload = { "untouched", 9 };
        assert_int_equal(jsonp_unwrap((char *)copy.p, copy.n, &payload), PARSE_BAD);
        assert_str(payload, "untouched");
        free((void *)copy.p);
    }
}

TEST_MAIN(cmocka_unit_test(wraps_payloads), cmocka_unit_test(the_index_is_digits_only),
          cmocka_unit_test(escapes_line_separators), cmocka_unit_test(unwraps_forms),
          cmocka_unit_test(restores_newlines), cmocka_unit_test(refuses_other_forms))
