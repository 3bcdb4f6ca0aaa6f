/* tests/unit/socketio/test_ack.c - acknowledgements both ways between the server and one socket
 * (2.3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

static struct buf heard; /* what the ack functions were told, "0[1,2] " or "ATR_ETIMEOUT " */

static void note_ack(void *user, int err, const struct sio_data *reply)
{
    (void)user;
    if (err < 0) {
        assert_null(reply);
        buf_format(&heard, "%s ", err_name(err));
        return;
    }
    buf_format(&heard, "0%.*s", STR_ARG(reply->json));
    for (size_t i = 0; i < reply->attachment_count; i++)
        buf_format(&heard, "+%.*s", STR_ARG(reply->attachments[i]));
    buf_byte(&heard, ' ');
}

#define assert_acks(want)                                                                          \
    do {                                                                                           \
        assert_int_equal(heard.len, strlen(want));                                                 \
        assert_memory_equal(heard.data, want, heard.len);                                          \
        buf_clear(&heard);                                                                         \
    } while (0)

static void reply_same(struct rig *g, struct sio_socket *s, str event, const struct sio_data *data,
                       int64_t ack)
{
    (void)g, (void)event;
    if (ack != SIO_NO_ID)
        assert_int_equal(sio_socket_ack(s, ack, data), 0);
}

static void answers_events(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_event = reply_same;
    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_say(&p, "4207[\"x\",{\"a\":1}]");
    peer_say(&p, "40/n");
    peer_say(&p, "42/n,0[\"y\"]");
    assert_heard(&p, "437[\"x\",{\"a\":1}] 40/n,{\"sid\":\"$\"} 43/n,0[\"y\"]");
    peer_say(&p, "451-12[\"x\",{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&p, STR("bin"));
    assert_heard(&p, "461-12[\"x\",{\"_placeholder\":true,\"num\":0}] b(bin)");
    assert_int_equal(g->io.stats.acks_out, 3);
    peer_close(&p);
}

static void asks_and_hears(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 0, note_ack, NULL), 0);
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\",2]"), 0, 5000, note_ack, NULL), 0);
    assert_heard(&p, "420[\"q\"] 421[\"q\",2]");
    assert_acks("");
    peer_say(&p, "431[\"b\",1]");
    assert_acks("0[\"b\",1] ");
    peer_say(&p, "430[]");
    assert_acks("0[] ");
    /* Repeated, unknown and nameless ones are ignored. */
    peer_say(&p, "430[1]");
    peer_say(&p, "4399[1]");
    peer_say(&p, "43[1]");
    assert_acks("");
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 0, note_ack, NULL), 0);
    peer_say(&p, "461-2[{\"_placeholder\":true,\"num\":0}]");
    assert_acks("");
    peer_bytes(&p, STR("bin"));
    assert_acks("0[{\"_placeholder\":true,\"num\":0}]+bin ");
    assert_int_equal(g->io.acks.count, 0);
    peer_close(&p);
}

/* An id of one socket is nothing to another. */
static void acks_belong_to_their_socket(void **state)
{
    struct rig *g = *state;
    struct peer p, q;
    struct sio_socket *first;

    peer_join(&p, g);
    first = g->last;
    peer_join(&q, g);
    assert_int_equal(sio_socket_emit_ack(first, DATA("[\"q\"]"), 0, 0, note_ack, NULL), 0);
    peer_say(&q, "430[\"forged\"]");
    assert_acks("");
    peer_say(&p, "430[\"real\"]");
    assert_acks("0[\"real\"] ");
    peer_close(&p);
    peer_close(&q);
}

static void times_out_once(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 5, note_ack, NULL), 0);
    while (heard.len == 0)
        assert_int_equal(loop_turn(&g->loop, 5), 0);
    assert_acks("ATR_ETIMEOUT ");
    peer_say(&p, "430[\"late\"]");
    assert_acks("");
    assert_int_equal(g->io.stats.ack_timeouts, 1);
    peer_close(&p);
}

static void note_order(struct rig *g, struct sio_socket *s)
{
    (void)g, (void)s;
    buf_format(&heard, "left ");
}

/* Told when the socket leaves, before its on_disconnect. */
static void leaving_fails_what_is_open(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_disconnect = note_order;
    peer_join(&p, g);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, i == 1 ? 9999 : 0, note_ack, NULL), 0);
    peer_say(&p, "431[]");
    assert_acks("0[] ");
    peer_close(&p);
    assert_acks("ATR_ECLOSED ATR_ECLOSED left ");
}

static void emit_to_the_gone(struct rig *g, struct sio_socket *s)
{
    (void)g;
    assert_int_equal(sio_socket_emit_ack(s, DATA("[\"q\"]"), 0, 0, note_ack, NULL), ATR_ECLOSED);
    assert_int_equal(sio_socket_emit(s, DATA("[\"q\"]"), 0), ATR_ECLOSED);
    assert_int_equal(sio_socket_ack(s, 1, DATA("[]")), ATR_ECLOSED);
    assert_int_equal(sio_socket_join(s, STR("r")), ATR_ECLOSED);
    sio_socket_leave(s, STR("r"));
    sio_socket_leave(s, sio_socket_id(s));
    sio_socket_disconnect(s, true);
    assert_false(sio_socket_in(s, sio_socket_id(s)));
}

static void the_gone_refuse_all(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_disconnect = emit_to_the_gone;
    g->main->watch_outgoing = true;
    peer_join(&p, g);
    peer_close(&p);
    assert_acks("");
    assert_log(g, "leaving(/,transport close) left(/,transport close)");
}

/* The ack function may end the socket that answered, and ask again. */
static void end_it(void *user, int err, const struct sio_data *reply)
{
    struct rig *g = user;

    note_ack(NULL, err, reply);
    if (err == 0) {
        assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 0, end_it, g), 0);
        sio_socket_disconnect(g->last, true);
    }
}

static void ack_functions_may_do_anything(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 0, end_it, g), 0);
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 0, end_it, g), 0);
    peer_say(&p, "431[1]");
    assert_acks("0[1] ATR_ECLOSED ATR_ECLOSED ");
    assert_heard(&p, "420[\"q\"] 421[\"q\"] 422[\"q\"] 41 close(1005)");
    peer_close(&p);
    buf_free(&heard);
}

TEST_MAIN(RIG_TEST(answers_events), RIG_TEST(asks_and_hears), RIG_TEST(acks_belong_to_their_socket),
          RIG_TEST(times_out_once), RIG_TEST(leaving_fails_what_is_open),
          RIG_TEST(the_gone_refuse_all), RIG_TEST(ack_functions_may_do_anything))
