/* tests/unit/socketio/test_recovery.c - connection state recovery (2.6): what is kept, who gets it,
 * and who does not.
 *
 * The epoch of offsets is set to "eee", so that they can be compared: the number n is
 * "eee0000000n". Private ids become %.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include "base/slab.h"
#include "socketio/recovery.h"

static void turn_on(struct sio_options *o)
{
    o->recovery.enabled = true;
}

/* --- Peers that come back --- */

static char last_pid[SIO_ID_LEN + 1], last_id[SIO_ID_LEN + 1];

/* What p heard, private ids replaced; kept until the next call. */
static const char *heard(struct peer *p)
{
    static char text[8192];
    char *at;

    rig_settle(p->rig);
    peer_hear(p);
    assert_true(p->heard.len < sizeof text);
    memcpy(text, p->heard.data ? (char *)p->heard.data : "", p->heard.len);
    text[p->heard.len] = '\0';
    buf_clear(&p->heard);
    while ((at = strstr(text, "\"pid\":\"")) && at[7] != '%') {
        memcpy(last_pid, at + 7, SIO_ID_LEN);
        memmove(at + 8, at + 7 + SIO_ID_LEN, strlen(at + 7 + SIO_ID_LEN) + 1);
        at[7] = '%';
    }
    memcpy(last_id, p->sid, SIO_ID_LEN);
    return text;
}

/* Joins the main namespace; logs are cleared. */
static void join(struct peer *p, struct rig *g)
{
    peer_open(p, g);
    peer_say(p, "40");
    assert_string_equal(heard(p), "40{\"sid\":\"$\",\"pid\":\"%\"}");
    memcpy(g->main->recovery->epoch, "eee", 3);
    buf_clear(&g->log);
}

/* Comes back on a connection of its own. offset NULL: none. */
static void come_back(struct peer *p, struct rig *g, const char *pid, const char *offset)
{
    char text[256];

    peer_open(p, g);
    if (offset)
        snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"%s\",\"token\":1}", pid,
                 offset);
    else
        snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", pid);
    peer_say(p, text);
}

static void emit(struct rig *g, const char *json)
{
    assert_int_equal(sio_emit(g->main, NULL, &(struct sio_data){ .json = str_of(json) }), 0);
}

static void emit_to(struct rig *g, const char *room, const char *json)
{
    str name = str_of(room);
    struct sio_target t = { .rooms = &name, .room_count = 1 };

    assert_int_equal(sio_emit(g->main, &t, &(struct sio_data){ .json = str_of(json) }), 0);
}

#define FRESH "40{\"sid\":\"$\",\"pid\":\"%\"}"

/* A peer that has heard ["a"] and was cut: pid and id are its last ones. */
static void join_and_lose(struct rig *g)
{
    struct peer p;

    join(&p, g);
    emit(g, "[\"a\"]");
    assert_string_equal(heard(&p), "42[\"a\",\"eee00000001\"]");
    peer_close(&p);
    assert_log(g, "leaving(/,transport close) left(/,transport close)");
}

/* --- What goes over the wire --- */

static void ignore_answer(void *user, int err, const struct sio_data *reply)
{
    (void)user, (void)err, (void)reply;
}

static void every_event_carries_an_offset(void **state)
{
    struct rig *g = *state;
    str bytes = STR("xyz");
    struct sio_data binary = { STR("[\"b\",{\"_placeholder\":true,\"num\":0}]"), &bytes, 1 };
    struct sio_target fleeting = { .flags = SIO_VOLATILE };
    struct peer p;

    join(&p, g);
    emit(g, "[\"a\",1]");
    assert_int_equal(sio_socket_emit(g->last, DATA("[\"u\"] "), 0), 0);
    assert_int_equal(sio_emit(g->main, NULL, &binary), 0);
    assert_string_equal(heard(&p), "42[\"a\",1,\"eee00000001\"] 42[\"u\",\"eee00000002\"] "
                                   "451-[\"b\",{\"_placeholder\":true,\"num\":0},\"eee00000003\"] "
                                   "b(xyz)");
    /* What is not kept says how far the rest has come. */
    assert_int_equal(sio_emit(g->main, &fleeting, DATA("[\"v\"]")), 0);
    assert_string_equal(heard(&p), "42[\"v\",\"eee00000003\"]");
    assert_int_equal(sio_socket_emit(g->last, DATA("[\"w\"]"), SIO_VOLATILE), 0);
    assert_string_equal(heard(&p), "42[\"w\",\"eee00000003\"]");
    assert_int_equal(sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 0, ignore_answer, NULL), 0);
    assert_string_equal(heard(&p), "420[\"q\"]");
    assert_int_equal(g->main->recovery->stream.count, 3);
    peer_close(&p);
    buf_clear(&g->log);
}

static void costs_nothing_when_off(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g); /* looks at the reply */
    assert_null(g->main->recovery);
    assert_null(sio_record_of(g->last));
    emit(g, "[\"a\"]");
    assert_heard(&p, "42[\"a\"]");
    peer_close(&p);
    come_back(&p, g, "12345678901234567890", NULL);
    assert_heard(&p, "40{\"sid\":\"$\"}");
    peer_close(&p);
    buf_clear(&g->log);
}

/* --- Coming back --- */

static void brings_back_who_it_was(void **state)
{
    struct rig *g = *state;
    struct peer p;
    char id[SIO_ID_LEN + 1];

    join(&p, g);
    memcpy(id, last_id, sizeof id);
    assert_false(g->last->recovered);
    assert_int_equal(sio_socket_join(g->last, STR("room")), 0);
    emit(g, "[\"a\"]");
    assert_string_equal(heard(&p), "42[\"a\",\"eee00000002\"]");
    emit_to(g, "room", "[\"lost\"]"); /* on its way when the connection ends */
    peer_close(&p);
    emit_to(g, "room", "[\"missed\"]");
    emit_to(g, "other", "[\"not-its\"]");
    emit_to(g, id, "[\"its-own\"]");
    buf_clear(&g->log);
    come_back(&p, g, last_pid, "eee00000002");
    assert_string_equal(heard(&p), "42[\"lost\",\"eee00000003\"] 42[\"missed\",\"eee00000004\"] "
                                   "42[\"its-own\",\"eee00000006\"] " FRESH);
    assert_string_equal(last_id, id);
    assert_log(g, "connect(/)");
    assert_true(g->last->recovered);
    assert_true(sio_socket_in(g->last, STR("room")));
    assert_true(sio_socket_in(g->last, sio_socket_id(g->last)));
    assert_ptr_equal(sio_namespace_socket(g->main, str_of(id)), g->last);
    emit_to(g, "room", "[\"now\"]");
    assert_string_equal(heard(&p), "42[\"now\",\"eee00000007\"]");
    assert_int_equal(g->io.stats.recoveries, 1);
    assert_int_equal(g->io.stats.recovery_packets, 3);
    peer_close(&p);
    buf_clear(&g->log);
}

static void comes_back_again_and_again(void **state)
{
    struct rig *g = *state;
    struct peer p;
    char pid[SIO_ID_LEN + 1];

    join_and_lose(g);
    memcpy(pid, last_pid, sizeof pid);
    emit(g, "[\"b\"]");
    for (int i = 0; i < 3; i++) { /* it never gets to tell that it has b */
        come_back(&p, g, pid, "eee00000001");
        assert_string_equal(heard(&p), "42[\"b\",\"eee00000002\"] " FRESH);
        assert_string_equal(last_pid, pid);
        peer_close(&p);
    }
    come_back(&p, g, pid, "eee00000002");
    assert_string_equal(heard(&p), FRESH);
    assert_int_equal(g->io.stats.recoveries, 4);
    peer_close(&p);
    buf_clear(&g->log);
}

/* 2.6, pitfall a: the client has an offset only once an event came. */
static void needs_no_offset(void **state)
{
    struct rig *g = *state;
    struct peer p, other;

    join(&other, g);
    emit(g, "[\"before\"]");
    join(&p, g);
    peer_close(&p);
    emit(g, "[\"a\"]");
    come_back(&p, g, last_pid, NULL);
    assert_string_equal(heard(&p), "42[\"a\",\"eee00000002\"] " FRESH);
    assert_true(g->last->recovered);
    peer_close(&p);
    peer_close(&other);
    buf_clear(&g->log);
}

/* Clients keep their offset when a session ends, and give it with the next one's pid. */
static void offsets_of_earlier_sessions_do_not_count(void **state)
{
    static const char *const offsets[] = { "eee00000001", "fff00000009" };
    struct rig *g = *state;
    struct peer p, other;

    join(&other, g);
    emit(g, "[\"a\"]");
    emit(g, "[\"before\"]");
    for (size_t i = 0; i < 2; i++) {
        join(&p, g);
        peer_close(&p);
        emit(g, "[\"b\"]");
        come_back(&p, g, last_pid, offsets[i]);
        assert_string_equal(heard(&p), i ? "42[\"b\",\"eee00000004\"] " FRESH
                                         : "42[\"b\",\"eee00000003\"] " FRESH);
        peer_close(&p);
    }
    peer_close(&other);
    buf_clear(&g->log);
}

/* --- Who does not come back --- */

static void strangers_are_new(void **state)
{
    static const char *const offsets[] = { "", "x", "eee000000!1", "eee00000099", "eee0000000001" };
    struct rig *g = *state;
    struct peer p;
    char id[SIO_ID_LEN + 1];

    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        uint64_t gaps = g->io.stats.recovery_gaps;

        join(&p, g);
        memcpy(id, last_id, sizeof id);
        peer_close(&p);
        come_back(&p, g, last_pid, offsets[i]);
        assert_string_equal(heard(&p), FRESH);
        assert_string_not_equal(last_id, id);
        assert_false(g->last->recovered);
        assert_int_equal(g->io.stats.recovery_gaps, gaps + 1);
        peer_close(&p);
    }
    come_back(&p, g, "12345678901234567890", "eee00000001");
    assert_string_equal(heard(&p), FRESH);
    assert_int_equal(g->io.stats.recovery_unknown, 1);
    peer_close(&p);
    peer_open(&p, g);
    peer_say(&p, "40{\"pid\":7,\"offset\":{}}");
    assert_string_equal(heard(&p), FRESH);
    peer_close(&p);
    buf_clear(&g->log);
}

/* 2.6, pitfall c. */
static void the_second_to_come_back_is_new(void **state)
{
    struct rig *g = *state;
    struct peer first, second;
    char pid[SIO_ID_LEN + 1], id[SIO_ID_LEN + 1];

    join_and_lose(g);
    memcpy(pid, last_pid, sizeof pid);
    memcpy(id, last_id, sizeof id);
    come_back(&first, g, pid, "eee00000001");
    assert_string_equal(heard(&first), FRESH);
    assert_string_equal(last_id, id);
    come_back(&second, g, pid, "eee00000001");
    assert_string_equal(heard(&second), FRESH);
    assert_string_not_equal(last_id, id);
    assert_string_not_equal(last_pid, pid);
    assert_int_equal(g->io.stats.recovery_unknown, 1);
    peer_close(&second);
    emit(g, "[\"b\"]");
    assert_string_equal(heard(&first), "42[\"b\",\"eee00000002\"]");
    /* Later it may be that the first one's connection is lost, and nobody noticed. */
    sio_record_of(sio_namespace_socket(g->main, str_of(id)))->joined_ms -= 2000;
    come_back(&second, g, pid, "eee00000002");
    assert_string_equal(heard(&second), FRESH);
    assert_string_equal(last_id, id);
    assert_int_equal(g->io.stats.recovery_evicted, 1);
    peer_close(&first);
    peer_close(&second);
    buf_clear(&g->log);
}

/* 2.6, pitfall d: the client noticed the loss before the server did. */
static void an_old_connection_is_cut(void **state)
{
    struct rig *g = *state;
    struct peer old, p;
    char id[SIO_ID_LEN + 1];

    (void)sio_server_of(&g->io, STR("/n"));
    join(&old, g);
    memcpy(id, last_id, sizeof id);
    peer_say(&old, "40/n");
    emit(g, "[\"a\"]");
    assert_true(strlen(heard(&old)) > 0);
    buf_clear(&g->log);
    come_back(&p, g, last_pid, NULL); /* that of /n, in / */
    assert_string_equal(heard(&p), FRESH);
    peer_close(&p);
    buf_clear(&g->log);
    memcpy(last_pid, sio_record_of(sio_namespace_socket(g->main, str_of(id)))->pid, SIO_ID_LEN);
    come_back(&p, g, last_pid, "eee00000000");
    assert_string_equal(heard(&p), "42[\"a\",\"eee00000001\"] " FRESH);
    assert_string_equal(last_id, id);
    assert_log(g, "leaving(/n,transport close) left(/n,transport close) "
                  "leaving(/,transport close) left(/,transport close) connect(/)");
    assert_int_equal(g->io.stats.recovery_evicted, 1);
    assert_int_equal(g->main->hub.count, 1);
    peer_close(&old);
    assert_log(g, ""); /* it was nobody any more */
    peer_close(&p);
    buf_clear(&g->log);
}

static void who_leaves_on_purpose_does_not_come_back(void **state)
{
    struct rig *g = *state;
    struct peer p;

    for (int i = 0; i < 3; i++) {
        join(&p, g);
        if (i == 0)
            peer_say(&p, "41");
        else
            sio_socket_disconnect(g->last, i == 2);
        rig_settle(g);
        peer_close(&p);
        come_back(&p, g, last_pid, NULL);
        assert_string_equal(heard(&p), FRESH);
        assert_false(g->last->recovered);
        peer_close(&p);
    }
    assert_int_equal(g->io.stats.recovery_unknown, 3);
    buf_clear(&g->log);
}

static void small_log(struct sio_options *o)
{
    turn_on(o);
    o->recovery.bytes_max = 4096;
}

static void who_missed_too_much_is_new(void **state)
{
    struct rig *g = *state;
    struct peer p;

    rig_close(g);
    rig_open(g, small_log);
    join_and_lose(g);
    for (int i = 0; i < 200; i++) {
        emit(g, "[\"filler\"]");
        assert_true(g->main->recovery->stream.bytes <= 4096);
    }
    come_back(&p, g, last_pid, "eee00000001");
    assert_string_equal(heard(&p), FRESH);
    assert_false(g->last->recovered);
    assert_int_equal(g->io.stats.recovery_gaps, 1);
    peer_close(&p);
    buf_clear(&g->log);
}

/* A peer that connects and goes, over and over, does not make the server keep more and more. */
static void what_is_kept_of_the_lost_is_bounded(void **state)
{
    struct rig *g = *state;
    struct peer p;

    rig_close(g);
    rig_open(g, small_log);
    for (int i = 0; i < 30; i++) {
        join(&p, g);
        peer_close(&p);
        assert_true(g->main->recovery->saved_bytes <= 1024);
    }
    assert_true(g->main->recovery->by_pid.count < 10);
    assert_int_equal(g->io.stats.recovery_saved, 30);
    assert_int_equal(g->io.stats.recovery_expired + g->main->recovery->by_pid.count, 30);
    buf_clear(&g->log);
}

/* --- Middlewares --- */

static void middlewares_are_skipped(void **state)
{
    struct rig *g = *state;
    struct peer p;

    join_and_lose(g);
    sio_namespace_use(g->main, g);
    come_back(&p, g, last_pid, "eee00000001");
    assert_string_equal(heard(&p), FRESH);
    assert_log(g, "connect(/)");
    peer_close(&p);
    buf_clear(&g->log);
}

static void ask_again(struct sio_options *o)
{
    turn_on(o);
    o->recovery.skip_middlewares = false;
}

static void on_middleware_move(struct rig *g, struct sio_socket *s, void *middleware,
                               sio_decision d)
{
    (void)middleware;
    assert_true(s->recovered);
    assert_true(sio_socket_in(s, STR("room")));
    sio_socket_leave(s, STR("room"));
    assert_int_equal(sio_socket_join(s, STR("late")), 0);
    g->owed[g->owed_count++] = d;
}

/* Rooms that a middleware changes are changed from then on; what was sent meanwhile is owed. */
static void middlewares_may_be_asked_again(void **state)
{
    struct rig *g = *state;
    struct peer p;

    rig_close(g);
    rig_open(g, ask_again);
    join(&p, g);
    assert_int_equal(sio_socket_join(g->last, STR("room")), 0);
    peer_close(&p);
    sio_namespace_use(g->main, g);
    g->on_middleware = on_middleware_move;
    buf_clear(&g->log);
    emit_to(g, "room", "[\"away\"]");
    emit_to(g, "late", "[\"not-yet\"]");
    come_back(&p, g, last_pid, NULL);
    emit(g, "[\"meanwhile\"]");
    sio_decide(&g->io, g->owed[0], true, (str){ 0 }, (str){ 0 });
    emit_to(g, "room", "[\"left\"]");
    emit_to(g, "late", "[\"joined\"]");
    assert_string_equal(heard(&p),
                        "42[\"away\",\"eee00000002\"] 42[\"meanwhile\",\"eee00000004\"] " FRESH
                        " 42[\"joined\",\"eee00000008\"]");
    assert_true(strstr((buf_byte(&g->log, '\0'), (char *)g->log.data), "connect(/)") != NULL);
    peer_close(&p);
    /* And seen from further back, each for its time. */
    g->owed_count = 0;
    g->on_middleware = NULL;
    come_back(&p, g, last_pid, "eee00000002");
    assert_string_equal(heard(&p),
                        "42[\"meanwhile\",\"eee00000004\"] 42[\"joined\",\"eee00000008\"] " FRESH);
    peer_close(&p);
    buf_clear(&g->log);
}

static void who_is_turned_away_may_try_again(void **state)
{
    struct rig *g = *state;
    struct peer p;

    rig_close(g);
    rig_open(g, ask_again);
    join_and_lose(g);
    sio_namespace_use(g->main, g);
    g->hold = true;
    come_back(&p, g, last_pid, "eee00000001");
    sio_decide(&g->io, g->owed[0], false, STR("token"), (str){ 0 });
    assert_string_equal(heard(&p), "44{\"message\":\"token\"}");
    peer_close(&p);
    come_back(&p, g, last_pid, "eee00000001"); /* gone before the middleware has decided */
    peer_close(&p);
    emit(g, "[\"b\"]");
    come_back(&p, g, last_pid, "eee00000001");
    sio_decide(&g->io, g->owed[2], true, (str){ 0 }, (str){ 0 });
    assert_string_equal(heard(&p), "42[\"b\",\"eee00000002\"] " FRESH);
    assert_int_equal(g->io.stats.recoveries, 1);
    peer_close(&p);
    buf_clear(&g->log);
}

/* --- What the application keeps --- */

static int marks[2];

static void keep_first(struct rig *g, struct sio_socket *s)
{
    (void)g;
    assert_int_equal(sio_socket_keep(s, &marks[0]), 0);
}

static void hands_over_what_was_kept(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_disconnect = keep_first;
    join_and_lose(g);
    g->on_disconnect = NULL;
    come_back(&p, g, last_pid, "eee00000001");
    assert_string_equal(heard(&p), FRESH);
    assert_int_equal(sio_socket_keep(g->last, &marks[1]), ATR_ECLOSED); /* it is here */
    assert_ptr_equal(sio_socket_kept(g->last), &marks[0]);
    assert_null(sio_socket_kept(g->last));
    peer_close(&p);
    buf_clear(&g->log);
}

static void short_absence(struct sio_options *o)
{
    turn_on(o);
    o->recovery.duration_ms = 1;
    o->cleanup_empty_child_namespaces = true;
}

static void who_stays_away_is_forgotten(void **state)
{
    struct rig *g = *state;
    struct peer p;

    rig_close(g);
    rig_open(g, short_absence);
    g->on_disconnect = keep_first;
    (void)sio_server_of_matching(&g->io, g);
    peer_open(&p, g);
    peer_say(&p, "40/child");
    buf_clear(&g->log);
    peer_close(&p);
    rig_await(g, "gone(/child)"); /* not before it is sure that nobody comes back */
    assert_log(g, "leaving(/child,transport close) left(/child,transport close) forgotten(/child) "
                  "gone(/child)");
    assert_int_equal(g->io.stats.recovery_expired, 1);
    g->on_disconnect = NULL;
}

/* A namespace without anybody does not log; with somebody away it does. */
static void nothing_is_kept_for_nobody(void **state)
{
    struct rig *g = *state;
    struct peer p;

    rig_close(g);
    rig_open(g, short_absence);
    emit(g, "[\"a\"]");
    join(&p, g);
    emit(g, "[\"b\"]");
    assert_int_equal(g->main->recovery->stream.count, 1);
    peer_close(&p);
    for (int i = 0; i < 5000 && g->main->recovery->stream.count; i++)
        assert_int_equal(loop_turn(&g->loop, 1), 0);
    assert_int_equal(g->main->recovery->stream.bytes, 0);
    assert_int_equal(g->main->recovery->by_pid.count, 0);
    emit(g, "[\"c\"]");
    assert_int_equal(g->main->recovery->stream.count, 0);
    buf_clear(&g->log);
}

/* --- Order and cost --- */

static void emit_more(struct rig *g, struct sio_socket *s)
{
    static int depth;

    if (depth++ == 0)
        assert_int_equal(sio_socket_emit(s, DATA("[\"more\"]"), 0), 0);
    depth--;
    (void)g;
}

/* What a listener sends gets there first, with the smaller offset: the last one heard covers all.
 */
static void offsets_never_go_back(void **state)
{
    struct rig *g = *state;
    struct peer p;

    join(&p, g);
    g->main->watch_outgoing = true;
    g->on_outgoing = emit_more;
    emit(g, "[\"a\"]");
    assert_string_equal(heard(&p), "42[\"more\",\"eee00000001\"] 42[\"a\",\"eee00000002\"]");
    g->on_outgoing = NULL;
    peer_close(&p);
    buf_clear(&g->log);
}

/* One block per packet, whatever the number of those who get it. */
static void a_recipient_costs_nothing(void **state)
{
    struct rig *g = *state;
    struct peer peers[20];
    struct hub_stream *s;
    size_t one;

    join(&peers[0], g);
    s = &g->main->recovery->stream;
    emit(g, "[\"a\"]");
    one = s->bytes;
    for (int i = 1; i < 20; i++)
        join(&peers[i], g);
    emit(g, "[\"a\"]");
    assert_int_equal(s->bytes, 2 * one);
    for (int i = 0; i < 20; i++)
        peer_close(&peers[i]);
    buf_clear(&g->log);
}

static int setup(void **state)
{
    static struct rig rig;

    *state = &rig;
    rig_open(&rig, turn_on);
    return 0;
}

#define ON_TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

TEST_MAIN(RIG_TEST(costs_nothing_when_off), ON_TEST(every_event_carries_an_offset),
          ON_TEST(brings_back_who_it_was), ON_TEST(comes_back_again_and_again),
          ON_TEST(needs_no_offset), ON_TEST(offsets_of_earlier_sessions_do_not_count),
          ON_TEST(strangers_are_new), ON_TEST(the_second_to_come_back_is_new),
          ON_TEST(an_old_connection_is_cut), ON_TEST(who_leaves_on_purpose_does_not_come_back),
          ON_TEST(who_missed_too_much_is_new), ON_TEST(what_is_kept_of_the_lost_is_bounded),
          ON_TEST(middlewares_are_skipped), ON_TEST(middlewares_may_be_asked_again),
          ON_TEST(who_is_turned_away_may_try_again), ON_TEST(hands_over_what_was_kept),
          ON_TEST(who_stays_away_is_forgotten), ON_TEST(nothing_is_kept_for_nobody),
          ON_TEST(offsets_never_go_back), ON_TEST(a_recipient_costs_nothing))
