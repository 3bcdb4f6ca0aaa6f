/* unit/proto/test_colyseus_message.c - frames of Colyseus rooms.
 *
 * The bytes are what Colyseus' own servers and clients write.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hex.h"
#include "proto/colyseus_message.h"

static void check_join(enum colyseus_generation generation, const char *serializer,
                       const char *reflection, const char *expected)
{
    str bytes = hex_bytes(reflection);
    struct buf b = { 0 };

    colyseus_write_join(&b, &(struct colyseus_join){
                                .generation = generation,
                                .token = STR("abcdef123"),
                                .serializer = str_of(serializer),
                                .reflection = bytes,
                            });
    assert_hex(buf_str(&b), expected);
    buf_free(&b);
    free((void *)bytes.p);
}

static void test_join_of_each_generation(void **state)
{
    (void)state;
    check_join(COLYSEUS_16, "schema", "8001ff01",
               "0a 09 616263646566313233 06 736368656d61 8001ff01");
    check_join(COLYSEUS_17, "schema", "8001ff01",
               "0a 09 616263646566313233 06 736368656d61 8001ff01");
    check_join(COLYSEUS_18, "schema", "8001ff01",
               "0a 09 616263646566313233 06 736368656d61 04 8001ff01");
    check_join(COLYSEUS_ANY, "schema", "ff008001ff01",
               "0a 09 616263646566313233 06 736368656d61 06 ff008001ff01");
    check_join(COLYSEUS_17, "none", "", "0a 09 616263646566313233 04 6e6f6e65");
    check_join(COLYSEUS_18, "none", "", "0a 09 616263646566313233 04 6e6f6e65 00");
    check_join(COLYSEUS_ANY, "none", "", "0a 09 616263646566313233 04 6e6f6e65");
}

static void test_join_with_sections(void **state)
{
    str reflection = hex_bytes("8001");
    struct buf b = { 0 };

    (void)state;
    colyseus_write_join(&b, &(struct colyseus_join){
                                .generation = COLYSEUS_18,
                                .token = STR("t"),
                                .serializer = STR("schema"),
                                .reflection = reflection,
                            });
    colyseus_write_join_section(&b, 1, STR("\xaa\xbb"));
    colyseus_write_join_section(&b, 2, STR("\x06\x14\x32"));
    assert_hex(buf_str(&b), "0a 0174 06736368656d61 028001 0102aabb 0203061432");
    buf_free(&b);
    free((void *)reflection.p);
}

/* Written and read again; body is what the reader leaves. */
static void check_read(struct buf *b, const char *bytes, struct colyseus_message *m)
{
    str exact = hex_bytes(bytes);

    assert_hex(buf_str(b), bytes);
    assert_int_equal(colyseus_decode_sent(exact, m), PARSE_DONE);
    /* what m points to has to live on: the same bytes, in b */
    if (m->body.p)
        m->body.p = (char *)b->data + (m->body.p - exact.p);
    if (m->type.name.p)
        m->type.name.p = (char *)b->data + (m->type.name.p - exact.p);
    free((void *)exact.p);
}

static void test_data_is_written_and_read(void **state)
{
    struct colyseus_type chat = { .name = STR("chat") }, seven = { .number = 7 },
                         big = { .number = 300 }, minus = { .number = -1 };
    struct colyseus_message m;
    struct buf b = { 0 };

    (void)state;
    colyseus_write_data(&b, COLYSEUS_ROOM_DATA, &chat, STR("\x81\xa1n\x01"));
    check_read(&b, "0d a463686174 81a16e01", &m);
    assert_int_equal(m.code, COLYSEUS_ROOM_DATA);
    assert_str(m.type.name, "chat");
    assert_str(m.body, "\x81\xa1n\x01");

    buf_clear(&b);
    colyseus_write_data(&b, COLYSEUS_ROOM_DATA, &seven, STR("\x93\1\2\3"));
    check_read(&b, "0d 07 93010203", &m);
    assert_null(m.type.name.p);
    assert_int_equal(m.type.number, 7);

    buf_clear(&b);
    colyseus_write_data(&b, COLYSEUS_ROOM_DATA, &big, STR(""));
    check_read(&b, "0d cd2c01", &m);
    assert_int_equal(m.type.number, 300);
    assert_int_equal(m.body.n, 0);

    buf_clear(&b);
    colyseus_write_data(&b, COLYSEUS_ROOM_DATA, &minus, STR(""));
    check_read(&b, "0d ff", &m);
    assert_int_equal(m.type.number, -1);

    buf_clear(&b);
    colyseus_write_data(&b, COLYSEUS_ROOM_DATA_BYTES, &(struct colyseus_type){ .name = STR("b") },
                        STR("\1\2\3"));
    check_read(&b, "11 a162 010203", &m);
    assert_int_equal(m.code, COLYSEUS_ROOM_DATA_BYTES);
    assert_str(m.body, "\1\2\3");
    buf_free(&b);
}

static void test_requests_and_answers(void **state)
{
    struct colyseus_type type = { .name = STR("buy") };
    struct colyseus_message m;
    struct buf b = { 0 };

    (void)state;
    colyseus_write_request(&b, 200, &type, STR("\xc3"));
    check_read(&b, "15 ccc8 a3627579 c3", &m);
    assert_int_equal(m.id, 200);
    assert_str(m.type.name, "buy");
    assert_str(m.body, "\xc3");

    buf_clear(&b);
    colyseus_write_response(&b, 200, COLYSEUS_REJECTED, STR("\xa2no"));
    check_read(&b, "16 ccc8 01 a26e6f", &m);
    assert_int_equal(m.id, 200);
    assert_int_equal(m.status, COLYSEUS_REJECTED);
    assert_str(m.body, "\xa2no");

    buf_clear(&b);
    colyseus_write_response(&b, 0, COLYSEUS_OK, STR(""));
    check_read(&b, "16 00 00", &m);
    assert_int_equal(m.body.n, 0);
    buf_free(&b);
}

static void test_errors_and_bare_codes(void **state)
{
    struct colyseus_message m;
    struct buf b = { 0 };

    (void)state;
    colyseus_write_error(&b, 524, STR("expired"));
    check_read(&b, "0b cd0c02 a765787069726564", &m);
    assert_int_equal(m.error, 524);
    assert_str(m.body, "expired");

    buf_clear(&b);
    colyseus_write_code(&b, COLYSEUS_PING);
    check_read(&b, "12", &m);
    assert_int_equal(m.code, COLYSEUS_PING);
    buf_free(&b);
}

static void test_what_clients_add_is_taken(void **state)
{
    struct colyseus_message m;

    (void)state;
    assert_int_equal(colyseus_decode(STR("\x0a"), &m), PARSE_DONE);
    assert_int_equal(m.code, COLYSEUS_JOIN_ROOM);
    assert_int_equal(colyseus_decode(STR("\x0a\0"), &m), PARSE_DONE); /* Defold */
    assert_int_equal(m.code, COLYSEUS_JOIN_ROOM);
    assert_int_equal(colyseus_decode(STR("\x0c"), &m), PARSE_DONE);
    assert_int_equal(m.code, COLYSEUS_LEAVE_ROOM);
    assert_int_equal(colyseus_decode(STR("\xf0xyz"), &m), PARSE_DONE); /* nothing known */
    assert_int_equal(m.code, 0xf0);
    assert_int_equal(colyseus_decode(STR("\x0d\xca\0\0\x80\x3f"), &m), PARSE_DONE);
    assert_int_equal(m.type.number, 1); /* a type in floating point */
}

static void test_what_is_cut_off_or_odd_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "0d",
        "0da0",
        "0da463",
        "0dd9",
        "0dd905616263",
        "0dcd2c",
        "0dc0",
        "0dd900",
        "0dca",
        "15",
        "1501",
        "1501a0",
        "15ff",
        "11",
        "0dca0000003f" /* half a type */,
        "0dcb000000000000f87f" /* NaN */,
    };
    struct colyseus_message m = { .code = 77 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        str in = hex_bytes(bad[i]);

        assert_int_equal(colyseus_decode(in, &m), PARSE_BAD);
        assert_int_equal(m.code, 77);
        free((void *)in.p);
    }
}

TEST_MAIN(cmocka_unit_test(test_join_of_each_generation), cmocka_unit_test(test_join_with_sections),
          cmocka_unit_test(test_data_is_written_and_read),
          cmocka_unit_test(test_requests_and_answers), cmocka_unit_test(test_errors_and_bare_codes),
          cmocka_unit_test(test_what_clients_add_is_taken),
          cmocka_unit_test(test_what_is_cut_off_or_odd_is_refused))
