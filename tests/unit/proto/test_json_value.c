/* unit/proto/test_json_value.c - walking, picking and reading values.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "base/mem.h"
#include "exact.h"

static void types(void **state)
{
    (void)state;
    assert_int_equal(json_type_of(STR("")), JSON_NONE);
    assert_int_equal(json_type_of(STR("  ")), JSON_NONE);
    assert_int_equal(json_type_of((str){ 0 }), JSON_NONE);
    assert_int_equal(json_type_of(STR("]")), JSON_NONE);
    assert_int_equal(json_type_of(STR(" null")), JSON_NULL);
    assert_int_equal(json_type_of(STR("true")), JSON_TRUE);
    assert_int_equal(json_type_of(STR("false")), JSON_FALSE);
    assert_int_equal(json_type_of(STR("-1")), JSON_NUMBER);
    assert_int_equal(json_type_of(STR("0")), JSON_NUMBER);
    assert_int_equal(json_type_of(STR("\n\"\"")), JSON_STRING);
    assert_int_equal(json_type_of(STR("\t[]")), JSON_ARRAY);
    assert_int_equal(json_type_of(STR("\r{}")), JSON_OBJECT);
}

static void walks_an_array(void **state)
{
    str text = STR(" [ 1 ,\"a,]\\\"\" , [2,[3]] ,{\"x\":[]}, null,true ] ");
    struct json_iter it;
    (void)state;

    json_iter_init(&it, text);
    assert_false(it.object);
    assert_true(json_iter_next(&it));
    assert_str(it.value, "1");
    assert_true(json_iter_next(&it));
    assert_str(it.value, "\"a,]\\\"\"");
    assert_true(json_iter_next(&it));
    assert_str(it.value, "[2,[3]]");
    assert_true(json_iter_next(&it));
    assert_str(it.value, "{\"x\":[]}");
    assert_true(json_iter_next(&it));
    assert_str(it.value, "null");
    assert_true(json_iter_next(&it));
    assert_str(it.value, "true");
    assert_false(json_iter_next(&it));
    assert_false(json_iter_next(&it)); /* and stays at the end */
    assert_int_equal(json_count(text), 6);
    assert_str(json_at(text, 0), "1");
    assert_str(json_at(text, 5), "true");
    assert_null(json_at(text, 6).p);
}

static void walks_an_object(void **state)
{
    str text = STR("{ \"a\" : 1,\"b{\":{\"a\":2} , \"\":\"}\"}");
    struct json_iter it;
    (void)state;

    json_iter_init(&it, text);
    assert_true(it.object);
    assert_true(json_iter_next(&it));
    assert_str(it.key, "\"a\"");
    assert_str(it.value, "1");
    assert_true(json_iter_next(&it));
    assert_str(it.key, "\"b{\"");
    assert_str(it.value, "{\"a\":2}");
    assert_true(json_iter_next(&it));
    assert_str(it.key, "\"\"");
    assert_str(it.value, "\"}\"");
    assert_false(json_iter_next(&it));
    assert_int_equal(json_count(text), 3);
}

static void nothing_to_walk(void **state)
{
    static const str texts[] = { TEXT("[]"), TEXT("{}"),   TEXT("[ ]"), TEXT("1"), TEXT("\"[1]\""),
                                 TEXT(""),   TEXT("null"), TEXT("["),   TEXT("{"), { 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(json_count(texts[i]), 0);
        assert_null(json_at(texts[i], 0).p);
        assert_null(json_get(texts[i], STR("a")).p);
    }
}

static void gets_members(void **state)
{
    str text = STR("{\"a\":1,\"b\":2,\"a\":{\"c\":3},\"\\u0064\\n\":4}");
    (void)state;

    assert_str(json_get(text, STR("a")), "{\"c\":3}"); /* the last one wins */
    assert_str(json_get(text, STR("b")), "2");
    assert_str(json_get(text, STR("d\n")), "4");
    assert_null(json_get(text, STR("c")).p); /* not inside others */
    assert_null(json_get(text, STR("")).p);
    assert_str(json_get(STR("{\"\":5}"), STR("")), "5");
    assert_null(json_get(STR("[\"a\",1]"), STR("a")).p);
    assert_null(json_at(text, 0).p); /* an object has no places */
}

static void reads_strings(void **state)
{
    static const struct {
        str token, want;
    } cases[] = {
        { TEXT("\"\""), TEXT("") },
        { TEXT("\"plain \xe2\x82\xac\""), TEXT("plain \xe2\x82\xac") },
        { TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\/\b\f\n\r\t") },
        { TEXT("\"\\u0041\\u00e9\\u20AC\""), TEXT("A\xc3\xa9\xe2\x82\xac") },
        { TEXT("\"x\\u0000y\""), TEXT("x\0y") },
        { TEXT("\"\\ud83d\\uDE00!\""), TEXT("\xf0\x9f\x98\x80!") },
        { TEXT("\"\\ud800\""), TEXT("\xef\xbf\xbd") },
        { TEXT("\"\\udc00z\""), TEXT("\xef\xbf\xbdz") },
        { TEXT("\"\\ud800\\ud83d\\ude00\""), TEXT("\xef\xbf\xbd\xf0\x9f\x98\x80") },
        { TEXT("\"\\ud800\\n\""), TEXT("\xef\xbf\xbd\n") },
        { TEXT("\"\\udfff\\ud800\""), TEXT("\xef\xbf\xbd\xef\xbf\xbd") },
        { TEXT("\"\\ud800x\\udc00\""), TEXT("\xef\xbf\xbdx\xef\xbf\xbd") },
        { TEXT("\"\\udbff\\udfff\""), TEXT("\xf4\x8f\xbf\xbf") },
        { TEXT("\"a\\nb\\nc\""), TEXT("a\nb\nc") },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf scratch = { 0 };
        str token = exact_copy(cases[i].token), got = { 0 };
        bool escaped = memchr(token.p, '\\', token.n) != NULL;

        buf_add(&scratch, STR("kept"));
        assert_int_equal(json_string(token, &scratch, &got), 0);
        assert_true(str_eq(got, cases[i].want));
        assert_true(json_string_is(token, cases[i].want));
        assert_memory_equal(scratch.data, "kept", 4);
        assert_int_equal(scratch.len, escaped ? 4 + got.n : 4);
        assert_true(escaped == (got.p != token.p + 1)); /* copied only when it has to be */
        for (size_t n = 0; n < cases[i].want.n; n++)
            assert_false(json_string_is(token, str_n(cases[i].want.p, n)));
        free((void *)token.p);
        buf_free(&scratch);
    }
}

static void refuses_other_types_as_strings(void **state)
{
    static const str others[] = { TEXT("1"),  TEXT("null"), TEXT("[\"a\"]"),
                                  TEXT("\""), TEXT(""),     { 0 } };
    struct buf scratch = { 0 };
    str got = STR("untouched");
    (void)state;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(json_string(others[i], &scratch, &got), ATR_ETYPE);
        assert_false(json_string_is(others[i], STR("")));
    }
    assert_str(got, "untouched");
    assert_null(scratch.data);
}

static void scratch_has_a_ceiling(void **state)
{
    struct buf scratch = BUF_MAX(4);
    str got = { 0 };
    (void)state;

    assert_int_equal(json_string(STR("\"\\n123456789\""), &scratch, &got), ATR_ELIMIT);
    assert_null(got.p);
    assert_int_equal(scratch.len, 0);
    buf_free(&scratch);
}

static void compares_strings(void **state)
{
    (void)state;
    assert_true(json_string_is(STR("\"abc\""), STR("abc")));
    assert_true(json_string_is(STR("\"\\u0061\\u0062c\""), STR("abc")));
    assert_true(json_string_is(STR("\"\""), (str){ 0 }));
    assert_false(json_string_is(STR("\"abc\""), STR("abd")));
    assert_false(json_string_is(STR("\"abc\""), STR("abcd")));
    assert_false(json_string_is(STR("\"a\\nb\""), STR("a\\nb")));
    assert_false(json_string_is(STR("\"\\u00e9\""), STR("\xc3"))); /* not half a character */
    assert_false(json_string_is(STR("abc"), STR("abc")));
}

/* Broken text may get any answer, but no answer lies outside it. */
static void stays_in_bounds_on_broken_text(void **state)
{
    static const str texts[] = {
        TEXT("[\"a\\"),     TEXT("[\"a\\u12"), TEXT("{\"a\""),    TEXT("{\"a\":"),
        TEXT("{\"a\":,}"),  TEXT("{,,\"a\""),  TEXT("[1 2 3]"),   TEXT("[:::]"),
        TEXT("[1,,]"),      TEXT("]]]]"),      TEXT("[[[[{{{{"),  TEXT("[\"\\ud800\\"),
        TEXT("{1:2,[3]:4"), TEXT("[}]}{[]}{"), TEXT("[\x80\xff"),
    };
    struct buf scratch = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t n = 0; n <= texts[i].n; n++) {
            str copy = exact_copy(str_n(texts[i].p, n)), got;
            struct json_iter it;
            size_t steps = 0;

            json_iter_init(&it, copy);
            while (json_iter_next(&it)) {
                assert_true(it.value.p >= copy.p && it.value.n > 0);
                assert_true(it.value.p + it.value.n <= copy.p + copy.n);
                assert_true(json_string(it.value, &scratch, &got) <= 0); /* any answer will do */
                (void)json_string_is(it.value, STR("a\\u12\\ud800"));
                assert_true(++steps <= n);
            }
            (void)json_get(copy, STR("a"));
            free((void *)copy.p);
        }
    buf_free(&scratch);
}

/* Reading does not allocate: views are slices, and scratch keeps its memory. */
static void warm_reading_allocates_nothing(void **state)
{
    str text = STR("{\"a\":[1,2,{\"b\":\"x\\ny\"}],\"c\":\"plain\"}");
    struct buf scratch = { 0 };
    uint64_t before;
    str got;
    (void)state;

    assert_int_equal(buf_reserve(&scratch, 64), 0);
    before = mem_count();
    assert_int_equal(json_check(text, JSON_DEPTH), 0);
    str b = json_get(json_at(json_get(text, STR("a")), 2), STR("b"));
    assert_int_equal(json_string(b, &scratch, &got), 0);
    assert_str(got, "x\ny");
    assert_int_equal(mem_count() - before, 0);
    buf_free(&scratch);
}

TEST_MAIN(cmocka_unit_test(types), cmocka_unit_test(walks_an_array),
          cmocka_unit_test(walks_an_object), cmocka_unit_test(nothing_to_walk),
          cmocka_unit_test(gets_members), cmocka_unit_test(reads_strings),
          cmocka_unit_test(refuses_other_types_as_strings), cmocka_unit_test(scratch_has_a_ceiling),
          cmocka_unit_test(compares_strings), cmocka_unit_test(stays_in_bounds_on_broken_text),
          cmocka_unit_test(warm_reading_allocates_nothing))
