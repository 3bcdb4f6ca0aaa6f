/* unit/proto/test_sio_msgpack_encode.c - packets for socket.io-msgpack-parser (socketio.md 2.8).
 *
 * The messages called golden were captured between a JavaScript server and client.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_msgpack.h"

#include "count.h"
#include "exact.h"
#include "msgpack_event.h"

/* Encodes a packet given as text; the answer of sio_msgpack_encode(). */
static int encode(struct buf *out, const char *text, const str *attachments)
{
    str copy = exact_copy(str_of(text));
    struct buf scratch = { 0 };
    struct sio_packet p;
    int err;

    assert_int_equal(sio_packet_decode(copy, &limits, &p, NULL), PARSE_DONE);
    err = sio_msgpack_encode(out, &p, attachments, &scratch);
    free((void *)copy.p);
    buf_free(&scratch);
    return err;
}

static void assert_encoded(const char *text, const str *attachments, str want)
{
    struct buf b = { 0 };

    buf_byte(&b, '#'); /* what is there already stays */
    assert_int_equal(encode(&b, text, attachments), 0);
    assert_int_equal(b.data[0], '#');
    assert_int_equal(b.len - 1, want.n);
    assert_memory_equal(b.data + 1, want.p, want.n);
    buf_free(&b);
}

#define assert_encodes(text, message) assert_encoded(text, NULL, STR(message))

static void encodes_golden_messages(void **state)
{
    static const str attachment = TEXT("\x01\x02");
    (void)state;

    assert_encodes("0{\"sid\":\"640AcnokdUVT-JA1AAAA\"}", "\x83\xa4type\x00\xa4"
                                                          "data\x81\xa3sid\xb4"
                                                          "640AcnokdUVT-JA1AAAA\xa3nsp\xa1/");
    assert_encoded("51-[\"echo\",1,\"a\",{\"b\":[true,null,null]},\"2023\","
                   "{\"_placeholder\":true,\"num\":0},1.5,-7]",
                   &attachment,
                   STR("\x83\xa4type\x02\xa4"
                       "data\x98\xa4"
                       "echo\x01\xa1"
                       "a\x81\xa1"
                       "b\x93\xc3\xc0\xc0\xa4"
                       "2023\xc4\x02\x01\x02\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xf9\xa3nsp\xa1/"));
    assert_encodes("30[5]", "\x84\xa2id\x00\xa4type\x03\xa4"
                            "data\x91\x05\xa3nsp\xa1/");
    assert_encodes("4/mw,{\"message\":\"bad\"}", "\x83\xa4type\x04\xa4"
                                                 "data\x81\xa7message\xa3"
                                                 "bad\xa3nsp\xa3/mw");
    assert_encodes("2[\"bc\",1]", "\x83\xa4type\x02\xa4"
                                  "data\x92\xa2"
                                  "bc\x01\xa3nsp\xa1/");
    assert_encodes("2[\"echo\",\"poll\"]", "\x83\xa4type\x02\xa4"
                                           "data\x92\xa4"
                                           "echo\xa4poll\xa3nsp\xa1/");
    assert_encodes("1", "\x82\xa4type\x01\xa3nsp\xa1/");
    /* an event that asks for an answer: the id stands behind the data */
    assert_encodes("2/a,7[\"q\"]", "\x84\xa4type\x02\xa4"
                                   "data\x91\xa1q\xa2id\x07\xa3nsp\xa2/a");
}

#define assert_value_encodes(json, bytes) assert_encodes("2[\"e\"," json "]", ARGS(bytes))

static void json_becomes_scalars(void **state)
{
    (void)state;
    assert_value_encodes("null", "\xc0");
    assert_value_encodes(" true", "\xc3");
    assert_value_encodes("false ", "\xc2");
}

static void numbers(void **state)
{
    (void)state;
    assert_value_encodes("0", "\x00");
    assert_value_encodes("-0", "\x00");
    assert_value_encodes("127", "\x7f");
    assert_value_encodes("128", "\xcc\x80");
    assert_value_encodes("-33", "\xd0\xdf");
    assert_value_encodes("1.0", "\x01");
    assert_value_encodes("1e3", "\xcd\x03\xe8");
    assert_value_encodes("0.5", "\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00");
    assert_value_encodes("18446744073709551615", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_value_encodes("-9223372036854775808", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    assert_value_encodes("18446744073709551616", "\xcb\x43\xf0\x00\x00\x00\x00\x00\x00");
    assert_value_encodes("-9223372036854775809", "\xcb\xc3\xe0\x00\x00\x00\x00\x00\x00");
    assert_value_encodes("1e400", "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"); /* as JSON.parse() */
}

static void strings(void **state)
{
    (void)state;
    assert_value_encodes("\"\"", "\xa0");
    assert_value_encodes("\"\\\"\\\\\\/\\n\\u00e9\"", "\xa6\"\\/\n\xc3\xa9");
    assert_value_encodes("\"\\ud83d\\ude00\"", "\xa4\xf0\x9f\x98\x80");
    assert_value_encodes("\"\\ud800\"", "\xa3\xef\xbf\xbd");
    assert_value_encodes("{\"\\u0061\":\"\\u0062\"}", "\x81\xa1"
                                                      "a\xa1"
                                                      "b");
    assert_value_encodes("\"0123456789012345678901234567890x\"",
                         "\xd9\x20"
                         "0123456789012345678901234567890x");
}

static void containers(void **state)
{
    (void)state;
    assert_value_encodes("[]", "\x90");
    assert_value_encodes(" [ ] ", "\x90");
    assert_value_encodes("{ }", "\x80");
    assert_value_encodes("[[],{},[[1]]]", "\x93\x90\x80\x91\x91\x01");
    assert_value_encodes("{ \"a\" : [ 1 , 2 ] , \"b\" : { } }", "\x82\xa1"
                                                                "a\x92\x01\x02\xa1"
                                                                "b\x80");
    assert_value_encodes("[\"[,\",\"{\",\"\\\"]\"]", "\x93\xa2[,\xa1{\xa2\"]");
    assert_value_encodes("[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,[0]]",
                         "\xdc\x00\x10\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x00\x01\x02\x03\x04"
                         "\x91\x00");
}

static void attachments_become_bytes(void **state)
{
    static const str two[] = { TEXT("ab"), TEXT("") };
    (void)state;

    assert_encoded("52-[\"e\",{\"num\":1,\"_placeholder\":true},[" PLACEHOLDER("0") "]]", two,
                   STR(EVENT("\x93\xa1"
                             "e\xc4\x00\x91\xc4\x02"
                             "ab")));
    /* one of them twice; what is inside of a placeholder does not count */
    assert_encoded("62-[{\"_placeholder\":true,\"x\":[{}],\"num\":0},[1]," PLACEHOLDER("0") ",[]]",
                   two,
                   STR(MESSAGE("\x03", "\x94\xc4\x02"
                                       "ab\x91\x01\xc4\x02"
                                       "ab\x90")));
    assert_encoded("52-[\"e\",{\"_placeholder\":false,\"num\":0}]", two,
                   STR(ARGS("\x82\xac_placeholder\xc2\xa3num\x00")));
    /* without attachments there are no placeholders */
    assert_encodes("2[\"e\"," PLACEHOLDER("0") "]", ARGS("\x82\xac_placeholder\xc3\xa3num\x00"));
}

static void events_and_acks_always_have_data(void **state)
{
    (void)state;
    assert_encodes("2", EVENT("\x90"));
    assert_encodes("35", "\x84\xa2id\x05\xa4type\x03\xa4"
                         "data\x90\xa3nsp\xa1/");
    assert_encodes("0", "\x82\xa4type\x00\xa3nsp\xa1/");
}

static void encoding_fails_whole(void **state)
{
    static const str one[] = { TEXT("0123456789") };
    static const char *text = "51-[\"a name longer than a number\"," PLACEHOLDER("0") ",[1.5]]";
    struct buf b = { 0 }, scratch = { 0 };
    struct sio_packet p = { .type = SIO_EVENT, .nsp = STR("/"), .id = SIO_NO_ID };
    (void)state;

    buf_byte(&b, '#');
    assert_int_equal(encode(&b, "51-[\"e\"," PLACEHOLDER("1") "]", one), ATR_EPROTOCOL);
    assert_int_equal(encode(&b, "51-[\"e\",{\"_placeholder\":true}]", one), ATR_EPROTOCOL);
    assert_str(buf_str(&b), "#");
    /* with every ceiling: either all of it, or nothing */
    bool whole = false;
    for (size_t max = 1; max < 120; max++) {
        b.max = max;
        int err = encode(&b, text, one);
        assert_true(err == 0 ? b.len <= max : err == ATR_ELIMIT && b.len == 1);
        assert_true(err == 0 || !whole);
        whole |= err == 0;
        b.len = 1;
    }
    assert_true(whole);

    b.max = 0;
    p.data = STR("[1");
    assert_int_equal(sio_msgpack_encode(&b, &p, NULL, &scratch), ATR_ESYNTAX);
    p.data = STR("[\"]");
    assert_true(sio_msgpack_encode(&b, &p, NULL, &scratch) < 0);
    p.data = STR("[x]");
    assert_int_equal(sio_msgpack_encode(&b, &p, NULL, &scratch), ATR_ESYNTAX);
    assert_str(buf_str(&b), "#");
    buf_free(&b);
    buf_free(&scratch);
}

/* As deep as JSON may be, and one more. */
static void encodes_deep_json(void **state)
{
    struct sio_packet p = { .type = SIO_ACK, .nsp = STR("/"), .id = SIO_NO_ID }, q;
    struct buf json = { 0 }, b = { 0 }, scratch = { 0 };
    struct sio_msgpack m = { 0 };
    (void)state;

    for (int i = 0; i < JSON_DEPTH; i++)
        buf_byte(&json, '[');
    for (int i = 0; i < JSON_DEPTH; i++)
        buf_byte(&json, ']');
    p.data = buf_str(&json);
    assert_int_equal(sio_msgpack_encode(&b, &p, NULL, &scratch), 0);
    assert_int_equal(sio_msgpack_decode(buf_str(&b), &limits, &m, &q, NULL), PARSE_DONE);
    assert_true(str_eq(q.data, p.data));

    buf_byte(&json, ']');
    memmove(json.data + 1, json.data, json.len - 1);
    p.data = buf_str(&json);
    buf_clear(&b);
    assert_int_equal(sio_msgpack_encode(&b, &p, NULL, &scratch), ATR_ELIMIT);
    assert_int_equal(b.len, 0);
    buf_free(&json);
    buf_free(&b);
    buf_free(&scratch);
    sio_msgpack_free(&m);
}

static void warm_codecs_allocate_nothing(void **state)
{
    static const str one[] = { TEXT("bytes") };
    struct sio_packet p, q;
    struct buf b = { 0 }, scratch = { 0 };
    struct sio_msgpack m = { 0 };
    (void)state;

    assert_int_equal(
        sio_packet_decode(STR("51-7[\"e\",\"\\u0041\",{\"k\":[1,2.5]}," PLACEHOLDER("0") "]"),
                          &limits, &p, NULL),
        PARSE_DONE);
    for (int warm = 0; warm < 2; warm++) {
        uint64_t before = mem_count();
        buf_clear(&b);
        assert_int_equal(sio_msgpack_encode(&b, &p, one, &scratch), 0);
        assert_int_equal(sio_msgpack_decode(buf_str(&b), &limits, &m, &q, NULL), PARSE_DONE);
        if (warm)
            assert_int_equal(mem_count() - before, 0);
    }
    assert_str(q.data, "[\"e\",\"A\",{\"k\":[1,2.5]}," PLACEHOLDER("0") "]");
    assert_str(q.event, "\"e\"");
    assert_int_equal(q.type, SIO_BINARY_EVENT);
    assert_int_equal(q.id, 7);
    assert_str(sio_msgpack_attachments(&m)[0], "bytes");
    buf_free(&b);
    buf_free(&scratch);
    sio_msgpack_free(&m);
}

TEST_MAIN(cmocka_unit_test(encodes_golden_messages), cmocka_unit_test(json_becomes_scalars),
          cmocka_unit_test(numbers), cmocka_unit_test(strings), cmocka_unit_test(containers),
          cmocka_unit_test(attachments_become_bytes),
          cmocka_unit_test(events_and_acks_always_have_data),
          cmocka_unit_test(encoding_fails_whole), cmocka_unit_test(encodes_deep_json),
          cmocka_unit_test(warm_codecs_allocate_nothing))
