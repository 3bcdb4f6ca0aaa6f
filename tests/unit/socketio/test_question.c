/* tests/unit/socketio/test_question.c - broadcasts that wait for everybody's answer (2.3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

static struct buf heard; /* "0 2/2 1 "b" " : error, answers of how many, the answers */

static void note_answers(void *user, int err, const struct sio_answers *a)
{
    (void)user;
    buf_format(&heard, "%s %zu/%zu ", err < 0 ? err_name(err) : "0", a->count, a->expected);
    for (size_t i = 0; i < a->count; i++) {
        buf_format(&heard, "%.*s", STR_ARG(a->items[i].json));
        for (size_t k = 0; k < a->items[i].attachment_count; k++)
            buf_format(&heard, "+%.*s", STR_ARG(a->items[i].attachments[k]));
        buf_byte(&heard, ' ');
    }
}

#define assert_answers(want)                                                                       \
    do {                                                                                           \
        assert_int_equal(heard.len, strlen(want));                                                 \
        assert_memory_equal(heard.data, want, heard.len);                                          \
        buf_clear(&heard);                                                                         \
    } while (0)

static void await_answers(struct rig *g)
{
    while (heard.len == 0)
        assert_int_equal(loop_turn(&g->loop, 5), 0);
}

static int ask(struct rig *g, const struct sio_target *t, uint32_t timeout_ms)
{
    return sio_emit_ack(g->main, t, DATA("[\"q\"]"), timeout_ms, note_answers, NULL);
}

static void collects_first_arguments(void **state)
{
    struct rig *g = *state;
    struct peer p, q, r;

    peer_join(&p, g);
    peer_join(&q, g);
    peer_join(&r, g);
    assert_int_equal(ask(g, NULL, 5000), 0);
    assert_heard(&p, "420[\"q\"]");
    assert_heard(&q, "420[\"q\"]");
    peer_say(&q, "430[ \"b\" ,2]");
    peer_say(&q, "430[\"again\"]"); /* counts once */
    peer_say(&r, "461-0[{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&r, STR("bin"));
    assert_answers("");
    peer_say(&p, "430[]"); /* nothing, as null */
    assert_answers("0 3/3 \"b\" {\"_placeholder\":true,\"num\":0}+bin null ");
    peer_say(&p, "430[\"late\"]");
    assert_answers("");
    assert_int_equal(g->io.questions.count, 0);
    peer_close(&p);
    peer_close(&q);
    peer_close(&r);
}

/* One counter for both kinds of acks of a namespace. */
static void ids_do_not_collide(void **state)
{
    struct rig *g = *state;
    struct sio_namespace *n = sio_server_of(&g->io, STR("/n"));
    struct peer p;

    peer_join(&p, g);
    peer_say(&p, "40/n");
    assert_int_equal(ask(g, NULL, 0), 0);
    assert_int_equal(sio_socket_emit(g->last, DATA("[1]"), 0), 0);
    assert_int_equal(sio_emit_ack(n, NULL, DATA("[\"n\"]"), 0, note_answers, NULL), 0);
    assert_int_equal(ask(g, NULL, 0), 0);
    assert_heard(&p, "40/n,{\"sid\":\"$\"} 420[\"q\"] 42/n,[1] 42/n,0[\"n\"] 421[\"q\"]");
    peer_say(&p, "43/n,0[\"of n\"]");
    assert_answers("0 1/1 \"of n\" ");
    peer_say(&p, "431[\"second\"]");
    assert_answers("0 1/1 \"second\" ");
    peer_say(&p, "430[\"first\"]");
    assert_answers("0 1/1 \"first\" ");
    peer_close(&p);
}

static void nobody_answers_at_once_but_later(void **state)
{
    struct rig *g = *state;

    assert_int_equal(ask(g, NULL, 5000), 0);
    assert_answers("");
    rig_settle(g);
    assert_answers("0 0/0 ");
}

static void times_out_with_what_came(void **state)
{
    struct rig *g = *state;
    struct peer p, q;

    peer_join(&p, g);
    peer_join(&q, g);
    assert_int_equal(ask(g, NULL, 30), 0);
    peer_say(&p, "430[1]");
    peer_close(&q); /* Node's rule: who left is waited for all the same */
    assert_answers("");
    await_answers(g);
    assert_answers("ATR_ETIMEOUT 1/2 1 ");
    assert_int_equal(g->io.stats.ack_timeouts, 1);
    peer_close(&p);
}

static void without_a_timeout_leaving_ends_it(void **state)
{
    struct rig *g = *state;
    struct peer p, q;

    peer_join(&p, g);
    peer_join(&q, g);
    assert_int_equal(ask(g, NULL, 0), 0);
    peer_say(&p, "430[1]");
    assert_answers("");
    peer_close(&q);
    assert_answers("ATR_ECLOSED 1/2 1 ");
    peer_close(&p);
}

static void only_who_was_asked_counts(void **state)
{
    struct rig *g = *state;
    struct peer p, q;
    struct sio_socket *first;

    peer_join(&p, g);
    first = g->last;
    peer_join(&q, g);
    assert_int_equal(ask(g, &(struct sio_target){ .sender = first }, 0), 0);
    assert_heard(&p, "");
    peer_say(&p, "430[\"forged\"]");
    assert_answers("");
    peer_say(&q, "430[\"real\"]");
    assert_answers("0 1/1 \"real\" ");
    peer_close(&p);
    peer_close(&q);
}

/* The hub's order is not that of refs: who left was replaced by the last. */
static void everybody_is_found(void **state)
{
    enum { CROWD = 7 };
    struct rig *g = *state;
    struct peer p[CROWD];

    for (int i = 0; i < CROWD; i++)
        peer_join(&p[i], g);
    peer_close(&p[0]);
    peer_close(&p[2]);
    assert_int_equal(ask(g, NULL, 0), 0);
    for (int i = 0; i < CROWD; i++) {
        if (i != 0 && i != 2)
            peer_say(&p[i], "430[1]");
    }
    assert_answers("0 5/5 1 1 1 1 1 ");
    for (int i = 0; i < CROWD; i++) {
        if (i != 0 && i != 2)
            peer_close(&p[i]);
    }
}

static void join_and_wait(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d)
{
    (void)middleware;
    sio_socket_join(s, STR("r"));
    g->owed[0] = d;
}

/* Who is in a room but still connecting is not asked. */
static void connecting_sockets_are_not_asked(void **state)
{
    struct rig *g = *state;
    struct peer p, q;

    peer_join(&q, g);
    sio_socket_join(g->last, STR("r"));
    g->on_middleware = join_and_wait;
    sio_namespace_use(g->main, NULL);
    peer_open(&p, g);
    peer_say(&p, "40");
    assert_int_equal(ask(g, &(struct sio_target){ .rooms = &STR("r"), .room_count = 1 }, 0), 0);
    peer_say(&q, "430[1]");
    assert_answers("0 1/1 1 ");
    peer_close(&p);
    peer_close(&q);
}

static void closing_ends_questions(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    assert_int_equal(ask(g, NULL, 60000), 0);
    sio_server_close(&g->io);
    assert_int_equal(ask(g, NULL, 0), ATR_ECLOSED);
    rig_settle(g);
    assert_answers("ATR_ECLOSED 0/1 ");
    peer_close(&p);
}

/* What is still open when the server goes is told then. */
static void the_end_ends_questions(void **state)
{
    struct rig g;
    (void)state;

    rig_open(&g, NULL);
    assert_int_equal(ask(&g, NULL, 60000), 0);
    rig_close(&g);
    assert_answers("0 0/0 ");
}

static void ask_again(void *user, int err, const struct sio_answers *a)
{
    struct rig *g = user;

    note_answers(NULL, err, a);
    if (err == 0 && g->last) {
        assert_int_equal(sio_emit_ack(g->main, NULL, DATA("[\"q\"]"), 0, ask_again, g), 0);
        sio_disconnect_sockets(g->main, NULL, true);
    }
}

static void answers_may_do_anything(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    assert_int_equal(sio_emit_ack(g->main, NULL, DATA("[\"q\"]"), 0, ask_again, g), 0);
    peer_say(&p, "430[1]");
    assert_answers("0 1/1 1 ATR_ECLOSED 0/1 ");
    assert_heard(&p, "420[\"q\"] 421[\"q\"] 41 close(1005)");
    peer_close(&p);
    buf_free(&heard);
}

TEST_MAIN(RIG_TEST(collects_first_arguments), RIG_TEST(ids_do_not_collide),
          RIG_TEST(nobody_answers_at_once_but_later), RIG_TEST(times_out_with_what_came),
          RIG_TEST(without_a_timeout_leaving_ends_it), RIG_TEST(only_who_was_asked_counts),
          RIG_TEST(everybody_is_found), RIG_TEST(connecting_sockets_are_not_asked),
          RIG_TEST(closing_ends_questions), cmocka_unit_test(the_end_ends_questions),
          RIG_TEST(answers_may_do_anything))
