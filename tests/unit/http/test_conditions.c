/* tests/unit/http/test_conditions.c - entity tags, conditions, ranges; and the types of files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "http/conditions.h"
#include "http/content_type.h"

static struct http_head head; /* static: it is large */
static char text[1000];

/* A GET request with these header lines. */
static const struct http_head *get(const char *lines)
{
    enum http_bad bad;
    int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", lines);

    assert_int_equal(http1_request(text, (size_t)n, 0, sizeof text, &head, &bad), PARSE_DONE);
    return &head;
}

static void lists_of_tags(void **state)
{
    str tag = STR("\"a,b\"");
    (void)state;

    assert_true(etag_listed(STR("\"a,b\""), tag));
    assert_true(etag_listed(STR("W/\"a,b\""), tag)); /* weak comparison */
    assert_true(etag_listed(STR("\"x\", \"a,b\""), tag));
    assert_true(etag_listed(STR("\"x\",W/\"y\" ,\t\"a,b\",\"z\""), tag));
    assert_true(etag_listed(STR("*"), tag));
    assert_false(etag_listed(STR(""), tag));
    assert_false(etag_listed(STR("\"a\", \"b\""), tag));
    assert_false(etag_listed(STR("a,b"), tag));
    assert_false(etag_listed(STR("\"a,b"), tag));
    assert_false(etag_listed(STR("w/\"a,b\""), tag));
    assert_false(etag_listed(STR("W/"), tag));
}

#define NOW      784111777
#define NOW_TEXT "Sun, 06 Nov 1994 08:49:37 GMT"

static void not_modified(void **state)
{
    str tag = STR("\"t\"");
    (void)state;

    assert_false(http_not_modified(get(""), tag, NOW));
    assert_true(http_not_modified(get("If-None-Match: \"t\"\r\n"), tag, NOW));
    assert_false(http_not_modified(get("If-None-Match: \"u\"\r\n"), tag, NOW));
    assert_true(http_not_modified(get("If-Modified-Since: " NOW_TEXT "\r\n"), tag, NOW));
    assert_true(http_not_modified(get("If-Modified-Since: " NOW_TEXT "\r\n"), tag, NOW - 1));
    assert_false(http_not_modified(get("If-Modified-Since: " NOW_TEXT "\r\n"), tag, NOW + 1));
    assert_false(http_not_modified(get("If-Modified-Since: yesterday\r\n"), tag, NOW));
    /* 13.1.3: the tag decides when there is one. */
    assert_false(http_not_modified(
        get("If-None-Match: \"u\"\r\nIf-Modified-Since: " NOW_TEXT "\r\n"), tag, NOW));
}

static void range_is(const char *lines, uint64_t size, enum http_range want, uint64_t first,
                     uint64_t last)
{
    uint64_t a = 0, b = 0;

    if (http_range_of(get(lines), size, STR("\"t\""), NOW, &a, &b) != want || a != first ||
        b != last)
        fail_msg("%s", lines);
}

static void ranges(void **state)
{
    (void)state;

    range_is("", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=0-0\r\n", 100, HTTP_RANGE_ONE, 0, 0);
    range_is("Range: Bytes=10-19\r\n", 100, HTTP_RANGE_ONE, 10, 19);
    range_is("Range: bytes=10-\r\n", 100, HTTP_RANGE_ONE, 10, 99);
    range_is("Range: bytes=10-1000\r\n", 100, HTTP_RANGE_ONE, 10, 99);
    range_is("Range: bytes=-10\r\n", 100, HTTP_RANGE_ONE, 90, 99);
    range_is("Range: bytes=-1000\r\n", 100, HTTP_RANGE_ONE, 0, 99);
    range_is("Range: bytes=99-99\r\n", 100, HTTP_RANGE_ONE, 99, 99);
    range_is("Range: bytes=100-\r\n", 100, HTTP_RANGE_UNSATISFIABLE, 0, 0);
    range_is("Range: bytes=-0\r\n", 100, HTTP_RANGE_UNSATISFIABLE, 0, 0);
    range_is("Range: bytes=0-\r\n", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0);
    range_is("Range: bytes=5-4\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=0-1,3-4\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=-\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=5\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=a-b\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=0x1-2\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=--1\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=18446744073709551616-\r\n", 100, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: lines=1-2\r\n", 100, HTTP_RANGE_NONE, 0, 0);
}

static void if_range(void **state)
{
    (void)state;

    range_is("Range: bytes=1-2\r\nIf-Range: \"t\"\r\n", 9, HTTP_RANGE_ONE, 1, 2);
    range_is("Range: bytes=1-2\r\nIf-Range: \"u\"\r\n", 9, HTTP_RANGE_NONE, 0, 0);
    range_is("Range: bytes=1-2\r\nIf-Range: W/\"t\"\r\n", 9, HTTP_RANGE_NONE, 0, 0); /* strong */
    range_is("Range: bytes=1-2\r\nIf-Range: " NOW_TEXT "\r\n", 9, HTTP_RANGE_ONE, 1, 2);
    range_is("Range: bytes=1-2\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 9, HTTP_RANGE_NONE,
             0, 0);
}

static void types(void **state)
{
    static const char octets[] = "application/octet-stream";
    (void)state;

    assert_string_equal(content_type_of(STR("a/index.html"))->name, "text/html; charset=utf-8");
    assert_string_equal(content_type_of(STR("a.min.JS"))->name, "text/javascript; charset=utf-8");
    assert_string_equal(content_type_of(STR("a.js.map"))->name, "application/json; charset=utf-8");
    assert_string_equal(content_type_of(STR("a.png"))->name, "image/png");
    assert_string_equal(content_type_of(STR("a"))->name, octets);
    assert_string_equal(content_type_of(STR("a."))->name, octets);
    assert_string_equal(content_type_of(STR("html"))->name, octets);
    assert_string_equal(content_type_of(STR("a.html/b"))->name, octets);
    assert_string_equal(content_type_of(STR(""))->name, octets);
    assert_true(content_type_of(STR("a.css"))->compressible);
    assert_false(content_type_of(STR("a.jpg"))->compressible);
}

TEST_MAIN(cmocka_unit_test(lists_of_tags), cmocka_unit_test(not_modified), cmocka_unit_test(ranges),
          cmocka_unit_test(if_range), cmocka_unit_test(types))
