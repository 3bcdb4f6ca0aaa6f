/* unit/proto/test_json_reader.c - tokens in order, and an end to everything.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "exact.h"

/* Reads all tokens of text into a line: one letter each, strings and numbers spelled out. */
static void tell(struct buf *out, str text)
{
    static const char letters[] = {
        [JSON_T_NULL] = 'n',       [JSON_T_FALSE] = 'f',     [JSON_T_TRUE] = 't',
        [JSON_T_ARRAY] = '[',      [JSON_T_ARRAY_END] = ']', [JSON_T_OBJECT] = '{',
        [JSON_T_OBJECT_END] = '}', [JSON_T_BAD] = '!'
    };
    struct buf scratch = { 0 };
    str copy = exact_copy(text);
    struct json_reader r;
    enum json_token t;

    buf_clear(out);
    json_reader_init(&r, copy, &scratch);
    do {
        t = json_reader_next(&r);
        if (t == JSON_T_STRING || t == JSON_T_KEY)
            buf_format(out, t == JSON_T_KEY ? "%.*s=" : "'%.*s'", STR_ARG(r.string));
        else if (t == JSON_T_NUMBER)
            buf_format(out, "%g ", r.number);
        else if (t != JSON_T_END)
            buf_byte(out, (uint8_t)letters[t]);
    } while (t != JSON_T_END && t != JSON_T_BAD);
    assert_int_equal(json_reader_next(&r), t); /* both last for good */
    free((void *)copy.p);
    buf_free(&scratch);
}

static void reads_tokens(void **state)
{
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        { " null ", "n" },
        { "true", "t" },
        { "false", "f" },
        { "-1.5e1", "-15 " },
        { "\"a\\nb\"", "'a\nb'" },
        { "[]", "[]" },
        { " { } ", "{}" },
        { "[1,[2,[]],{\"a\":{\"b\":[null]},\"c\":\"\"},true]", "[1 [2 []]{a={b=[n]}c=''}t]" },
        { "{ \"x\" : [ { } , [ ] ] , \"\\u0079\" : 0 }", "{x=[{}[]]y=0 }" },
        { "[\"a\",\"b\\\\\",\"c\"]", "['a''b\\''c']" },
    };
    struct buf out = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tell(&out, str_of(cases[i].text));
        assert_true(str_eq(buf_str(&out), str_of(cases[i].tokens)));
    }
    buf_free(&out);
}

static void ends_badly_on_broken_text(void **state)
{
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        { "", "!" },
        { "  ", "!" },
        { "[", "[!" },
        { "[1", "[1 !" },
        { "[1,", "[1 !" },
        { "[1,]", "[1 !" },
        { "[,", "[!" },
        { "[1 2]", "[1 !" },
        { "{", "{!" },
        { "{\"a\"", "{!" },
        { "{\"a\":", "{a=!" },
        { "{\"a\":}", "{a=!" },
        { "{1:2}", "{!" },
        { "{\"a\":1]", "{a=1 !" },
        { "{\"a\":1,}", "{a=1 !" },
        { "[1}", "[1 !" },
        { "1 2", "1 !" },
        { "1,2", "1 !" },
        { "[]]", "[]!" },
        { "nul", "!" },
        { "truex", "!" },
        { "\"a", "!" },
        { "{]", "{!" },
        { "[\"a\":1]", "['a'!" },
        { "-", "!" },
        { "[1:2]", "[1 !" },
        { "}", "!" },
    };
    struct buf out = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tell(&out, str_of(cases[i].text));
        if (!str_eq(buf_str(&out), str_of(cases[i].tokens)))
            print_error("%s: %.*s\n", cases[i].text, (int)out.len, out.data);
        assert_true(str_eq(buf_str(&out), str_of(cases[i].tokens)));
    }
    buf_free(&out);
}

/* A text that was cut off anywhere is noticed. */
static void every_prefix_is_broken(void **state)
{
    str text = STR("[{\"key\":[1.5,\"\\u00e9\",null]},\"x\",{\"a\":{}}]");
    struct buf out = { 0 };
    (void)state;

    for (size_t n = 0; n < text.n; n++) {
        tell(&out, str_n(text.p, n));
        assert_int_equal(out.data[out.len - 1], '!');
    }
    tell(&out, text);
    assert_true(memchr(out.data, '!', out.len) == NULL);
    buf_free(&out);
}

static void as_deep_as_allowed(void **state)
{
    char text[2 * JSON_DEPTH + 2];
    struct buf out = { 0 };
    (void)state;

    memset(text, '[', JSON_DEPTH);
    memset(text + JSON_DEPTH, ']', JSON_DEPTH);
    tell(&out, str_n(text, 2 * JSON_DEPTH));
    assert_int_equal(out.len, 2 * JSON_DEPTH);
    assert_memory_equal(out.data, text, out.len);

    memset(text, '[', JSON_DEPTH + 1);
    memset(text + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
    tell(&out, str_n(text, 2 * JSON_DEPTH + 2));
    assert_int_equal(out.len, JSON_DEPTH + 1);
    assert_int_equal(out.data[JSON_DEPTH], '!');
    buf_free(&out);
}

static void strings_live_until_the_next_token(void **state)
{
    struct buf scratch = { 0 };
    struct json_reader r;
    (void)state;

    json_reader_init(&r, STR("[\"\\t1\",\"plain\",\"\\t2\"]"), &scratch);
    assert_int_equal(json_reader_next(&r), JSON_T_ARRAY);
    assert_int_equal(json_reader_next(&r), JSON_T_STRING);
    assert_str(r.string, "\t1");
    assert_int_equal(json_reader_next(&r), JSON_T_STRING);
    assert_str(r.string, "plain");
    assert_int_equal(json_reader_next(&r), JSON_T_STRING);
    assert_str(r.string, "\t2");
    assert_int_equal(scratch.len, 2); /* cleared per token */
    buf_free(&scratch);
}

TEST_MAIN(cmocka_unit_test(reads_tokens), cmocka_unit_test(ends_badly_on_broken_text),
          cmocka_unit_test(every_prefix_is_broken), cmocka_unit_test(as_deep_as_allowed),
          cmocka_unit_test(strings_live_until_the_next_token))
