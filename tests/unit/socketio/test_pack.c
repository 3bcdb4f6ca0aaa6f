/* tests/unit/socketio/test_pack.c - clients that speak MessagePack (2.8), alone and among others.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include "base/slab.h"
#include "socketio/client.h"
#include "socketio/recovery.h"

static void msgpack_only(struct sio_options *o)
{
    o->parser = SIO_PARSER_MSGPACK;
}

static void texts_only(struct sio_options *o)
{
    o->parser = SIO_PARSER_DEFAULT;
}

static void with_recovery(struct sio_options *o)
{
    o->recovery.enabled = true;
}

/* --- Which parser --- */

static void the_first_message_chooses(void **state)
{
    struct rig *g = *state;
    struct peer text, packed;

    peer_join(&text, g);
    peer_join_packed(&packed, g);
    assert_int_equal(g->io.stats.msgpack_clients, 1);
    assert_true(sio_emit(g->main, NULL, DATA("[\"x\",1]")) == 0);
    assert_heard(&text, "42[\"x\",1]");
    assert_heard(&packed, "(42[\"x\",1])");
    peer_close(&text);
    peer_close(&packed);
}

/* Nobody changes it later. */
static void texts_and_messages_do_not_mix(void **state)
{
    struct rig *g = *state;
    struct peer text, packed;

    peer_join(&text, g);
    peer_pack(&text, "42[\"x\"]", NULL);
    assert_log(g, "leaving(/,forced close) left(/,forced close)");
    peer_join_packed(&packed, g);
    peer_say(&packed, "42[\"x\"]");
    assert_log(g, "leaving(/,forced close) left(/,forced close)");
    assert_int_equal(g->io.stats.protocol_errors, 2);
    peer_close(&text);
    peer_close(&packed);
}

static void a_parser_may_be_set(void **state)
{
    struct rig g;
    struct peer p;

    (void)state;
    rig_open(&g, msgpack_only);
    peer_open(&p, &g);
    peer_say(&p, "40");
    assert_heard(&p, "close(1005)");
    peer_close(&p);
    peer_join_packed(&p, &g);
    peer_close(&p);
    assert_int_equal(g.io.stats.msgpack_clients, 2);
    rig_close(&g);

    rig_open(&g, texts_only);
    peer_open(&p, &g);
    peer_pack(&p, "40", NULL);
    assert_heard(&p, "close(1005)");
    peer_close(&p);
    assert_int_equal(g.io.stats.protocol_errors, 1);
    rig_close(&g);
}

/* --- Packets --- */

static void packets_are_those_of_the_usual_protocol(void **state)
{
    static const str attachments[] = { { "one", 3 }, { "two", 3 } };
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("/n"));
    g->on_event = rig_echo;
    peer_join_packed(&p, g);
    peer_pack(&p, "40/n,{\"token\":1}", NULL);
    assert_log(g, "connect(/n)");
    assert_heard(&p, "(40/n,{\"sid\":\"$\"})");
    peer_pack(&p, "40/unknown,", NULL);
    assert_heard(&p, "(44/unknown,{\"message\":\"Invalid namespace\"})");
    peer_pack(&p, "42/n,[\"x\",{\"a\":[1,-2.5,null,true]},\"\\u00e9\"]", NULL);
    assert_log(g, "event(/n,\"x\",[\"x\",{\"a\":[1,-2.5,null,true]},\"\xc3\xa9\"])");
    assert_heard(&p, "(42/n,[\"x\",{\"a\":[1,-2.5,null,true]},\"\xc3\xa9\"])");
    peer_pack(&p, "427[\"ask\",\"me\"]", NULL);
    assert_heard(&p, "(437[\"ask\",\"me\"])");
    peer_pack(
        &p, "452-8[7,{\"k\":{\"_placeholder\":true,\"num\":0}},{\"_placeholder\":true,\"num\":1}]",
        attachments);
    assert_heard(&p, "(462-8[7,{\"k\":{\"_placeholder\":true,\"num\":0}},"
                     "{\"_placeholder\":true,\"num\":1}]+one+two)");
    buf_clear(&g->log);
    peer_pack(&p, "41/n,", NULL);
    assert_log(g, "leaving(/n,client namespace disconnect) left(/n,client namespace disconnect)");
    sio_disconnect_sockets(g->main, NULL, false);
    assert_heard(&p, "(41)");
    peer_close(&p);
}

static void answered(void *user, int err, const struct sio_data *reply)
{
    struct buf *out = user;

    assert_int_equal(err, 0);
    buf_format(out, "%.*s", STR_ARG(reply->json));
    for (size_t i = 0; i < reply->attachment_count; i++)
        buf_format(out, "+%.*s", STR_ARG(reply->attachments[i]));
}

static void all_answered(void *user, int err, const struct sio_answers *answers)
{
    assert_int_equal(err, 0);
    for (size_t i = 0; i < answers->count; i++)
        answered(user, 0, &answers->items[i]);
}

static void acks_come_back(void **state)
{
    static const str bytes = { "ABC", 3 };
    struct rig *g = *state;
    struct peer p, q;
    struct buf got = { 0 };

    peer_join_packed(&p, g);
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\",{\"_placeholder\":true}]"), 0, 0,
                                         answered, &got),
                     0);
    assert_heard(&p, "(420[\"q\",{\"_placeholder\":true}])");
    peer_pack(&p, "461-0[{\"_placeholder\":true,\"num\":0},2]", &bytes);
    assert_true(str_eq(buf_str(&got), STR("[{\"_placeholder\":true,\"num\":0},2]+ABC")));
    buf_clear(&got);

    peer_join(&q, g);
    assert_int_equal(sio_emit_ack(g->main, NULL, DATA("[\"all\"]"), 0, all_answered, &got), 0);
    assert_heard(&p, "(421[\"all\"])");
    assert_heard(&q, "421[\"all\"]");
    peer_say(&q, "431[\"q\"]");
    peer_pack(&p, "431[\"p\"]", NULL);
    assert_true(str_eq(buf_str(&got), STR("\"q\"\"p\"")));
    buf_free(&got);
    peer_close(&p);
    peer_close(&q);
}

/* Applications make JSON by hand: what cannot be converted is not sent, and they are told. */
static void what_cannot_be_converted_is_an_error(void **state)
{
    static char many[3000];
    static char huge[100000];
    struct rig *g = *state;
    struct peer text, packed;
    struct sio_data repeated = { { many, 0 }, &(str){ huge, sizeof huge }, 1 };

    peer_join(&text, g);
    peer_join_packed(&packed, g);
    assert_int_equal(sio_socket_emit(g->last, DATA("[\"x\","), 0), ATR_ESYNTAX);
    assert_int_equal(sio_emit(g->main, NULL, DATA("[\"x\",nonsense]")), ATR_ESYNTAX);
    assert_heard(&text, "42[\"x\",nonsense]");

    /* One attachment that stands many times would be as many copies of it. */
    buf_clear(&g->log);
    strcpy(many, "[\"x\"");
    while (strlen(many) < sizeof many - 64)
        strcat(many, ",{\"_placeholder\":true,\"num\":0}");
    strcat(many, "]");
    repeated.json.n = strlen(many);
    assert_int_equal(sio_socket_emit(g->last, &repeated, 0), ATR_ELIMIT);
    assert_heard(&packed, "");
    assert_int_equal(g->io.stats.limits_hit, 3);
    assert_true(g->io.packing.out.cap <= 65536);
    peer_close(&text);
    peer_close(&packed);
}

static void volatile_events_are_dropped(void **state)
{
    struct rig *g = *state;
    struct sio_target t = { .flags = SIO_VOLATILE };
    struct peer p;

    peer_join_packed(&p, g);
    assert_int_equal(sio_socket_emit(g->last, DATA("[\"a\"]"), SIO_VOLATILE), 0);
    assert_int_equal(sio_socket_emit(g->last, DATA("[\"b\"]"), SIO_VOLATILE), 0);
    assert_int_equal(sio_emit(g->main, &t, DATA("[\"c\"]")), 0);
    assert_heard(&p, "(42[\"a\"])");
    assert_int_equal(g->io.stats.volatile_dropped, 2);
    peer_close(&p);
}

/* --- Malformed packets close the connection that sent them, and no other --- */

#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof literal - 1                                                                \
    }

static void malformed_packets_close(void **state)
{
    static const str bad[] = {
        BYTES(""),
        BYTES("\xc1"),
        BYTES("\x80"),
        BYTES("\x83\xa4type\x02\xa4"
              "data\x91\xa1x"), /* cut off */
        BYTES("\x83\xa4type\x02\xa4"
              "data\x91\xa1x\xa3nsp\xa1/\x00"), /* bytes behind */
        BYTES("\x83\xa4type\x05\xa4"
              "data\x91\xa1x\xa3nsp\xa1/"),
        BYTES("\x83\xa4type\x02\xa4"
              "data\xa1x\xa3nsp\xa1/"),
        BYTES("\x83\xa4type\x02\xa4"
              "data\x90\xa3nsp\xa1/"),
        BYTES("\x83\xa4type\x02\xa4"
              "data\x91\xa7"
              "connect\xa3nsp\xa1/"),
        BYTES("\x83\xa4type\x02\xa4"
              "data\xdd\xff\xff\xff\xff\xa3nsp\xa1/"),
        BYTES("\xdf\xff\xff\xff\xff\xa4type\x02"),
        BYTES("\x83\xa4type\x03\xa4"
              "data\xc0\xa3nsp\xa1/"),
        BYTES("\x82\xa4type\x02\xa3nsp\xa1/"),
        BYTES("\x83\xa4type\x02\xa4"
              "data\x91\xa1x\xa3nsp\x07"),
        BYTES("\x84\xa4type\x02\xa4"
              "data\x91\xa1x\xa3nsp\xa1/\xa2id\xa1z"),
        BYTES("\x83\xa4type\x02\xa4"
              "data\x92\xa1x\x81\xc0\x01\xa3nsp\xa1/"), /* a key of nil */
    };
    struct rig *g = *state;
    struct peer good, p;

    peer_join_packed(&good, g);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        peer_join_packed(&p, g);
        peer_bytes(&p, bad[i]);
        assert_log(g, "leaving(/,forced close) left(/,forced close)");
        assert_heard(&p, "close(1005)");
        peer_close(&p);
        assert_int_equal(g->io.stats.protocol_errors, i + 1);
    }
    g->on_event = rig_echo;
    peer_pack(&good, "42[\"x\"]", NULL);
    assert_heard(&good, "(42[\"x\"])");
    peer_close(&good);
}

static void limits_hold(void **state)
{
    static const str eleven[11] = { { 0 } };
    static char deep[600], big[65536];
    struct rig *g = *state;
    struct peer p;
    struct buf packet = { 0 };

    peer_join_packed(&p, g);
    peer_pack(&p,
              "4511-[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1},"
              "{\"_placeholder\":true,\"num\":2},{\"_placeholder\":true,\"num\":3},"
              "{\"_placeholder\":true,\"num\":4},{\"_placeholder\":true,\"num\":5},"
              "{\"_placeholder\":true,\"num\":6},{\"_placeholder\":true,\"num\":7},"
              "{\"_placeholder\":true,\"num\":8},{\"_placeholder\":true,\"num\":9},"
              "{\"_placeholder\":true,\"num\":10}]",
              eleven);
    assert_log(g, "leaving(/,forced close) left(/,forced close)");
    peer_close(&p);

    peer_join_packed(&p, g);
    g->io.options.json_depth_max = 100;
    strcpy(deep, "42[\"x\",");
    memset(deep + 7, '[', 100);
    memset(deep + 107, ']', 101);
    peer_pack(&p, deep, NULL);
    assert_log(g, "leaving(/,forced close) left(/,forced close)");
    peer_close(&p);

    /* 2.8: few bytes that are long as JSON must not be kept: the payload of a CONNECT is. */
    g->io.engine.options.message_bytes_max = 100000;
    peer_open(&p, g);
    p.packed = true;
    buf_add(&packet, STR("\x83\xa4type\x00\xa3nsp\xa1/\xa4"
                         "data\x81\xa1k\xda\xff\xff"));
    buf_append(&packet, big, 65535); /* zeros, each of which is \u0000 */
    peer_bytes(&p, buf_str(&packet));
    assert_heard(&p, "close(1005)");
    assert_log(g, "");
    assert_int_equal(g->io.packing.in.text.cap, 0);
    peer_close(&p);
    assert_int_equal(g->io.stats.protocol_errors, 3);
    buf_free(&packet);
}

/* --- Recovery: what is kept has one form, what is sent that of who comes back --- */

static void what_was_missed_comes_in_the_right_form(void **state)
{
    static const str bytes[] = { { "att", 3 } };
    struct rig g;
    struct peer p, q;
    char back[128];
    struct sio_data binary = { STR("[\"b\",{\"_placeholder\":true,\"num\":0}]"), bytes, 1 };

    (void)state;
    rig_open(&g, with_recovery);
    peer_open(&p, &g);
    p.packed = true;
    peer_pack(&p, "40", NULL);
    peer_hear(&p);
    memcpy(g.main->recovery->epoch, "eee", 3);
    (void)snprintf(back, sizeof back, "40{\"pid\":\"%.*s\",\"offset\":\"eee00000001\"}", SIO_ID_LEN,
                   sio_record_of(g.last)->pid);
    buf_clear(&p.heard);
    assert_int_equal(sio_socket_emit(g.last, DATA("[\"one\"]"), 0), 0);
    assert_heard(&p, "(42[\"one\",\"eee00000001\"])");
    assert_int_equal(sio_emit(g.main, NULL, DATA("[\"two\"]")), 0);
    assert_heard(&p, "(42[\"two\",\"eee00000002\"])");
    peer_close(&p);
    assert_int_equal(sio_emit(g.main, NULL, DATA("[\"three\",{\"x\":[]}]")), 0);
    assert_int_equal(sio_emit(g.main, NULL, &binary), 0);

    peer_open(&q, &g);
    q.packed = true;
    peer_pack(&q, back, NULL);
    peer_hear(&q);
    buf_byte(&q.heard, '\0');
    assert_non_null(
        strstr((char *)q.heard.data,
               "(42[\"two\",\"eee00000002\"]) (42[\"three\",{\"x\":[]},\"eee00000003\"]) "
               "(451-[\"b\",{\"_placeholder\":true,\"num\":0},\"eee00000004\"]+att) "
               "(40{\"sid\":\"$\",\"pid\":\""));
    assert_true(g.last->recovered);
    peer_close(&q);

    /* And from MessagePack to texts: a client may change its parser. */
    peer_open(&p, &g);
    peer_say(&p, back);
    peer_hear(&p);
    assert_true(str_search(buf_str(&p.heard), STR("42[\"two\",\"eee00000002\"]")) >= 0);
    peer_close(&p);
    rig_close(&g);
    msg_trim();
    slab_trim();
}

TEST_MAIN(RIG_TEST(the_first_message_chooses), RIG_TEST(texts_and_messages_do_not_mix),
          cmocka_unit_test(a_parser_may_be_set), RIG_TEST(packets_are_those_of_the_usual_protocol),
          RIG_TEST(acks_come_back), RIG_TEST(what_cannot_be_converted_is_an_error),
          RIG_TEST(volatile_events_are_dropped), RIG_TEST(malformed_packets_close),
          RIG_TEST(limits_hold), cmocka_unit_test(what_was_missed_comes_in_the_right_form))
