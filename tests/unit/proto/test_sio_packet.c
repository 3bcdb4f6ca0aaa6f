/* unit/proto/test_sio_packet.c - Socket.IO packets (socketio.md 2.1 to 2.3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_packet.h"

#include "proto/json.h"

#include "exact.h"

static const struct sio_limits limits = { .attachments_max = 10, .depth_max = JSON_DEPTH };

/* Every field of a good packet; NULL stands for none. */
static const struct good {
    const char *text;
    enum sio_type type;
    uint32_t attachments;
    const char *nsp;
    int64_t id;
    const char *data, *event;
} good[] = {
    /* 2.2: CONNECT as the clients send it */
    { "0", SIO_CONNECT, 0, "/", -1, NULL, NULL },
    { "0{}", SIO_CONNECT, 0, "/", -1, "{}", NULL },
    { "0{\"token\":\"x\"}", SIO_CONNECT, 0, "/", -1, "{\"token\":\"x\"}", NULL },
    { "0/custom", SIO_CONNECT, 0, "/custom", -1, NULL, NULL },
    { "0/custom,", SIO_CONNECT, 0, "/custom", -1, NULL, NULL },
    { "0/custom,{\"a\":[1]}", SIO_CONNECT, 0, "/custom", -1, "{\"a\":[1]}", NULL },
    { "0/ns?token=a&b=c,{}", SIO_CONNECT, 0, "/ns?token=a&b=c", -1, "{}", NULL },
    { "0/ns?a=b", SIO_CONNECT, 0, "/ns?a=b", -1, NULL, NULL },
    { "0/,", SIO_CONNECT, 0, "/", -1, NULL, NULL },
    { "0/", SIO_CONNECT, 0, "/", -1, NULL, NULL },
    { "0/,{}", SIO_CONNECT, 0, "/", -1, "{}", NULL },
    { "0//,", SIO_CONNECT, 0, "//", -1, NULL, NULL },
    { "0/{}", SIO_CONNECT, 0, "/{}", -1, NULL, NULL }, /* all of it, for want of a comma */
    { "0/\xc3\xa9,", SIO_CONNECT, 0, "/\xc3\xa9", -1, NULL, NULL },
    { "05{}", SIO_CONNECT, 0, "/", 5, "{}", NULL },
    /* DISCONNECT */
    { "1", SIO_DISCONNECT, 0, "/", -1, NULL, NULL },
    { "1/,", SIO_DISCONNECT, 0, "/", -1, NULL, NULL },
    { "1/admin,", SIO_DISCONNECT, 0, "/admin", -1, NULL, NULL },
    { "1/admin", SIO_DISCONNECT, 0, "/admin", -1, NULL, NULL },
    /* EVENT */
    { "2", SIO_EVENT, 0, "/", -1, NULL, NULL },
    { "2/ns,", SIO_EVENT, 0, "/ns", -1, NULL, NULL },
    { "212", SIO_EVENT, 0, "/", 12, NULL, NULL },
    { "2[\"hello\",1]", SIO_EVENT, 0, "/", -1, "[\"hello\",1]", "\"hello\"" },
    { "2/admin,456[\"project:delete\",123]", SIO_EVENT, 0, "/admin", 456,
      "[\"project:delete\",123]", "\"project:delete\"" },
    { "212[\"a\"]", SIO_EVENT, 0, "/", 12, "[\"a\"]", "\"a\"" },
    { "2007[\"a\"]", SIO_EVENT, 0, "/", 7, "[\"a\"]", "\"a\"" },
    { "20[\"a\"]", SIO_EVENT, 0, "/", 0, "[\"a\"]", "\"a\"" },
    { "29223372036854775807[\"a\"]", SIO_EVENT, 0, "/", INT64_MAX, "[\"a\"]", "\"a\"" },
    { "2000000000000000000000000000001[\"a\"]", SIO_EVENT, 0, "/", 1, "[\"a\"]", "\"a\"" },
    { "2[7,\"x\"]", SIO_EVENT, 0, "/", -1, "[7,\"x\"]", "7" },
    { "2[-1.5e3]", SIO_EVENT, 0, "/", -1, "[-1.5e3]", "-1.5e3" },
    { "2[\"\"]", SIO_EVENT, 0, "/", -1, "[\"\"]", "\"\"" },
    { "2[\"error\",1]", SIO_EVENT, 0, "/", -1, "[\"error\",1]", "\"error\"" },
    { "2[\"connection\",1]", SIO_EVENT, 0, "/", -1, "[\"connection\",1]", "\"connection\"" },
    { "2[\"Connect\"]", SIO_EVENT, 0, "/", -1, "[\"Connect\"]", "\"Connect\"" },
    { "2[\"a\",\"connect\"]", SIO_EVENT, 0, "/", -1, "[\"a\",\"connect\"]", "\"a\"" },
    { "2[\"a]\\\"\",1]", SIO_EVENT, 0, "/", -1, "[\"a]\\\"\",1]", "\"a]\\\"\"" },
    { "2[ \"a\" , 1 ] \n", SIO_EVENT, 0, "/", -1, "[ \"a\" , 1 ]", "\"a\"" },
    { "2[\"a\",1.10,12345678901234567890]", SIO_EVENT, 0, "/", -1,
      "[\"a\",1.10,12345678901234567890]", "\"a\"" }, /* forwarded as it came */
    { "2[\"a\",{\"_placeholder\":true,\"num\":5}]", SIO_EVENT, 0, "/", -1,
      "[\"a\",{\"_placeholder\":true,\"num\":5}]", "\"a\"" }, /* 2.3: plain data here */
    /* ACK */
    { "312[]", SIO_ACK, 0, "/", 12, "[]", NULL },
    { "3/admin,456[\"bar\"]", SIO_ACK, 0, "/admin", 456, "[\"bar\"]", NULL },
    { "31", SIO_ACK, 0, "/", 1, NULL, NULL },
    { "3[1]", SIO_ACK, 0, "/", -1, "[1]", NULL },
    { "31[\"connect\"]", SIO_ACK, 0, "/", 1, "[\"connect\"]", NULL },
    /* CONNECT_ERROR: sent by servers, read by our own clients */
    { "4{\"message\":\"Not authorized\"}", SIO_CONNECT_ERROR, 0, "/", -1,
      "{\"message\":\"Not authorized\"}", NULL },
    { "4/ns,\"msg\"", SIO_CONNECT_ERROR, 0, "/ns", -1, "\"msg\"", NULL },
    /* binary */
    { "51-[\"hello\",{\"_placeholder\":true,\"num\":0}]", SIO_BINARY_EVENT, 1, "/", -1,
      "[\"hello\",{\"_placeholder\":true,\"num\":0}]", "\"hello\"" },
    { "52-/admin,3[\"b\"]", SIO_BINARY_EVENT, 2, "/admin", 3, "[\"b\"]", "\"b\"" },
    { "510-[\"b\"]", SIO_BINARY_EVENT, 10, "/", -1, "[\"b\"]", "\"b\"" },
    { "501-[\"b\"]", SIO_BINARY_EVENT, 1, "/", -1, "[\"b\"]", "\"b\"" },
    { "51-", SIO_BINARY_EVENT, 1, "/", -1, NULL, NULL },
    { "61-/admin,456[{\"_placeholder\":true,\"num\":0}]", SIO_BINARY_ACK, 1, "/admin", 456,
      "[{\"_placeholder\":true,\"num\":0}]", NULL },
    { "61-7[]", SIO_BINARY_ACK, 1, "/", 7, "[]", NULL },
};

static void same(str got, const char *want)
{
    if (want) {
        assert_true(str_eq(got, str_of(want)));
    } else {
        assert_null(got.p);
        assert_int_equal(got.n, 0);
    }
}

static void decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct good *g = &good[i];
        str text = exact_copy(str_of(g->text));
        const char *why = "untouched";
        struct sio_packet p = { 0 };

        if (sio_packet_decode(text, &limits, &p, &why) != PARSE_DONE)
            print_error("refused: %s: %s\n", g->text, why);
        assert_int_equal(sio_packet_decode(text, &limits, &p, &why), PARSE_DONE);
        assert_string_equal(why, "untouched");
        assert_int_equal(p.type, g->type);
        assert_int_equal(p.attachments, g->attachments);
        assert_int_equal(p.id, g->id);
        same(p.nsp, g->nsp);
        same(p.data, g->data);
        same(p.event, g->event);
        free((void *)text.p);
    }
}

static const char *const bad[] = {
    "",
    "7",
    "8[]",
    "9",
    "a",
    " ",
    "-1",
    ":",
    "/",
    "[\"a\"]",
    "\xff",
    /* CONNECT data is an object */
    "0[]",
    "0\"a\"",
    "01null",
    "0null",
    "0true",
    "0{",
    "0{}x",
    "0{}{}",
    "0x",
    "0,{}",
    "0/ns,[]",
    "0/ns,\"a\"",
    "0 ",
    "0 {}",
    /* DISCONNECT has none */
    "1{}",
    "1[]",
    "1\"x\"",
    "1null",
    "1/ns,{}",
    "1x",
    /* EVENT: an array with a name */
    "2[]",
    "2[ ]",
    "2{}",
    "2\"a\"",
    "2null",
    "2[null]",
    "2[true]",
    "2[false,\"a\"]",
    "2[{}]",
    "2[[]]",
    "2[[\"a\"]]",
    "2[\"a\"",
    "2[\"a\",]",
    "2[\"a\"]x",
    "2[\"a\"][]",
    "2[\"a\"],",
    "2x",
    "2[a]",
    "2 ",
    "2 [\"a\"]",
    "2/ns,\t[\"a\"]",
    "21\n[\"a\"]",
    "2[\"a\"]\x01",
    "2,[\"a\"]",
    "2-1[\"a\"]",
    "2+1[\"a\"]",
    "21.5[\"a\"]",
    "21e3[\"a\"]",
    "2/ns[\"a\",1]",
    "2/ns,x",
    "2/ns,12x[\"a\"]",
    "2[\"\xff\"]",
    "2\xef\xbb\xbf[\"a\"]",
    "2[\"a\\x\"]",
    "2[\"a\n\"]",
    /* names that peers may not use, however spelled */
    "2[\"connect\"]",
    "2[\"connect_error\",1]",
    "2[\"disconnect\"]",
    "2[\"disconnecting\"]",
    "2[\"newListener\"]",
    "2[\"removeListener\"]",
    "2[\"conn\\u0065ct\"]",
    "2[\"\\u0063onnect\"]",
    "2[\"\\u006eewListene\\u0072\"]",
    "2[ \"disconnect\" ]",
    "51-[\"connect\"]",
    "2/a,1[\"connect\"]",
    /* ids */
    "29223372036854775808[\"a\"]",
    "299999999999999999999[\"a\"]",
    "2100000000000000000000000000000000[\"a\"]",
    "29223372036854775808",
    "39223372036854775808[]",
    /* ACK: an array */
    "31{}",
    "31\"a\"",
    "31null",
    "31[",
    "31[]]",
    "3x",
    "312-[]",
    /* CONNECT_ERROR: an object or a string */
    "4[]",
    "4null",
    "4true",
    "4{",
    "4\"",
    "4x",
    /* attachments: 1 to 10 */
    "5",
    "5[\"a\"]",
    "5-[\"a\"]",
    "50-[\"a\"]",
    "500-[\"a\"]",
    "511-[\"a\"]",
    "51",
    "51[\"a\"]",
    "5a-[\"a\"]",
    "5-1-[\"a\"]",
    "51.0-[\"a\"]",
    "51e1-[\"a\"]",
    "5 1-[\"a\"]",
    "5+1-[\"a\"]",
    "50x1-[\"a\"]",
    "51,-[\"a\"]",
    "599999999999-[\"a\"]",
    "518446744073709551617-[\"a\"]",
    "51-[]",
    "51-{}",
    "51-x",
    "51--[\"a\"]",
    "6",
    "6[]",
    "60-[]",
    "611-[]",
    "61-{}",
    "6/ns,1-[]",
    "5/ns,1-[\"a\"]",
};

/* What is refused has a reason, and leaves the output alone. */
static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        str text = exact_copy(str_of(bad[i]));
        struct sio_packet p = { .id = 77 };
        const char *why = NULL;

        if (sio_packet_decode(text, &limits, &p, NULL) != PARSE_BAD)
            print_error("accepted: %s\n", bad[i]);
        assert_int_equal(sio_packet_decode(text, &limits, &p, &why), PARSE_BAD);
        assert_int_equal(p.id, 77);
        assert_non_null(why);
        assert_true(strlen(why) > 0);
        free((void *)text.p);
    }
}

static void refuses_null_bytes(void **state)
{
    static const str texts[] = { TEXT("2[\"a\"]\0"), TEXT("2\0[\"a\"]"), TEXT("\0"),
                                 TEXT("2[\"\0\"]") };
    struct sio_packet p;
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(sio_packet_decode(texts[i], &limits, &p, NULL), PARSE_BAD);
    assert_int_equal(sio_packet_decode((str){ 0 }, &limits, &p, NULL), PARSE_BAD);
}

/* A packet whose payload was cut off is never taken for a whole one. */
static void refuses_every_cut_payload(void **state)
{
    str text = STR("2/ns,17[\"name\",{\"a\":[1,\"\\u00e9\"]},null]");
    size_t payload = 7;
    (void)state;

    for (size_t n = payload + 1; n <= text.n; n++) {
        str cut = exact_copy(str_n(text.p, n));
        struct sio_packet p;
        assert_int_equal(sio_packet_decode(cut, &limits, &p, NULL),
                         n == text.n ? PARSE_DONE : PARSE_BAD);
        free((void *)cut.p);
    }
}

static void limits_are_the_callers(void **state)
{
    struct sio_limits tight = { .attachments_max = 1, .depth_max = 2 };
    struct sio_limits none = { .attachments_max = 0, .depth_max = JSON_DEPTH };
    struct sio_limits wide = { .attachments_max = UINT32_MAX, .depth_max = JSON_DEPTH };
    struct sio_packet p;
    const char *why = NULL;
    (void)state;

    assert_int_equal(sio_packet_decode(STR("51-[\"a\"]"), &tight, &p, NULL), PARSE_DONE);
    assert_int_equal(sio_packet_decode(STR("52-[\"a\"]"), &tight, &p, &why), PARSE_BAD);
    assert_string_equal(why, "too many attachments");
    assert_int_equal(sio_packet_decode(STR("51-[\"a\"]"), &none, &p, NULL), PARSE_BAD);
    assert_int_equal(sio_packet_decode(STR("54294967295-[\"a\"]"), &wide, &p, NULL), PARSE_DONE);
    assert_int_equal(p.attachments, UINT32_MAX);
    assert_int_equal(sio_packet_decode(STR("54294967296-[\"a\"]"), &wide, &p, NULL), PARSE_BAD);
    assert_int_equal(sio_packet_decode(STR("2[\"a\",[]]"), &tight, &p, NULL), PARSE_DONE);
    assert_int_equal(sio_packet_decode(STR("2[\"a\",[[]]]"), &tight, &p, NULL), PARSE_BAD);
}

static void writes_heads(void **state)
{
    struct buf b = { 0 };
    (void)state;

    sio_packet_head(&b, SIO_CONNECT, 0, STR("/"), SIO_NO_ID);
    buf_byte(&b, ' ');
    sio_packet_head(&b, SIO_DISCONNECT, 0, STR("/ns"), SIO_NO_ID);
    buf_byte(&b, ' ');
    sio_packet_head(&b, SIO_EVENT, 0, (str){ 0 }, 0);
    buf_byte(&b, ' ');
    sio_packet_head(&b, SIO_ACK, 0, STR("/ns"), 12);
    buf_byte(&b, ' ');
    sio_packet_head(&b, SIO_BINARY_EVENT, 2, STR("/"), SIO_NO_ID);
    buf_byte(&b, ' ');
    sio_packet_head(&b, SIO_BINARY_ACK, 1, STR("/admin"), 456);
    assert_str(buf_str(&b), "0 1/ns, 20 3/ns,12 52- 61-/admin,456");
    buf_clear(&b);
    sio_packet_head(&b, SIO_BINARY_EVENT, UINT32_MAX, STR("/long"), INT64_MAX);
    assert_true(b.len <= sio_packet_head_size(STR("/long")));
    buf_free(&b);
}

/* Head and data of what was decoded make the same packet again. */
static void packets_survive(void **state)
{
    struct buf b = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct sio_packet p, again;
        assert_int_equal(sio_packet_decode(str_of(good[i].text), &limits, &p, NULL), PARSE_DONE);
        buf_clear(&b);
        sio_packet_head(&b, p.type, p.attachments, p.nsp, p.id);
        assert_true(b.len <= sio_packet_head_size(p.nsp));
        buf_add(&b, p.data);
        assert_int_equal(sio_packet_decode(buf_str(&b), &limits, &again, NULL), PARSE_DONE);
        assert_int_equal(again.type, p.type);
        assert_int_equal(again.attachments, p.attachments);
        assert_int_equal(again.id, p.id);
        assert_true(str_eq(again.nsp, p.nsp));
        assert_true(str_eq(again.data, p.data));
        assert_true(str_eq(again.event, p.event));
    }
    buf_free(&b);
}

static void reserved_names(void **state)
{
    (void)state;
    assert_true(sio_event_reserved(STR("\"connect\"")));
    assert_true(sio_event_reserved(STR("\"\\u0064isconnect\"")));
    assert_true(sio_event_reserved(STR("\"remove\\u004cistener\"")));
    assert_false(sio_event_reserved(STR("\"connected\"")));
    assert_false(sio_event_reserved(STR("\"\"")));
    assert_false(sio_event_reserved(STR("\"c\"")));
    assert_false(sio_event_reserved(STR("7")));
    assert_false(sio_event_reserved(STR("connect")));
    assert_false(sio_event_reserved((str){ 0 }));
}

TEST_MAIN(cmocka_unit_test(decodes), cmocka_unit_test(refuses),
          cmocka_unit_test(refuses_null_bytes), cmocka_unit_test(refuses_every_cut_payload),
          cmocka_unit_test(limits_are_the_callers), cmocka_unit_test(writes_heads),
          cmocka_unit_test(packets_survive), cmocka_unit_test(reserved_names))
