/* tests/unit/proto/test_http1_chunk.c - chunked bodies at every split, and the ways to break them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "test.h"

#include "base/buf.h"
#include "proto/http1.h"

/* Feeds `in` in pieces of `step` bytes. Returns the last answer; *used is how much was taken. */
static enum parse feed(str in, size_t step, struct buf *out, size_t *used)
{
    struct http_chunks c = { 0 };
    size_t have = 0, at = 0;
    enum parse p = PARSE_MORE;
    bool end = false;

    buf_clear(out);
    while (!end) {
        size_t took = 0, n = have - at;
        str data;
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, in.p + at, n);
        p = http1_chunk(&c, copy, n, &took, &data, &end);
        if (p == PARSE_DONE)
            buf_add(out, data);
        free(copy);
        if (p == PARSE_BAD)
            break;
        at += took;
        if (p == PARSE_MORE) {
            assert_int_equal(at, have); /* whatever is not wrong is taken */
            if (have == in.n)
                break;
            have = have + step < in.n ? have + step : in.n;
        }
    }
    *used = at;
    return p;
}

static enum parse feed_whole(str in)
{
    struct buf out = { 0 };
    size_t used;
    enum parse p = feed(in, in.n, &out, &used);

    buf_free(&out);
    return p;
}

#define FEED(literal) feed_whole(STR(literal))

static void body_is_restartable(void **state)
{
    str in =
        STR("5\r\nhello\r\n1;a=\"b\"\r\n \r\n00A;x\r\n0123456789\r\n0\r\nT: v\r\nU:\r\n\r\nNEXT");
    struct buf out = { 0 };
    size_t used;
    (void)state;

    for (size_t step = 1; step <= in.n; step++) {
        assert_int_equal(feed(in, step, &out, &used), PARSE_DONE);
        assert_str(buf_str(&out), "hello 0123456789");
        assert_int_equal(used, in.n - 4);
    }
    buf_free(&out);
}

static void prefixes_ask_for_more(void **state)
{
    str in = STR("3\r\nabc\r\nF;x\r\n0123456789abcde\r\n0\r\nT: v\r\n\r\n");
    (void)state;

    for (size_t n = 0; n < in.n; n++)
        assert_int_equal(feed_whole(str_n(in.p, n)), PARSE_MORE);
    assert_int_equal(feed_whole(in), PARSE_DONE);
}

static void sizes(void **state)
{
    (void)state;

    assert_int_equal(FEED("0\r\n\r\n"), PARSE_DONE);
    assert_int_equal(FEED("000\r\n\r\n"), PARSE_DONE);
    assert_int_equal(FEED("fF\r\n"), PARSE_MORE);
    assert_int_equal(FEED("0000000000000001\r\nx\r\n0\r\n\r\n"), PARSE_DONE);
    assert_int_equal(FEED("ffffffffffffffff\r\n"), PARSE_MORE);
    assert_int_equal(FEED("00000000000000001\r\n"), PARSE_BAD);
    assert_int_equal(FEED("10000000000000000\r\n"), PARSE_BAD);
    assert_int_equal(FEED("\r\n"), PARSE_BAD);
    assert_int_equal(FEED(";x\r\n"), PARSE_BAD);
    assert_int_equal(FEED("+5\r\n"), PARSE_BAD);
    assert_int_equal(FEED("-5\r\n"), PARSE_BAD);
    assert_int_equal(FEED("0x5\r\n"), PARSE_BAD);
    assert_int_equal(FEED("5_0\r\n"), PARSE_BAD);
    assert_int_equal(FEED(" 5\r\n"), PARSE_BAD);
    assert_int_equal(FEED("5 \r\n"), PARSE_BAD);
    assert_int_equal(FEED("5\t\r\n"), PARSE_BAD);
    assert_int_equal(FEED("5 ;x\r\n"), PARSE_BAD);
    assert_int_equal(FEED("5 5\r\n"), PARSE_BAD);
    assert_int_equal(FEED("5g\r\n"), PARSE_BAD);
    assert_int_equal(FEED("5\0\r\n"), PARSE_BAD);
    assert_int_equal(FEED("5,5\r\n"), PARSE_BAD);
}

static void line_ends(void **state)
{
    (void)state;

    assert_int_equal(FEED("1\nx\r\n0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1\rx\r\n0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1\r\nx\n0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1\r\nx0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1\r\nxX\n0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1\r\nx\rX0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1\r\nxy\r\n0\r\n\r\n"), PARSE_BAD); /* longer than it said */
    assert_int_equal(FEED("0\r\n\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\n\rX"), PARSE_BAD);
    assert_int_equal(FEED("0\n\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\nGET / HTTP/1.1\r\n"), PARSE_BAD);
}

static void extensions(void **state)
{
    (void)state;

    assert_int_equal(FEED("1;\r\nx\r\n0;y\r\n\r\n"), PARSE_DONE);
    assert_int_equal(FEED("1;a=b;c=\"d e\"\r\nx\r\n0\r\n\r\n"), PARSE_DONE);
    assert_int_equal(FEED("1;a\nx\r\n0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1;a\rx\r\n0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1;a\0\r\nx\r\n0\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("1;\x7f\r\nx\r\n0\r\n\r\n"), PARSE_BAD);
}

static void trailers(void **state)
{
    (void)state;

    assert_int_equal(FEED("0\r\nA: b\r\nC:d\r\n\r\n"), PARSE_DONE);
    assert_int_equal(FEED("0\r\nA\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\nA : b\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\n A: b\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\n: b\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\nA: b\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\nA: b\rc\r\n\r\n"), PARSE_BAD);
    assert_int_equal(FEED("0\r\nA: b\0\r\n\r\n"), PARSE_BAD);
}

/* Single bytes wrapped in megabytes of extensions or trailers are not read for ever. */
static void extras_are_bounded(void **state)
{
    static const struct {
        const char *first, *again;
    } cases[] = { { "0\r\n", "A: bbbbbbbb\r\n" },
                  { "1;", "aaaaaaaa" },
                  { "0\r\nA: ", "bbbbbbbb" },
                  { "0\r\n", "AAAAAAAA" },
                  { "", "1;aaaaaaaa\r\nx\r\n" } };
    struct buf out = { 0 }, in = { 0 };
    size_t used;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_clear(&in);
        buf_add(&in, str_of(cases[i].first));
        while (in.len < 4096)
            buf_add(&in, str_of(cases[i].again));
        assert_int_not_equal(feed(buf_str(&in), 100, &out, &used), PARSE_BAD);
        while (in.len < 64 * 1024)
            buf_add(&in, str_of(cases[i].again));
        assert_int_equal(feed(buf_str(&in), 100, &out, &used), PARSE_BAD);
    }
    buf_free(&in);
    buf_free(&out);
}

TEST_MAIN(cmocka_unit_test(body_is_restartable), cmocka_unit_test(prefixes_ask_for_more),
          cmocka_unit_test(sizes), cmocka_unit_test(line_ends), cmocka_unit_test(extensions),
          cmocka_unit_test(trailers), cmocka_unit_test(extras_are_bounded))
