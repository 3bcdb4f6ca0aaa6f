/* unit/proto/test_eio_packet.c - Engine.IO packets and payloads (socketio.md 1.3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/eio_packet.h"

#include "exact.h"

static enum parse decode(const char *text, size_t n, struct eio_packet *out, char **memory)
{
    *memory = (char *)exact_copy(str_n(text, n)).p;
    return eio_packet_decode(*memory, n, out);
}

static void decodes_every_type(void **state)
{
    (void)state;
    for (char c = '0'; c <= '6'; c++) {
        struct eio_packet p = { 0 };
        char text[] = { c, 'p', 'r', 'o', 'b', 'e' }, *memory;
        assert_int_equal(decode(text, sizeof text, &p, &memory), PARSE_DONE);
        assert_int_equal(p.type, c - '0');
        assert_false(p.binary);
        assert_str(p.data, "probe");
        assert_ptr_equal(p.data.p, memory + 1); /* not copied */
        free(memory);

        assert_int_equal(decode(text, 1, &p, &memory), PARSE_DONE);
        assert_int_equal(p.data.n, 0);
        free(memory);
    }
    assert_int_equal(EIO_OPEN, 0);
    assert_int_equal(EIO_MESSAGE, 4);
    assert_int_equal(EIO_NOOP, 6);
}

static void decodes_base64(void **state)
{
    static const struct {
        str text, want;
    } cases[] = {
        { TEXT("b"), TEXT("") },
        { TEXT("bAQIDBA=="), TEXT("\1\2\3\4") },
        { TEXT("bAQIDBA"), TEXT("\1\2\3\4") }, /* padding is optional in Node's decoder */
        { TEXT("bAQID"), TEXT("\1\2\3") },
        { TEXT("bAQI="), TEXT("\1\2") },
        { TEXT("bAA=="), TEXT("\0") },
        { TEXT("b+/+/"), TEXT("\xfb\xff\xbf") },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eio_packet p = { 0 };
        char *memory;
        assert_int_equal(decode(cases[i].text.p, cases[i].text.n, &p, &memory), PARSE_DONE);
        assert_int_equal(p.type, EIO_MESSAGE);
        assert_true(p.binary);
        assert_true(str_eq(p.data, cases[i].want));
        free(memory);
    }
}

/* What is refused leaves the output alone. */
static void refuses(void **state)
{
    static const str bad[] = {
        TEXT(""),
        TEXT("7"),
        TEXT("8abc"),
        TEXT("9"),
        TEXT("abc"),
        TEXT("B"),
        TEXT("/"),
        TEXT(":"),
        TEXT("-1"),
        TEXT(" 4"),
        TEXT("\x1e"),
        TEXT("\0"),
        TEXT("\xb4"),
        TEXT("bA"),
        TEXT("b=="),
        TEXT("b!!"),
        TEXT("bAQ=A"),
        TEXT("bAQ D"),
        TEXT("bAQI\xc3\xa9"),
        TEXT("b====="),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct eio_packet p = { .type = EIO_PONG, .data = STR("untouched") };
        char *memory;
        enum parse got = decode(bad[i].p, bad[i].n, &p, &memory);
        if (got != PARSE_BAD)
            print_error("accepted: %.*s\n", STR_ARG(bad[i]));
        assert_int_equal(got, PARSE_BAD);
        assert_int_equal(p.type, EIO_PONG);
        assert_str(p.data, "untouched");
        free(memory);
    }
}

static void cuts_a_payload(void **state)
{
    str body = exact_copy(STR("4hello\x1e"
                              "2\x1e"
                              "bAQID\x1e"
                              "4")),
        rest = body;
    struct eio_packet p;
    (void)state;

    assert_int_equal(eio_payload_next(&rest, &p), PARSE_DONE);
    assert_int_equal(p.type, EIO_MESSAGE);
    assert_str(p.data, "hello");
    assert_non_null(rest.p);
    assert_int_equal(eio_payload_next(&rest, &p), PARSE_DONE);
    assert_int_equal(p.type, EIO_PING);
    assert_int_equal(eio_payload_next(&rest, &p), PARSE_DONE);
    assert_true(p.binary);
    assert_str(p.data, "\1\2\3");
    assert_int_equal(eio_payload_next(&rest, &p), PARSE_DONE);
    assert_int_equal(p.type, EIO_MESSAGE);
    assert_int_equal(p.data.n, 0);
    assert_null(rest.p); /* that was the last */
    assert_int_equal(eio_payload_next(&rest, &p), PARSE_BAD);
    free((void *)body.p);
}

/* Packets in front of a bad one are delivered; an empty packet is a bad one, wherever it stands. */
static void bad_packets_in_a_payload(void **state)
{
    static const struct {
        str body;
        int good;
    } cases[] = {
        { TEXT(""), 0 },
        { TEXT("\x1e"), 0 },
        { TEXT("\x1e"
               "4a"),
          0 },
        { TEXT("4a\x1e"), 1 },
        { TEXT("4a\x1e\x1e"
               "4b"),
          1 },
        { TEXT("4a\x1e"
               "4b\x1e"
               "xyz"),
          2 },
        { TEXT("4a\x1e"
               "b!\x1e"
               "4b"),
          1 },
        { TEXT("abc"), 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str body = exact_copy(cases[i].body), rest = body;
        struct eio_packet p;
        int good = 0;
        while (eio_payload_next(&rest, &p) == PARSE_DONE) {
            good++;
            assert_non_null(rest.p);
        }
        assert_int_equal(good, cases[i].good);
        free((void *)body.p);
    }
}

static void writes_payloads(void **state)
{
    struct buf b = { 0 };
    (void)state;

    eio_payload_add(&b, EIO_OPEN, false, STR("{\"sid\":\"x\"}"));
    assert_str(buf_str(&b), "0{\"sid\":\"x\"}");
    buf_clear(&b);
    eio_payload_add(&b, EIO_NOOP, false, (str){ 0 });
    assert_str(buf_str(&b), "6");
    eio_payload_add(&b, EIO_MESSAGE, false, STR("2[\"a\"]"));
    eio_payload_add(&b, EIO_MESSAGE, true, STR("\1\2\3\4"));
    eio_payload_add(&b, EIO_MESSAGE, true, STR(""));
    eio_payload_add(&b, EIO_CLOSE, false, STR(""));
    assert_str(buf_str(&b), "6\x1e"
                            "42[\"a\"]\x1e"
                            "bAQIDBA==\x1e"
                            "b\x1e"
                            "1");
    buf_free(&b);
}

/* Binary of every length comes back as it was, among texts. */
static void payloads_survive(void **state)
{
    uint8_t bytes[64];
    struct buf b = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 0x1e);
    for (size_t n = 0; n <= sizeof bytes; n++)
        eio_payload_add(&b, EIO_MESSAGE, true, str_n(bytes, n));
    str body = exact_copy(buf_str(&b)), rest = body;
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct eio_packet p = { 0 };
        assert_non_null(rest.p);
        assert_int_equal(eio_payload_next(&rest, &p), PARSE_DONE);
        assert_true(p.binary);
        assert_true(str_eq(p.data, str_n(bytes, n)));
    }
    assert_null(rest.p);
    free((void *)body.p);
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(decodes_every_type), cmocka_unit_test(decodes_base64),
          cmocka_unit_test(refuses), cmocka_unit_test(cuts_a_payload),
          cmocka_unit_test(bad_packets_in_a_payload), cmocka_unit_test(writes_payloads),
          cmocka_unit_test(payloads_survive))
