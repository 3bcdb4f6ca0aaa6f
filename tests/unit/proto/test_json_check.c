/* unit/proto/test_json_check.c - which texts are JSON (RFC 8259), byte by byte.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "exact.h"

static int check_exact(str text, unsigned depth)
{
    str copy = exact_copy(text);
    int err = json_check(copy, depth);

    free((void *)copy.p);
    return err;
}

static const str valid[] = {
    /* scalars, white space around them */
    TEXT("null"),
    TEXT("true"),
    TEXT("false"),
    TEXT("\"\""),
    TEXT(" \t\n\r1\r\n\t "),
    /* numbers */
    TEXT("0"),
    TEXT("-0"),
    TEXT("7"),
    TEXT("-12"),
    TEXT("0.5"),
    TEXT("-0.5"),
    TEXT("10.01"),
    TEXT("1e1"),
    TEXT("1E1"),
    TEXT("1e+1"),
    TEXT("1e-1"),
    TEXT("0e0"),
    TEXT("0.0e00"),
    TEXT("1e400"),
    TEXT("-1.5E+007"),
    TEXT("123456789012345678901234567890"),
    TEXT("0.00000000000000000000000000001"),
    /* strings */
    TEXT("\"a\""),
    TEXT("\"abcdefg\""),
    TEXT("\"abcdefgh\""),
    TEXT("\"abcdefghi\""),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0000\""),
    TEXT("\"\\uABcd\""),
    TEXT("\"\\ud83d\\ude00\""),
    TEXT("\"\\ud800\""),
    TEXT("\"\\udc00 \\ud800x\""),
    TEXT("\"/\x7f\""),
    TEXT("\"\xc3\xa9\""),
    TEXT("\"\xe2\x82\xac\""),
    TEXT("\"\xf0\x9f\x98\x80\""),
    TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
    TEXT("\"\xef\xbb\xbf\""),
    TEXT("\"\xef\xbf\xbf\""),
    TEXT("\"0123456789abcdef\\n0123456789abcdef\xc3\xa9 0123456789\""),
    /* containers */
    TEXT("[]"),
    TEXT("{}"),
    TEXT("[ ]"),
    TEXT("{ }"),
    TEXT("[[]]"),
    TEXT("[{}]"),
    TEXT("{\"a\":{}}"),
    TEXT("[1,2]"),
    TEXT("[ 1 , 2 ]"),
    TEXT("[null,true,false,\"x\",1,[],{}]"),
    TEXT("{\"a\":1,\"a\":2}"),
    TEXT("{\"\":0}"),
    TEXT("{ \"a\" : 1 , \"b\" : [ 2 ] }"),
    TEXT("{\"a\":[{\"b\":[{}]}]}"),
    TEXT("[[1,[2]],{\"x\":[3,{}]},4]"),
    TEXT("{\"\\u0061\":1}"),
};

static const str invalid[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("\xef\xbb\xbf[]"),
    TEXT("nul"),
    TEXT("nulll"),
    TEXT("True"),
    TEXT("NaN"),
    TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("undefined"),
    TEXT("'a'"),
    TEXT("a"),
    TEXT("\x01"),
    TEXT("\v1"),
    TEXT("\f1"),
    TEXT("\xc2\xa0"
         "1"),
    TEXT("/**/1"),
    TEXT("1//"),
    TEXT("1 2"),
    TEXT("\"a\"\"b\""),
    /* numbers */
    TEXT("-"),
    TEXT("+1"),
    TEXT("00"),
    TEXT("01"),
    TEXT("-01"),
    TEXT("1."),
    TEXT(".5"),
    TEXT("-.5"),
    TEXT("1.e1"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("1E-"),
    TEXT("1e1.5"),
    TEXT("0x10"),
    TEXT("1_000"),
    TEXT("1a"),
    TEXT("--1"),
    TEXT("- 1"),
    TEXT("1 .5"),
    TEXT("1,5"),
    TEXT("0e"),
    TEXT("-e1"),
    TEXT("\xef\xbc\x91"),
    /* strings */
    TEXT("\""),
    TEXT("\"a"),
    TEXT("\"\\\""),
    TEXT("\"\\"),
    TEXT("\"\\x\""),
    TEXT("\"\\a\""),
    TEXT("\"\\0\""),
    TEXT("\"\\u\""),
    TEXT("\"\\u12\""),
    TEXT("\"\\u123\""),
    TEXT("\"\\u123g\""),
    TEXT("\"\\u-123\""),
    TEXT("\"\\U0041\""),
    TEXT("\"\\'\""),
    TEXT("\"\n\""),
    TEXT("\"\t\""),
    TEXT("\"\x1f\""),
    TEXT("\"\x00\""),
    TEXT("\"01234567\x01\""),
    TEXT("\"0123456\x1f\""),
    TEXT("\"abc\ndefghijklmnop\""),
    /* containers */
    TEXT("["),
    TEXT("]"),
    TEXT("{"),
    TEXT("}"),
    TEXT("[1"),
    TEXT("[1,"),
    TEXT("[1,]"),
    TEXT("[,1]"),
    TEXT("[,]"),
    TEXT("[1,,2]"),
    TEXT("[1 2]"),
    TEXT("[1}"),
    TEXT("{]"),
    TEXT("[}"),
    TEXT("[1]]"),
    TEXT("[[]"),
    TEXT("[]]"),
    TEXT("{}}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\" 1}"),
    TEXT("{\"a\":1,}"),
    TEXT("{,}"),
    TEXT("{,\"a\":1}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{a:1}"),
    TEXT("{1:1}"),
    TEXT("{null:1}"),
    TEXT("{'a':1}"),
    TEXT("{\"a\"::1}"),
    TEXT("{\"a\":1,,\"b\":2}"),
    TEXT("{\"a\":1:2}"),
    TEXT("[\"a\":1]"),
    TEXT("{\"a\",1}"),
    TEXT("{\"a\":1]"),
    TEXT("{\"a\":[1}"),
    TEXT("[{]}"),
    TEXT("{[]:1}"),
    TEXT("[1,2],3"),
    TEXT("{}{}"),
    TEXT("[] x"),
    TEXT("[]\x00"),
    TEXT("\x00[]"),
    TEXT("[...]"),
};

static void accepts_what_is_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        int err = check_exact(valid[i], JSON_DEPTH);
        if (err)
            print_error("refused: %.*s\n", STR_ARG(valid[i]));
        assert_int_equal(err, 0);
    }
}

static void refuses_what_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        int err = check_exact(invalid[i], JSON_DEPTH);
        if (err != ATR_ESYNTAX)
            print_error("accepted: %.*s\n", STR_ARG(invalid[i]));
        assert_int_equal(err, ATR_ESYNTAX);
    }
}

/* No proper prefix of a container or a string is JSON, and nothing may follow one. (A number may
 * end early and still be one, and white space may follow.) */
static void a_cut_text_is_not_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        str text = valid[i];
        if (!memchr("[{\"tfn", text.p[0], 6))
            continue;
        for (size_t n = 0; n < text.n; n++)
            assert_int_equal(check_exact(str_n(text.p, n), JSON_DEPTH), ATR_ESYNTAX);
        for (int c = 1; c < 256; c++) {
            char more[256];
            assert_true(text.n > 0 && text.n < sizeof more);
            memcpy(more, text.p, text.n);
            more[text.n] = (char)c;
            assert_int_equal(check_exact(str_n(more, text.n + 1), JSON_DEPTH),
                             strchr(" \t\r\n", c) ? 0 : ATR_ESYNTAX);
        }
    }
}

/* Every byte at every place of a word, so that neither lane nor tail is special. */
static void every_byte_everywhere_in_a_string(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 24; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                char text[32];
                int want = c < 0x20 || c == '"' || c == '\\' ? ATR_ESYNTAX
                           : c >= 0x80                       ? ATR_EENCODING
                                                             : 0;
                memset(text, 'x', sizeof text);
                text[0] = text[n + 1] = '"';
                text[at + 1] = (char)c;
                if (c == '\\' && at + 1 < n)
                    continue; /* \x: refused too, but tried above */
                assert_int_equal(check_exact(str_n(text, n + 2), JSON_DEPTH), want);
            }
}

static void text_is_utf8(void **state)
{
    static const str bad[] = {
        TEXT("\"\x80\""),
        TEXT("\"\xc3\""),
        TEXT("\"\xc0\xaf\""),
        TEXT("\"\xe0\x9f\xbf\""),
        TEXT("\"\xed\xa0\x80\""),
        TEXT("\"\xe2\x82\""),
        TEXT("\"\xff\""),
        TEXT("\"\xf0\x8f\xbf\xbf\""),
        TEXT("\"\xf4\x90\x80\x80\""),
        TEXT("[\"\xe9\",1]"),
        TEXT("{\"\xe9\":1}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(check_exact(bad[i], JSON_DEPTH), ATR_EENCODING);
}

/* depth containers inside each other; every other one an object when mixed. */
static str nested(char *out, unsigned depth, bool mixed)
{
    char *to = out;

    for (unsigned i = 0; i < depth; i++)
        to = stpcpy(to, mixed && i % 2 ? "{\"k\":" : "[");
    *to++ = '1';
    for (unsigned i = depth; i-- > 0;)
        *to++ = mixed && i % 2 ? '}' : ']';
    return str_n(out, (size_t)(to - out));
}

static void depth_is_limited(void **state)
{
    static char text[8 * JSON_DEPTH + 64];
    (void)state;

    assert_int_equal(check_exact(STR("1"), 0), 0);
    assert_int_equal(check_exact(STR("[]"), 0), ATR_ELIMIT);
    assert_int_equal(check_exact(STR("{}"), 0), ATR_ELIMIT);
    assert_int_equal(check_exact(STR("[[],{},[]]"), 2), 0); /* side by side is not deep */
    for (unsigned depth = 1; depth <= JSON_DEPTH; depth++)
        for (int mixed = 0; mixed < 2; mixed++) {
            str t = nested(text, depth, mixed);
            assert_int_equal(check_exact(t, depth), 0);
            assert_int_equal(check_exact(t, depth - 1), ATR_ELIMIT);
        }
    /* nobody gets past what the reader's stack holds */
    assert_int_equal(check_exact(nested(text, JSON_DEPTH + 1, true), 100000), ATR_ELIMIT);
}

/* An object closes with a brace and an array with a bracket, at every level. */
static void brackets_match_at_every_depth(void **state)
{
    static char text[8 * JSON_DEPTH + 64];
    (void)state;

    str t = nested(text, JSON_DEPTH, true);
    for (size_t i = t.n - JSON_DEPTH; i < t.n; i++) {
        text[i] ^= ']' ^ '}';
        assert_int_equal(check_exact(t, JSON_DEPTH), ATR_ESYNTAX);
        text[i] ^= ']' ^ '}';
    }
    assert_int_equal(check_exact(t, JSON_DEPTH), 0);
}

TEST_MAIN(cmocka_unit_test(accepts_what_is_json), cmocka_unit_test(refuses_what_is_not),
          cmocka_unit_test(a_cut_text_is_not_json),
          cmocka_unit_test(every_byte_everywhere_in_a_string), cmocka_unit_test(text_is_utf8),
          cmocka_unit_test(depth_is_limited), cmocka_unit_test(brackets_match_at_every_depth))
