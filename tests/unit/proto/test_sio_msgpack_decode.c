/* unit/proto/test_sio_msgpack_decode.c - messages of socket.io-msgpack-parser (socketio.md 2.8).
 *
 * A decoded packet is written down as the text that the usual protocol would have carried. The
 * messages called golden were captured between a JavaScript server and client.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_msgpack.h"

#include "exact.h"
#include "msgpack_event.h"
#include "proto/json.h"

/* One answer: the packet as text, or "!" and why not. Attachments are compared with `attached`,
 * all of them in a row. */
static void decode(struct sio_msgpack *m, str message, const struct sio_limits *l, struct buf *out,
                   str attached)
{
    str copy = exact_copy(message);
    struct sio_packet p = { 0 };
    const char *why = NULL;
    size_t at = 0;

    buf_clear(out);
    if (sio_msgpack_decode(copy, l, m, &p, &why) != PARSE_DONE) {
        assert_non_null(why);
        buf_format(out, "!%s", why);
        free((void *)copy.p);
        return;
    }
    sio_packet_head(out, p.type, p.attachments, p.nsp, p.id);
    buf_add(out, p.data);
    assert_true(!p.data.p || json_check(p.data, JSON_DEPTH) == 0);
    assert_int_equal(m->slices.len / sizeof(str), p.attachments);
    for (uint32_t i = 0; i < p.attachments; i++) {
        str piece = sio_msgpack_attachments(m)[i];
        assert_true(piece.p >= copy.p && piece.p + piece.n <= copy.p + copy.n); /* not copied */
        assert_true(at + piece.n <= attached.n);
        assert_true(str_eq(piece, str_n(attached.p + at, piece.n)));
        at += piece.n;
    }
    assert_int_equal(at, attached.n);
    if (p.event.p) {
        assert_true(p.type == SIO_EVENT || p.type == SIO_BINARY_EVENT);
        assert_true(str_eq(p.event, json_at(p.data, 0)));
    }
    free((void *)copy.p);
}

static void assert_decoded(str message, const struct sio_limits *l, str want, str attached)
{
    struct sio_msgpack m = { 0 };
    struct buf text = { 0 };

    decode(&m, message, l, &text, attached);
    if (!str_eq(buf_str(&text), want))
        print_error("got %.*s, want %.*s\n", (int)text.len, text.data, STR_ARG(want));
    assert_true(str_eq(buf_str(&text), want));
    sio_msgpack_free(&m);
    assert_null(m.text.data);
    buf_free(&text);
}

#define assert_decodes(message, want) assert_decoded(STR(message), &limits, STR(want), STR(""))
#define assert_argument(bytes, json)  assert_decodes(ARGS(bytes), "2[\"e\"," json "]")
#define assert_refused(message, why)  assert_decodes(message, "!" why)

/* --- Golden messages --- */

static void golden_messages_of_clients(void **state)
{
    (void)state;
    assert_decodes("\x83\xa4type\x00\xa4"
                   "data\x81\xa5token\xa1x\xa3nsp\xa1/",
                   "0{\"token\":\"x\"}");
    assert_decoded(STR("\x84\xa4type\x02\xa4"
                       "data\x98\xa4"
                       "echo\x01\xa1"
                       "a\x81\xa1"
                       "b\x93\xc3\xc0\xd4\x00\x00\xd7\x00\x00\x00\x01\x8b\xcf\xe5h{\xc4\x02\x01\x02"
                       "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xf9\xa7options\x81\xa8"
                       "compress\xc3\xa3nsp\xa1/"),
                   &limits,
                   STR("51-[\"echo\",1,\"a\",{\"b\":[true,null,null]},\"2023-11-14T22:13:20.123Z\","
                       "{\"_placeholder\":true,\"num\":0},1.5,-7]"),
                   STR("\x01\x02"));
    assert_decodes("\x85\xa4type\x02\xa4"
                   "data\x92\xa3"
                   "ack\x05\xa7options\x81\xa8"
                   "compress\xc3\xa2id\x00\xa3nsp\xa1/",
                   "20[\"ack\",5]");
    assert_decodes("\x83\xa4type\x00\xa4"
                   "data\xd4\x00\x00\xa3nsp\xa3/mw",
                   "0/mw,");
    assert_decodes("\x82\xa4type\x01\xa3nsp\xa1/", "1");
    assert_decodes("\x84\xa4type\x02\xa4"
                   "data\x92\xa4"
                   "echo\xa4poll\xa7options\x81\xa8"
                   "compress\xc3\xa3nsp\xa1/",
                   "2[\"echo\",\"poll\"]");
}

static void golden_messages_of_servers(void **state)
{
    (void)state;
    assert_decodes("\x83\xa4type\x00\xa4"
                   "data\x82\xa3sid\xb4"
                   "640AcnokdUVT-JA1AAAA\xa3pid\xd4\x00\x00\xa3nsp\xa1/",
                   "0{\"sid\":\"640AcnokdUVT-JA1AAAA\"}");
    assert_decodes("\x84\xa2id\x00\xa4type\x03\xa4"
                   "data\x91\x05\xa3nsp\xa1/",
                   "30[5]");
    assert_decodes("\x83\xa4type\x04\xa4"
                   "data\x82\xa7message\xa3"
                   "bad\xa4"
                   "data\xd4\x00\x00\xa3nsp\xa3/mw",
                   "4/mw,{\"message\":\"bad\"}");
}

/* --- Values --- */

static void scalars_become_json(void **state)
{
    (void)state;
    assert_argument("\xc0", "null");
    assert_argument("\xc2", "false");
    assert_argument("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
    assert_argument("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808");
    assert_argument("\xca\x3d\xcc\xcc\xcd", "0.10000000149011612");
    assert_argument("\xcb\x40\x14\x00\x00\x00\x00\x00\x00", "5");
    assert_argument("\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50", "1e+21");
    assert_argument("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null"); /* NaN */
    assert_argument("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00", "null"); /* -Infinity */
    assert_argument("\xa6\"\\/\n\x01\x7f", "\"\\\"\\\\/\\n\\u0001\x7f\"");
    assert_argument("\xa4\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"");
    assert_argument("\xa3x\xff\x80", "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void containers_become_json(void **state)
{
    (void)state;
    assert_argument("\x90", "[]");
    assert_argument("\x80", "{}");
    assert_argument("\x93\x90\x91\x01\x80", "[[],[1],{}]");
    assert_argument("\x82\xa1"
                    "a\x90\xa1"
                    "b\x81\xa1"
                    "c\xa1[",
                    "{\"a\":[],\"b\":{\"c\":\"[\"}}");
    assert_argument("\x92\xa1{\xa1:", "[\"{\",\":\"]");
    assert_argument("\x83\x05\xc0\xf9\xc0\xa0\xc0", "{\"5\":null,\"-7\":null,\"\":null}");
}

static void undefined_is_null_or_absent(void **state)
{
    (void)state;
    assert_argument("\xd4\x00\x00", "null");
    assert_argument("\xd4\x00\x77", "null"); /* whatever the byte */
    assert_argument("\x92\xd4\x00\x00\x05", "[null,5]");
    assert_argument("\x81\xa1"
                    "a\xd4\x00\x00",
                    "{}");
    assert_argument("\x83\xa1"
                    "a\xd4\x00\x00\xa1"
                    "b\x01\xa1"
                    "c\xd4\x00\x00",
                    "{\"b\":1}");
    assert_argument("\x83\xa1"
                    "a\x01\xa1"
                    "b\xd4\x00\x00\xa1"
                    "c\x81\xa1"
                    "d\xd4\x00\x00",
                    "{\"a\":1,\"c\":{}}");
}

static void dates_become_texts(void **state)
{
    (void)state;
    assert_argument("\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\"1970-01-01T00:00:00.000Z\"");
    assert_argument("\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff", "\"1969-12-31T23:59:59.999Z\"");
    assert_argument("\xd7\x00\x00\x00\x00\xdd\x9a\xa6\xe0\x00", "\"2000-02-29T00:00:00.000Z\"");
    assert_argument("\xd7\x00\xff\xff\xfd\xfe\xdd\xd9\x10\x00", "\"1900-03-01T00:00:00.000Z\"");
    /* years outside of 0 to 9999 have six digits */
    assert_argument("\xd7\x00\xff\xff\xc7\x75\x90\xfb\xa0\x00", "\"0000-01-01T00:00:00.000Z\"");
    assert_argument("\xd7\x00\xff\xff\xc7\x75\x90\xfb\x9f\xff", "\"-000001-12-31T23:59:59.999Z\"");
    assert_argument("\xd7\x00\x00\x00\xe6\x77\xd2\x1f\xdb\xff", "\"9999-12-31T23:59:59.999Z\"");
    assert_argument("\xd7\x00\x00\x00\xe6\x77\xd2\x1f\xdc\x00", "\"+010000-01-01T00:00:00.000Z\"");
    /* ECMA-262, 21.4.1.1: 1e8 days either way */
    assert_argument("\xd7\x00\x00\x1e\xb2\x08\xc2\xdc\x00\x00", "\"+275760-09-13T00:00:00.000Z\"");
    assert_argument("\xd7\x00\x00\x1e\xb2\x08\xc2\xdc\x00\x01", "null");
    assert_argument("\xd7\x00\xff\xe1\x4d\xf7\x3d\x24\x00\x00", "\"-271821-04-20T00:00:00.000Z\"");
    assert_argument("\xd7\x00\xff\xe1\x4d\xf7\x3d\x23\xff\xff", "null");
    assert_argument("\xd7\x00\x80\x00\x00\x00\x00\x00\x00\x00", "null");
    assert_argument("\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "null");
}

static void bytes_become_attachments(void **state)
{
    (void)state;
    assert_decoded(STR(ARGS("\xc4\x00")), &limits, STR("51-[\"e\"," PLACEHOLDER("0") "]"), STR(""));
    assert_decoded(STR(ARGS("\x83\xa1"
                            "a\xc5\x00\x01x\xa1"
                            "b\x91\xc6\x00\x00\x00\x02yz\xa1"
                            "c\xc7\x01\x00w")),
                   &limits,
                   STR("53-[\"e\",{\"a\":" PLACEHOLDER("0") ",\"b\":[" PLACEHOLDER(
                       "1") "],"
                            "\"c\":" PLACEHOLDER("2") "}]"),
                   STR("xyzw"));
    assert_decoded(STR(MESSAGE("\x03", "\x91\xc4\x01x")), &limits, STR("61-[" PLACEHOLDER("0") "]"),
                   STR("x"));
    /* buffers of 1 and 8 bytes are neither undefined nor dates */
    assert_decoded(STR(ARGS("\xc7\x08\x00"
                            "01234567")),
                   &limits, STR("51-[\"e\"," PLACEHOLDER("0") "]"), STR("01234567"));
    /* extensions that JavaScript does not know */
    assert_decoded(STR(ARGS("\xd6\xff"
                            "0123")),
                   &limits, STR("51-[\"e\",[-1," PLACEHOLDER("0") "]]"), STR("0123"));
    assert_decoded(STR(ARGS("\xd5\x00"
                            "01")),
                   &limits, STR("51-[\"e\",[0," PLACEHOLDER("0") "]]"), STR("01"));
    assert_decoded(STR(ARGS("\xc7\x01\x05z")), &limits, STR("51-[\"e\",[5," PLACEHOLDER("0") "]]"),
                   STR("z"));
}

static void attachments_are_limited(void **state)
{
    static const struct sio_limits two = { .attachments_max = 2, .depth_max = JSON_DEPTH };
    (void)state;

    assert_decoded(STR(ARGS("\x92\xc4\x01x\xc4\x01y")), &two,
                   STR("52-[\"e\",[" PLACEHOLDER("0") "," PLACEHOLDER("1") "]]"), STR("xy"));
    assert_decoded(STR(ARGS("\x93\xc4\x01x\xc4\x01y\xc4\x01z")), &two, STR("!too many attachments"),
                   STR(""));
}

/* What looks like a placeholder is data as long as there are no others. */
static void lookalikes(void **state)
{
    (void)state;
    assert_argument("\x82\xac_placeholder\xc3\xa3num\x00", PLACEHOLDER("0"));
    assert_refused(EVENT("\x93\xa1"
                         "e\x82\xac_placeholder\xc3\xa3num\x00\xc4\x01x"),
                   "a placeholder in the data");
}

/* Other packets have no attachments in the usual protocol: there JSON.stringify() spells it out. */
static void bytes_in_other_packets(void **state)
{
    (void)state;
    assert_decodes(MESSAGE("\x00", "\x81\xa1k\xc4\x03\x00\x7f\xff"),
                   "0{\"k\":{\"type\":\"Buffer\",\"data\":[0,127,255]}}");
    assert_decodes(MESSAGE("\x04", "\x81\xa1k\xc4\x00"),
                   "4{\"k\":{\"type\":\"Buffer\",\"data\":[]}}");
}

/* --- Packets --- */

static void members_in_any_order(void **state)
{
    (void)state;
    assert_decodes("\x84\xa3nsp\xa2/a\xa2id\xcd\x01\x00\xa4"
                   "data\x91\xa1x\xa4type\x02",
                   "2/a,256[\"x\"]");
    /* unknown ones are passed over, the last of a name counts */
    assert_decodes(
        "\x85\xa4type\x01\xa1x\x91\x81\xc0\xc0\xa4type\x00\xa3nsp\xa1/\xa2id\xd4\x00\x00", "0");
    /* what matters is the value, not its form */
    assert_decodes("\x84\xd9\x04type\xcb\x40\x08\x00\x00\x00\x00\x00\x00\xa4"
                   "data\xdc\x00\x01\x01\xa2id\xd3\x00\x00\x00\x00\x00\x00\x00\x05\xa3nsp\xd9\x01/",
                   "35[1]");
    assert_decodes("\xdf\x00\x00\x00\x02\xa4type\x01\xa3nsp\xa1/", "1");
    /* a name may hold what the usual protocol cannot carry */
    assert_decodes("\x82\xa4type\x01\xa3nsp\xa4/a,b", "1/a,b,");
    /* from Python: nil for no data */
    assert_decodes(MESSAGE("\x01", "\xc0"), "1");
    assert_decodes(MESSAGE("\x00", "\xc0"), "0");
}

static void event_names(void **state)
{
    (void)state;
    assert_decodes(EVENT("\x91\x05"), "2[5]");
    assert_decodes(EVENT("\x91\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"), "2[1.5]");
    assert_refused(EVENT("\x90"), "invalid event name");
    assert_refused(EVENT("\x91\xc0"), "invalid event name");
    assert_refused(EVENT("\x91\xd4\x00\x00"), "invalid event name");
    assert_refused(EVENT("\x91\x91\xa1x"), "invalid event name");
    assert_refused(EVENT("\x91\xc4\x01x"), "invalid event name");
    assert_refused(EVENT("\x91\xa7"
                         "connect"),
                   "reserved event name");
    assert_refused(EVENT("\x91\xaa"
                         "disconnect"),
                   "reserved event name");
    assert_decodes(MESSAGE("\x03", "\x91\xaa"
                                   "disconnect"),
                   "3[\"disconnect\"]");
}

static void refuses_messages(void **state)
{
    (void)state;
    assert_refused("", "not a MessagePack map");
    assert_refused("\xc0", "not a MessagePack map");
    assert_refused("\x90", "not a MessagePack map");
    assert_refused("2[\"e\"]", "not a MessagePack map");
    assert_refused("\xc1", "not a MessagePack map");
    assert_refused("\x80", "unknown packet type");
    assert_refused("\x82\xa4type\x01\xa3nsp\xa1/\xc0", "bytes behind the packet");
    assert_refused("\x82\xa4type\x01\xa3nsp\xa2/", "not MessagePack");
    assert_refused("\x82\xa4type\x01\xa3nsp\xc1", "not MessagePack");
    assert_refused("\x83\xa4type\x01\xa3nsp\xa1/\xa1", "a field without a name");
    assert_refused("\x82\x05\x05\xa4type\x01", "a field without a name");
    assert_refused("\x81\xa3nsp\xa1/", "unknown packet type");
    assert_refused("\x82\xa4type\x05\xa3nsp\xa1/", "unknown packet type");
    assert_refused("\x82\xa4type\xff\xa3nsp\xa1/", "unknown packet type");
    assert_refused("\x82\xa4type\xa1\x30\xa3nsp\xa1/", "unknown packet type");
    assert_refused("\x82\xa4type\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xa3nsp\xa1/",
                   "unknown packet type");
    assert_refused("\x82\xa4type\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\xa3nsp\xa1/",
                   "unknown packet type");
    assert_refused("\x81\xa4type\x01", "no namespace");
    assert_refused("\x82\xa4type\x01\xa3nsp\x01", "no namespace");
    assert_refused("\x82\xa4type\x01\xa3nsp\xc4\x01/", "no namespace");
    assert_refused("\x82\xa4type\x01\xa3nsp\xd4\x00\x00", "no namespace");
    assert_refused("\x82\xa4type\x01\xa3nsp\xa0", "invalid namespace");
    assert_refused("\x82\xa4type\x01\xa3nsp\xa1x", "invalid namespace");
    assert_refused("\x82\xa4type\x01\xa3nsp\xa2/\xff", "invalid namespace");
    assert_refused("\x83\xa4type\x01\xa3nsp\xa1/\xa2id\xff", "invalid id");
    assert_refused("\x83\xa4type\x01\xa3nsp\xa1/\xa2id\xc0", "invalid id");
    assert_refused("\x83\xa4type\x01\xa3nsp\xa1/\xa2id\xa1\x35", "invalid id");
    assert_refused("\x83\xa4type\x01\xa3nsp\xa1/\xa2id\xcf\x80\x00\x00\x00\x00\x00\x00\x00",
                   "invalid id");
    assert_refused("\x83\xa4type\x01\xa3nsp\xa1/\xa2id\xcb\x43\xe0\x00\x00\x00\x00\x00\x00",
                   "invalid id");
}

static void refuses_data_of_another_kind(void **state)
{
    (void)state;
    assert_refused(MESSAGE("\x00", "\x90"), "connect data is not an object");
    assert_refused(MESSAGE("\x00", "\xa0"), "connect data is not an object");
    assert_refused(MESSAGE("\x01", "\x90"), "disconnect carries data");
    assert_refused(MESSAGE("\x02", "\x80"), "event data is not an array");
    assert_refused(MESSAGE("\x02", "\xd4\x00\x00"), "event data is not an array");
    assert_refused(MESSAGE("\x03", "\xc0"), "ack data is not an array");
    assert_refused("\x82\xa4type\x03\xa3nsp\xa1/", "ack data is not an array");
    assert_refused(MESSAGE("\x04", "\x90"), "error data is no object or string");
    assert_refused("\x82\xa4type\x04\xa3nsp\xa1/", "error data is no object or string");
    assert_decodes(MESSAGE("\x04", "\xa3"
                                   "bad"),
                   "4\"bad\"");
    assert_refused(ARGS("\x81\xc0\xc0"), "a key is neither text nor an integer");
    assert_refused(ARGS("\x81\x90\xc0"), "a key is neither text nor an integer");
    assert_refused(ARGS("\x81\xd4\x00\x00\xc0"), "a key is neither text nor an integer");
}

static void depth_is_that_of_the_json(void **state)
{
    static const struct sio_limits two = { .attachments_max = 10, .depth_max = 2 };
    static const struct sio_limits three = { .attachments_max = 10, .depth_max = 3 };
    (void)state;

    assert_decoded(STR(ARGS("\x90")), &two, STR("2[\"e\",[]]"), STR(""));
    assert_decoded(STR(ARGS("\x91\x90")), &two, STR("!data is nested too deep"), STR(""));
    /* placeholders count, as they do in the usual protocol */
    assert_decoded(STR(ARGS("\xc4\x01x")), &two, STR("51-[\"e\"," PLACEHOLDER("0") "]"), STR("x"));
    assert_decoded(STR(ARGS("\x91\xc4\x01x")), &two, STR("!data is nested too deep"), STR(""));
    assert_decoded(STR(ARGS("\xd5\x05xx")), &two, STR("!data is nested too deep"), STR(""));
    assert_decoded(STR(ARGS("\xd5\x05xx")), &three, STR("51-[\"e\",[5," PLACEHOLDER("0") "]]"),
                   STR("xx"));
    assert_decoded(STR(MESSAGE("\x00", "\x81\xa1k\xc4\x00")), &two, STR("!data is nested too deep"),
                   STR(""));
}

/* Every proper prefix of a message is refused, and none is read past its end. */
static void cut_off_messages(void **state)
{
    static const str message =
        TEXT("\x84\xa2id\x07\xa4type\x02\xa4"
             "data\x94\xa1x\xc4\x02zz\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"
             "\x81\xa1k\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00\xa3nsp\xa1/");
    struct sio_msgpack m = { 0 };
    struct buf text = { 0 };
    (void)state;

    for (size_t n = 0; n < message.n; n++) {
        decode(&m, str_n(message.p, n), &limits, &text, STR(""));
        assert_int_equal(text.data[0], '!');
    }
    decode(&m, message, &limits, &text, STR("zz"));
    assert_int_equal(text.data[0], '5');
    sio_msgpack_free(&m);
    buf_free(&text);
}

TEST_MAIN(cmocka_unit_test(golden_messages_of_clients),
          cmocka_unit_test(golden_messages_of_servers), cmocka_unit_test(scalars_become_json),
          cmocka_unit_test(containers_become_json), cmocka_unit_test(undefined_is_null_or_absent),
          cmocka_unit_test(dates_become_texts), cmocka_unit_test(bytes_become_attachments),
          cmocka_unit_test(attachments_are_limited), cmocka_unit_test(lookalikes),
          cmocka_unit_test(bytes_in_other_packets), cmocka_unit_test(members_in_any_order),
          cmocka_unit_test(event_names), cmocka_unit_test(refuses_messages),
          cmocka_unit_test(refuses_data_of_another_kind),
          cmocka_unit_test(depth_is_that_of_the_json), cmocka_unit_test(cut_off_messages))
