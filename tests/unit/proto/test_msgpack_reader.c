/* unit/proto/test_msgpack_reader.c - MessagePack as tokens, sizes and timestamps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/msgpack.h"

#include "exact.h"

/* Writes the token down: what it is, and what it holds. */
static void note(struct buf *b, const struct msgpack_reader *r, enum msgpack_token t)
{
    static const char *const names[] = {
        [MSGPACK_END] = ".",       [MSGPACK_MORE] = "more",   [MSGPACK_BAD] = "bad",
        [MSGPACK_NIL] = "nil",     [MSGPACK_FALSE] = "false", [MSGPACK_TRUE] = "true",
        [MSGPACK_ARRAY_END] = "]", [MSGPACK_MAP_END] = "}",
    };

    if (r->key && t > MSGPACK_BAD)
        buf_byte(b, '@');
    switch (t) {
    case MSGPACK_UINT:
        buf_u64(b, r->uint);
        break;
    case MSGPACK_INT:
        buf_format(b, "%lld", (long long)r->integer);
        break;
    case MSGPACK_FLOAT:
        buf_format(b, "%.17g", r->number);
        break;
    case MSGPACK_STRING:
        buf_format(b, "'%.*s'", STR_ARG(r->bytes));
        break;
    case MSGPACK_BINARY:
        buf_format(b, "bin%zu", r->bytes.n);
        break;
    case MSGPACK_EXT:
        buf_format(b, "%sext%d:%zu", r->fixext ? "fix" : "", r->ext, r->bytes.n);
        break;
    case MSGPACK_ARRAY:
        buf_format(b, "[%u", r->count);
        break;
    case MSGPACK_MAP:
        buf_format(b, "{%u", r->count);
        break;
    default:
        buf_add(b, str_of(names[t]));
    }
    buf_byte(b, ' ');
}

/* Reads to the end, or to the first MORE or BAD. */
static enum msgpack_token trace(struct buf *b, str in, unsigned depth)
{
    str copy = exact_copy(in);
    struct msgpack_reader r;
    enum msgpack_token t;

    buf_clear(b);
    msgpack_reader_init(&r, copy, depth);
    do {
        t = msgpack_reader_next(&r);
        note(b, &r, t);
    } while (t > MSGPACK_BAD);
    free((void *)copy.p);
    return t;
}

/* The same with bytes that come one by one, each time at another place. */
static void trace_slowly(struct buf *b, str in)
{
    struct msgpack_reader r;
    size_t taken = 0, n = 0;
    enum msgpack_token t;
    str copy = exact_copy(str_n(in.p, 0));

    buf_clear(b);
    msgpack_reader_init(&r, copy, MSGPACK_DEPTH);
    do {
        const char *before = r.at;
        t = msgpack_reader_next(&r);
        taken += (size_t)(r.at - before);
        if (t != MSGPACK_MORE) {
            note(b, &r, t);
            continue;
        }
        assert_ptr_equal(r.at, before);
        assert_true(n < in.n);
        n++;
        free((void *)copy.p);
        copy = exact_copy(str_n(in.p + taken, n - taken));
        msgpack_reader_feed(&r, copy);
    } while (t > MSGPACK_BAD || t == MSGPACK_MORE);
    free((void *)copy.p);
}

static const struct {
    str in;
    const char *want;
} values[] = {
    { TEXT("\xc0"), "nil ." },
    { TEXT("\xc2"), "false ." },
    { TEXT("\xc3"), "true ." },
    /* integers: every form, and what it is for */
    { TEXT("\x00"), "0 ." },
    { TEXT("\x7f"), "127 ." },
    { TEXT("\xff"), "-1 ." },
    { TEXT("\xe0"), "-32 ." },
    { TEXT("\xcc\x00"), "0 ." },
    { TEXT("\xcc\xff"), "255 ." },
    { TEXT("\xcd\x01\x02"), "258 ." },
    { TEXT("\xcd\xff\xff"), "65535 ." },
    { TEXT("\xce\xff\xff\xff\xff"), "4294967295 ." },
    { TEXT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615 ." },
    { TEXT("\xcf\x00\x00\x00\x00\x00\x00\x00\x05"), "5 ." },
    { TEXT("\xd0\x80"), "-128 ." },
    { TEXT("\xd0\x7f"), "127 ." },
    { TEXT("\xd1\x80\x00"), "-32768 ." },
    { TEXT("\xd1\x00\x05"), "5 ." },
    { TEXT("\xd2\x80\x00\x00\x00"), "-2147483648 ." },
    { TEXT("\xd2\x7f\xff\xff\xff"), "2147483647 ." },
    { TEXT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808 ." },
    { TEXT("\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), "-1 ." },
    { TEXT("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807 ." },
    /* floats */
    { TEXT("\xca\x3f\xc0\x00\x00"), "1.5 ." },
    { TEXT("\xca\x3d\xcc\xcc\xcd"), "0.10000000149011612 ." },
    { TEXT("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.10000000000000001 ." },
    { TEXT("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), "inf ." },
    /* texts and bytes */
    { TEXT("\xa0"), "'' ." },
    { TEXT("\xa3"
           "abc"),
      "'abc' ." },
    { TEXT("\xbf"
           "0123456789012345678901234567890"),
      "'0123456789012345678901234567890' ." },
    { TEXT("\xd9\x01z"), "'z' ." },
    { TEXT("\xda\x00\x01z"), "'z' ." },
    { TEXT("\xdb\x00\x00\x00\x01z"), "'z' ." },
    { TEXT("\xc4\x00"), "bin0 ." },
    { TEXT("\xc4\x02\x00\xff"), "bin2 ." },
    { TEXT("\xc5\x00\x01x"), "bin1 ." },
    { TEXT("\xc6\x00\x00\x00\x01x"), "bin1 ." },
    /* extensions: the type is signed */
    { TEXT("\xd4\x05x"), "fixext5:1 ." },
    { TEXT("\xd5\xffxx"), "fixext-1:2 ." },
    { TEXT("\xd6\x80xxxx"), "fixext-128:4 ." },
    { TEXT("\xd7\x7fxxxxxxxx"), "fixext127:8 ." },
    { TEXT("\xd8\x00xxxxxxxxxxxxxxxx"), "fixext0:16 ." },
    { TEXT("\xc7\x00\x07"), "ext7:0 ." },
    { TEXT("\xc7\x01\xffx"), "ext-1:1 ." },
    { TEXT("\xc8\x00\x02\x01xx"), "ext1:2 ." },
    { TEXT("\xc9\x00\x00\x00\x01\x02x"), "ext2:1 ." },
    /* containers */
    { TEXT("\x90"), "[0 ] ." },
    { TEXT("\x80"), "{0 } ." },
    { TEXT("\x93\x01\x90\xc0"), "[3 1 [0 ] nil ] ." },
    { TEXT("\xdc\x00\x01\x05"), "[1 5 ] ." },
    { TEXT("\xdd\x00\x00\x00\x01\x05"), "[1 5 ] ." },
    { TEXT("\xde\x00\x01\xa1k\x05"), "{1 @'k' 5 } ." },
    { TEXT("\xdf\x00\x00\x00\x00"), "{0 } ." },
    { TEXT("\x82\xa1"
           "a\x81\x01\x02\xa1"
           "b\x91\xa1"
           "c"),
      "{2 @'a' {1 @1 2 } @'b' [1 'c' ] } ." },
    /* any value may be a key */
    { TEXT("\x81\x91\x01\x81\xc0\xc3"), "{1 @[1 1 ] {1 @nil true } } ." },
    /* what follows a value is not looked at */
    { TEXT("\x05\xc1"), "5 ." },
};

static bool same(const struct buf *b, const char *want)
{
    if (b->len == strlen(want) + 1 && memcmp(b->data, want, b->len - 1) == 0)
        return true;
    print_error("got %.*s, want %s\n", (int)b->len, b->data, want);
    return false;
}

static void reads_every_form(void **state)
{
    struct buf b = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_int_equal(trace(&b, values[i].in, MSGPACK_DEPTH), MSGPACK_END);
        assert_true(same(&b, values[i].want));
    }
    buf_free(&b);
}

static void asks_for_more_at_every_byte(void **state)
{
    struct buf b = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        str in = values[i].in;
        size_t whole = 0;
        trace_slowly(&b, in);
        assert_true(same(&b, values[i].want));
        assert_int_equal(msgpack_size(in, &whole), PARSE_DONE);
        for (size_t n = 0; n < whole; n++) {
            str part = exact_copy(str_n(in.p, n));
            size_t used = 77;
            assert_int_equal(trace(&b, part, MSGPACK_DEPTH), MSGPACK_MORE);
            assert_int_equal(msgpack_size(part, &used), PARSE_MORE);
            assert_int_equal(used, 77);
            free((void *)part.p);
        }
    }
    buf_free(&b);
}

static void size_is_where_the_reader_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        str copy = exact_copy(values[i].in);
        struct msgpack_reader r;
        enum msgpack_token t;
        size_t used = 0;
        msgpack_reader_init(&r, copy, MSGPACK_DEPTH);
        while ((t = msgpack_reader_next(&r)) > MSGPACK_BAD)
            ;
        assert_int_equal(t, MSGPACK_END);
        assert_int_equal(msgpack_size(copy, &used), PARSE_DONE);
        assert_int_equal(used, r.at - copy.p);
        free((void *)copy.p);
    }
}

static void refuses_what_is_nothing(void **state)
{
    struct buf b = { 0 };
    struct msgpack_reader r;
    size_t used = 77;
    (void)state;

    assert_int_equal(trace(&b, STR("\xc1"), MSGPACK_DEPTH), MSGPACK_BAD);
    assert_int_equal(trace(&b, STR("\x92\x01\xc1"), MSGPACK_DEPTH), MSGPACK_BAD);
    assert_int_equal(msgpack_size(STR("\x92\x01\xc1"), &used), PARSE_BAD);
    assert_int_equal(used, 77);

    msgpack_reader_init(&r, STR("\xc1\x05"), MSGPACK_DEPTH);
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_BAD);
    msgpack_reader_feed(&r, STR("\x05"));
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_BAD); /* for good */
    buf_free(&b);
}

static void bounds_depth(void **state)
{
    struct buf b = { 0 }, in = { 0 };
    size_t used = 0;
    (void)state;

    assert_int_equal(trace(&b, STR("\x91\x91\x05"), 2), MSGPACK_END);
    assert_int_equal(trace(&b, STR("\x91\x91\x05"), 1), MSGPACK_BAD);
    assert_int_equal(trace(&b, STR("\x90"), 0), MSGPACK_BAD);
    assert_int_equal(trace(&b, STR("\x05"), 0), MSGPACK_END);

    for (int i = 0; i < MSGPACK_DEPTH; i++)
        buf_byte(&in, i % 2 ? 0x91 : 0x81), i % 2 ? (void)0 : buf_byte(&in, 0xc0);
    buf_byte(&in, 0xc0);
    assert_int_equal(trace(&b, buf_str(&in), 1000), MSGPACK_END);
    buf_clear(&in);
    for (int i = 0; i <= MSGPACK_DEPTH; i++)
        buf_byte(&in, 0x91);
    buf_byte(&in, 0xc0);
    assert_int_equal(trace(&b, buf_str(&in), 1000), MSGPACK_BAD);
    /* sizes are found at any depth */
    assert_int_equal(msgpack_size(buf_str(&in), &used), PARSE_DONE);
    assert_int_equal(used, in.len);
    buf_free(&b);
    buf_free(&in);
}

/* A container whose elements cannot all be there is not begun, so its count may be trusted; nor is
 * one whose elements leave none for the containers around it. */
static void counts_are_bounded_by_the_input(void **state)
{
    struct buf b = { 0 };
    (void)state;

    assert_int_equal(trace(&b, STR("\xdd\xff\xff\xff\xff\x01\x02"), MSGPACK_DEPTH), MSGPACK_MORE);
    assert_true(same(&b, "more"));
    assert_int_equal(trace(&b, STR("\xdf\xff\xff\xff\xff\x01\x02"), MSGPACK_DEPTH), MSGPACK_MORE);
    assert_true(same(&b, "more"));
    assert_int_equal(trace(&b, STR("\x81\x01"), MSGPACK_DEPTH), MSGPACK_MORE);
    assert_true(same(&b, "more"));
    assert_int_equal(trace(&b, STR("\x92\x92\x01"), MSGPACK_DEPTH), MSGPACK_MORE);
    assert_true(same(&b, "[2 more"));
    assert_int_equal(trace(&b, STR("\x92\x92\x01\x02"), MSGPACK_DEPTH), MSGPACK_MORE);
    assert_true(same(&b, "[2 more"));
    assert_int_equal(trace(&b, STR("\x92\x92\x01\x02\x03"), MSGPACK_DEPTH), MSGPACK_END);
    assert_true(same(&b, "[2 [2 1 2 ] 3 ] ."));
    /* a body as long as the sum of all lengths can say */
    assert_int_equal(trace(&b, STR("\xc6\xff\xff\xff\xff\x01"), MSGPACK_DEPTH), MSGPACK_MORE);
    buf_free(&b);
}

static void skips_values(void **state)
{
    str in = exact_copy(STR("\x82\xa1"
                            "a\x92\x01\x80\xa1"
                            "b\x05"));
    struct msgpack_reader r;
    str raw = { 0 };
    (void)state;

    msgpack_reader_init(&r, in, 1); /* what is stepped over may be deeper */
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_MAP);
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_STRING);
    assert_true(r.key);
    assert_int_equal(msgpack_reader_skip(&r, &raw), PARSE_DONE);
    assert_false(r.key);
    assert_str(raw, "\x92\x01\x80");
    assert_ptr_equal(raw.p, in.p + 3);
    assert_int_equal(msgpack_reader_skip(&r, &raw), PARSE_DONE);
    assert_true(r.key); /* it was one */
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_UINT);
    assert_int_equal(msgpack_reader_skip(&r, &raw), PARSE_BAD); /* the map is over */
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_MAP_END);
    assert_int_equal(msgpack_reader_skip(&r, &raw), PARSE_BAD); /* and so is the input */
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_END);
    free((void *)in.p);

    msgpack_reader_init(&r, STR("\x92\x91"), 1);
    assert_int_equal(msgpack_reader_skip(&r, &raw), PARSE_MORE);
    msgpack_reader_feed(&r, STR("\x92\x91\xc1\x00"));
    assert_int_equal(msgpack_reader_skip(&r, &raw), PARSE_BAD);
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_BAD);
}

static void reads_timestamps(void **state)
{
    static const struct {
        int8_t type;
        str bytes;
        int err;
        int64_t seconds;
        uint32_t nanoseconds;
    } cases[] = {
        { -1, TEXT("\x00\x00\x00\x00"), 0, 0, 0 },
        { -1, TEXT("\xff\xff\xff\xff"), 0, 4294967295, 0 },
        { -1, TEXT("\x00\x00\x00\x04\x00\x00\x00\x02"), 0, 2, 1 },
        { -1, TEXT("\xee\x6b\x27\xff\xff\xff\xff\xff"), 0, 17179869183, 999999999 },
        { -1, TEXT("\xee\x6b\x28\x00\x00\x00\x00\x00"), ATR_ERANGE, 0, 0 },
        { -1, TEXT("\x3b\x9a\xc9\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0, -1, 999999999 },
        { -1, TEXT("\x3b\x9a\xca\x00\xff\xff\xff\xff\xff\xff\xff\xff"), ATR_ERANGE, 0, 0 },
        { -1, TEXT("\x00\x00\x00"), ATR_ETYPE, 0, 0 },
        { -1, TEXT(""), ATR_ETYPE, 0, 0 },
        { 0, TEXT("\x00\x00\x00\x00"), ATR_ETYPE, 0, 0 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t seconds = 77;
        uint32_t nanoseconds = 77;
        int err = msgpack_timestamp(cases[i].type, cases[i].bytes, &seconds, &nanoseconds);
        assert_int_equal(err, cases[i].err);
        assert_int_equal(seconds, err < 0 ? 77 : cases[i].seconds);
        assert_int_equal(nanoseconds, err < 0 ? 77 : cases[i].nanoseconds);
    }
}

TEST_MAIN(cmocka_unit_test(reads_every_form), cmocka_unit_test(asks_for_more_at_every_byte),
          cmocka_unit_test(size_is_where_the_reader_ends),
          cmocka_unit_test(refuses_what_is_nothing), cmocka_unit_test(bounds_depth),
          cmocka_unit_test(counts_are_bounded_by_the_input), cmocka_unit_test(skips_values),
          cmocka_unit_test(reads_timestamps))
