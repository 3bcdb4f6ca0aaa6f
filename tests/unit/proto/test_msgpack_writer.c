/* unit/proto/test_msgpack_writer.c - MessagePack in the shortest forms.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/msgpack.h"

#include <math.h>

#include "exact.h"

#define assert_bytes(b, literal)                                                                   \
    do {                                                                                           \
        assert_str(buf_str(b), literal);                                                           \
        buf_clear(b);                                                                              \
    } while (0)

static void writes_scalars(void **state)
{
    struct buf b = { 0 };
    (void)state;

    msgpack_write_nil(&b);
    msgpack_write_bool(&b, false);
    msgpack_write_bool(&b, true);
    assert_bytes(&b, "\xc0\xc2\xc3");
    msgpack_write_float(&b, 1.5f);
    assert_bytes(&b, "\xca\x3f\xc0\x00\x00");
    msgpack_write_double(&b, 0.1);
    assert_bytes(&b, "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a");
    msgpack_write_double(&b, 1);
    assert_bytes(&b, "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00");
    buf_free(&b);
}

/* Each integer at the edge of a form takes the bytes it needs and reads back as it was. */
static void integers_take_the_shortest_form(void **state)
{
    static const struct {
        int64_t n;
        size_t bytes;
    } cases[] = {
        { 0, 1 },      { 127, 1 },    { 128, 2 },         { 255, 2 },         { 256, 3 },
        { 65535, 3 },  { 65536, 5 },  { UINT32_MAX, 5 },  { 4294967296, 9 },  { INT64_MAX, 9 },
        { -1, 1 },     { -32, 1 },    { -33, 2 },         { -128, 2 },        { -129, 3 },
        { -32768, 3 }, { -32769, 5 }, { -2147483648, 5 }, { -2147483649, 9 }, { INT64_MIN, 9 },
    };
    struct buf b = { 0 };
    struct msgpack_reader r;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t n = cases[i].n;
        buf_clear(&b);
        msgpack_write_int(&b, n);
        assert_int_equal(b.len, cases[i].bytes);
        msgpack_reader_init(&r, buf_str(&b), 0);
        if (n < 0) {
            assert_int_equal(msgpack_reader_next(&r), MSGPACK_INT);
            assert_true(r.integer == n);
        } else {
            assert_int_equal(msgpack_reader_next(&r), MSGPACK_UINT);
            assert_true(r.uint == (uint64_t)n);
        }
        assert_ptr_equal(r.at, r.end);
    }
    buf_clear(&b);
    msgpack_write_uint(&b, UINT64_MAX);
    assert_bytes(&b, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    buf_free(&b);
}

static void numbers_are_integers_when_they_can(void **state)
{
    struct buf b = { 0 };
    (void)state;

    msgpack_write_number(&b, 5);
    assert_bytes(&b, "\x05");
    msgpack_write_number(&b, -0.0);
    assert_bytes(&b, "\x00");
    msgpack_write_number(&b, -33);
    assert_bytes(&b, "\xd0\xdf");
    msgpack_write_number(&b, 1.5);
    assert_bytes(&b, "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00");
    msgpack_write_number(&b, -0x1p63);
    assert_bytes(&b, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    msgpack_write_number(&b, 0x1p63);
    assert_bytes(&b, "\xcf\x80\x00\x00\x00\x00\x00\x00\x00");
    msgpack_write_number(&b, 0x1p64);
    assert_bytes(&b, "\xcb\x43\xf0\x00\x00\x00\x00\x00\x00");
    msgpack_write_number(&b, -INFINITY);
    assert_bytes(&b, "\xcb\xff\xf0\x00\x00\x00\x00\x00\x00");
    msgpack_write_number(&b, NAN);
    assert_int_equal(b.len, 9);
    buf_free(&b);
}

/* The head in front of n bytes: its length, and that it reads back. */
static size_t head_of(void (*write)(struct buf *, str), size_t n, enum msgpack_token want)
{
    char *bytes = memset(malloc(n + 1), 'x', n + 1);
    struct buf b = { 0 };
    struct msgpack_reader r;
    size_t head;

    write(&b, str_n(bytes, n));
    msgpack_reader_init(&r, buf_str(&b), 0);
    assert_int_equal(msgpack_reader_next(&r), want);
    assert_true(str_eq(r.bytes, str_n(bytes, n)));
    assert_ptr_equal(r.at, r.end);
    head = b.len - n;
    free(bytes);
    buf_free(&b);
    return head;
}

static void write_ext_5(struct buf *b, str bytes)
{
    msgpack_write_ext(b, 5, bytes);
}

static void bodies_have_the_shortest_head(void **state)
{
    static const struct {
        size_t n, string, binary, ext;
    } cases[] = {
        { 0, 1, 2, 3 },  { 1, 1, 2, 2 },   { 2, 1, 2, 2 },   { 3, 1, 2, 3 },     { 4, 1, 2, 2 },
        { 8, 1, 2, 2 },  { 15, 1, 2, 3 },  { 16, 1, 2, 2 },  { 17, 1, 2, 3 },    { 31, 1, 2, 3 },
        { 32, 2, 2, 3 }, { 255, 2, 2, 3 }, { 256, 3, 3, 4 }, { 65535, 3, 3, 4 }, { 65536, 5, 5, 6 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = cases[i].n;
        assert_int_equal(head_of(msgpack_write_string, n, MSGPACK_STRING), cases[i].string);
        assert_int_equal(head_of(msgpack_write_binary, n, MSGPACK_BINARY), cases[i].binary);
        assert_int_equal(head_of(write_ext_5, n, MSGPACK_EXT), cases[i].ext);
    }
}

static void writes_containers(void **state)
{
    struct buf b = { 0 };
    (void)state;

    msgpack_write_array(&b, 0);
    msgpack_write_array(&b, 15);
    msgpack_write_array(&b, 16);
    msgpack_write_array(&b, 65535);
    msgpack_write_array(&b, 65536);
    assert_bytes(&b, "\x90\x9f\xdc\x00\x10\xdc\xff\xff\xdd\x00\x01\x00\x00");
    msgpack_write_map(&b, 0);
    msgpack_write_map(&b, 15);
    msgpack_write_map(&b, 16);
    msgpack_write_map(&b, 65536);
    assert_bytes(&b, "\x80\x8f\xde\x00\x10\xdf\x00\x01\x00\x00");
    buf_free(&b);
}

static void writes_timestamps(void **state)
{
    static const struct {
        int64_t seconds;
        uint32_t nanoseconds;
        size_t bytes;
    } cases[] = {
        { 0, 0, 6 },           { UINT32_MAX, 0, 6 },           { (int64_t)UINT32_MAX + 1, 0, 10 },
        { 0, 1, 10 },          { 17179869183, 999999999, 10 }, { 17179869184, 0, 15 },
        { -1, 999999999, 15 }, { INT64_MIN, 0, 15 },           { INT64_MAX, 5, 15 },
    };
    struct buf b = { 0 };
    struct msgpack_reader r;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t seconds = 0;
        uint32_t nanoseconds = 0;
        buf_clear(&b);
        msgpack_write_timestamp(&b, cases[i].seconds, cases[i].nanoseconds);
        assert_int_equal(b.len, cases[i].bytes);
        msgpack_reader_init(&r, buf_str(&b), 0);
        assert_int_equal(msgpack_reader_next(&r), MSGPACK_EXT);
        assert_int_equal(msgpack_timestamp(r.ext, r.bytes, &seconds, &nanoseconds), 0);
        assert_true(seconds == cases[i].seconds);
        assert_int_equal(nanoseconds, cases[i].nanoseconds);
    }
    buf_clear(&b);
    msgpack_write_timestamp(&b, 1, 0);
    assert_bytes(&b, "\xd6\xff\x00\x00\x00\x01");
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(writes_scalars), cmocka_unit_test(integers_take_the_shortest_form),
          cmocka_unit_test(numbers_are_integers_when_they_can),
          cmocka_unit_test(bodies_have_the_shortest_head), cmocka_unit_test(writes_containers),
          cmocka_unit_test(writes_timestamps))
