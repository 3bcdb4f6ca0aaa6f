/* unit/proto/test_eio3_payload.c - Engine.IO protocol 3 (socketio.md 1.11).
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/eio3_payload.h"

#include "base/utf8.h"
#include "exact.h"

typedef enum parse (*next_fn)(str *rest, struct eio_packet *out);

/* Takes a payload apart and writes down what was in it: "4m:data " or "4b:data ". Ends in "!" when
 * the rest is bad. */
static void take_apart(next_fn next, str body, struct buf *b)
{
    str copy = exact_copy(body), rest = copy;
    struct eio_packet p = { 0 };

    buf_clear(b);
    do {
        str before = rest;
        if (next(&rest, &p) != PARSE_DONE) {
            assert_ptr_equal(rest.p, before.p);
            assert_int_equal(rest.n, before.n);
            buf_byte(b, '!');
            break;
        }
        assert_true(p.data.p >= copy.p && p.data.p + p.data.n <= copy.p + copy.n);
        buf_format(b, "%d%c:%.*s ", p.type, p.binary ? 'b' : 'm', STR_ARG(p.data));
    } while (rest.p);
    free((void *)copy.p);
}

static void assert_parts(next_fn next, str body, const char *want)
{
    struct buf b = { 0 };

    take_apart(next, body, &b);
    if (!str_eq(buf_str(&b), str_of(want)))
        print_error("%.*s: got %.*s, want %s\n", STR_ARG(body), (int)b.len, b.data, want);
    assert_true(str_eq(buf_str(&b), str_of(want)));
    buf_free(&b);
}

static void cuts_text_payloads(void **state)
{
    (void)state;
    assert_parts(eio3_payload_next, STR("1:2"), "2m: ");
    assert_parts(eio3_payload_next, STR("6:2probe"), "2m:probe ");
    assert_parts(eio3_payload_next, STR("2:4a3:4bc1:6"), "4m:a 4m:bc 6m: ");
    assert_parts(eio3_payload_next, STR("7:42[\":\"]"), "4m:2[\":\"] ");
    assert_parts(eio3_payload_next, STR("0002:4a"), "4m:a ");
    /* lengths count UTF-16 code units: 1 for two and three bytes, 2 for four */
    assert_parts(eio3_payload_next, STR("2:4\xc3\xa9"), "4m:\xc3\xa9 ");
    assert_parts(eio3_payload_next, STR("2:4\xe2\x82\xac"), "4m:\xe2\x82\xac ");
    assert_parts(eio3_payload_next, STR("3:4\xf0\x9f\x98\x80"), "4m:\xf0\x9f\x98\x80 ");
    assert_parts(eio3_payload_next,
                 STR("5:4\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac"
                     "1:3"),
                 "4m:\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac 3m: ");
}

static void cuts_base64(void **state)
{
    (void)state;
    assert_parts(eio3_payload_next, STR("6:b4YWJj"), "4b:abc ");
    assert_parts(eio3_payload_next, STR("6:b4YQ==2:b41:3"), "4b:a 4b: 3m: ");
    assert_parts(eio3_payload_next, STR("4:b4YQ"), "4b:a "); /* as Node: without padding */
    assert_parts(eio3_payload_next, STR("2:4a6:b4Y?Jj"), "4m:a !");
    assert_parts(eio3_payload_next, STR("1:b"), "!");
    assert_parts(eio3_payload_next, STR("6:b2YWJj"), "!"); /* only messages hold bytes */
    assert_parts(eio3_payload_next, STR("6:bbYWJj"), "!");
}

static void refuses_bad_text_payloads(void **state)
{
    static const str bad[] = {
        TEXT(""),
        TEXT("4a"),
        TEXT(":"),
        TEXT(":4a"),
        TEXT("0:"),
        TEXT("2:"),
        TEXT("2:4"),
        TEXT("3:4a"),
        TEXT("x:4a"),
        TEXT("-2:4a"),
        TEXT(" 2:4a"),
        TEXT("2 :4a"),
        TEXT("2e0:4a"),
        TEXT("0x2:4a"),
        TEXT("+2:4a"),
        TEXT("2.0:4a"),
        TEXT("1:7"),
        TEXT("1:a"),
        TEXT("1:\x04"),
        TEXT("2:4\xf0\x9f\x98\x80"), /* half a character */
        TEXT("18446744073709551618:4a"),
        TEXT("000000000000000000002:4a"),
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_parts(eio3_payload_next, bad[i], "!");
    assert_parts(eio3_payload_next, STR("2:4a2"), "4m:a !");
    assert_parts(eio3_payload_next, STR("2:4a0:"), "4m:a !");
    str none = { 0 };
    struct eio_packet p;
    assert_int_equal(eio3_payload_next(&none, &p), PARSE_BAD);
    assert_int_equal(eio3_payload_next_binary(&none, &p), PARSE_BAD);
}

static void cuts_binary_payloads(void **state)
{
    (void)state;
    assert_parts(eio3_payload_next_binary,
                 STR("\x00\x02\xff"
                     "4a"),
                 "4m:a ");
    assert_parts(eio3_payload_next_binary,
                 STR("\x01\x03\xff\x04\x01\x02\x00\x01\xff"
                     "2"),
                 "4b:\x01\x02 2m: ");
    assert_parts(eio3_payload_next_binary, STR("\x01\x01\xff\x04"), "4b: ");
}

static void texts_in_binary_payloads(void **state)
{
    (void)state;
    /* 12 bytes: lengths count bytes here */
    assert_parts(eio3_payload_next_binary,
                 STR("\x00\x01\x02\xff"
                     "4012345678\xc3\xa9"),
                 "4m:012345678\xc3\xa9 ");
    assert_parts(eio3_payload_next_binary,
                 STR("\x00\x06\xff"
                     "b4YWJj"),
                 "4b:abc ");
    assert_parts(eio3_payload_next_binary,
                 STR("\x00\x02\xff"
                     "4\xc3"),
                 "!"); /* not UTF-8 */
}

static void refuses_bad_binary_payloads(void **state)
{
    static const str bad[] = {
        TEXT(""),
        TEXT("\x00"),
        TEXT("\x00\x02"),
        TEXT("\x00\xff"
             "4a"), /* no length */
        TEXT("\x00\x00\xff"),
        TEXT("\x00\x02\xff"),
        TEXT("\x00\x03\xff"
             "4a"),
        TEXT("\x02\x02\xff"
             "4a"),
        TEXT("2:4a"),
        TEXT("\x00\x0a\xff"
             "4012345678"), /* a digit of 10 */
        TEXT("\x00\x02\xfe"
             "4a"),
        TEXT("\x01\x02\xff\x05x"),
        TEXT("\x01\x02\xff"
             "4x"),
        TEXT("\x00\x01\x08\x04\x04\x06\x07\x04\x04\x00\x07\x03\x07\x00\x09\x05\x05\x01\x06\x01\x08"
             "\xff"
             "4a"), /* 2^64 + 2 */
        TEXT("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
             "\x02\xff"
             "4a"),
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_parts(eio3_payload_next_binary, bad[i], "!");
}

/* Every prefix of a payload is bad, or the packets that are whole. */
static void cut_off_payloads(void **state)
{
    static const str text = TEXT("2:4a6:b4YWJj3:4\xf0\x9f\x98\x80");
    static const str binary = TEXT("\x00\x02\xff"
                                   "4a\x01\x04\xff\x04\x01\x02\x03");
    struct buf b = { 0 };
    (void)state;

    for (size_t n = 0; n < text.n; n++) {
        if (!utf8_valid(text.p, n))
            continue;
        take_apart(eio3_payload_next, str_n(text.p, n), &b);
        bool whole = n == 4 || n == 12;
        assert_int_equal(b.data[b.len - 1] == '!', !whole);
    }
    for (size_t n = 0; n < binary.n; n++) {
        take_apart(eio3_payload_next_binary, str_n(binary.p, n), &b);
        assert_int_equal(b.data[b.len - 1] == '!', n != 5);
    }
    buf_free(&b);
}

static void decodes_frames(void **state)
{
    char text[] = { 'b', '4', 'A', 'Q', 'I', '=' };
    struct eio_packet p = { 0 };
    (void)state;

    assert_int_equal(eio3_packet_decode(text, sizeof text, &p), PARSE_DONE);
    assert_true(p.binary);
    assert_str(p.data, "\x01\x02");
    assert_int_equal(eio3_packet_decode(text, 0, &p), PARSE_BAD);
    /* a binary frame begins with the type as a byte */
    assert_int_equal(eio3_packet_decode_binary(STR("\x04\x09"), &p), PARSE_DONE);
    assert_int_equal(p.type, EIO_MESSAGE);
    assert_true(p.binary);
    assert_str(p.data, "\x09");
    assert_int_equal(eio3_packet_decode_binary(STR("\x04"), &p), PARSE_DONE);
    assert_int_equal(p.data.n, 0);
    assert_int_equal(eio3_packet_decode_binary(STR(""), &p), PARSE_BAD);
    assert_int_equal(eio3_packet_decode_binary(STR("4a"), &p), PARSE_BAD);
    assert_int_equal(eio3_packet_decode_binary(STR("\x02"), &p), PARSE_BAD);
}

static void writes_payloads(void **state)
{
    struct buf b = { 0 };
    (void)state;

    eio3_payload_add(&b, EIO_OPEN, false, STR("{}"));
    eio3_payload_add(&b, EIO_MESSAGE, false, STR("\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac"));
    eio3_payload_add(&b, EIO_MESSAGE, true, STR("abc"));
    eio3_payload_add(&b, EIO_MESSAGE, true, STR(""));
    eio3_payload_add(&b, EIO_NOOP, false, STR(""));
    assert_str(buf_str(&b), "3:0{}5:4\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac"
                            "6:b4YWJj2:b41:6");
    buf_clear(&b);
    eio3_payload_add_binary(&b, EIO_PONG, false, STR("probe"));
    eio3_payload_add_binary(&b, EIO_MESSAGE, false, STR("0123456789\xc3\xa9"));
    eio3_payload_add_binary(&b, EIO_MESSAGE, true, STR("\x00\xff"));
    assert_str(buf_str(&b), "\x00\x06\xff"
                            "3probe\x00\x01\x03\xff"
                            "40123456789\xc3\xa9\x01\x03\xff\x04\x00\xff");
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(cuts_text_payloads), cmocka_unit_test(cuts_base64),
          cmocka_unit_test(refuses_bad_text_payloads), cmocka_unit_test(cuts_binary_payloads),
          cmocka_unit_test(texts_in_binary_payloads), cmocka_unit_test(refuses_bad_binary_payloads),
          cmocka_unit_test(cut_off_payloads), cmocka_unit_test(decodes_frames),
          cmocka_unit_test(writes_payloads))
