/* tests/unit/socketio/test_chaos.c - clients and application do anything at any time, callbacks
 * included.
 *
 * Nothing is expected but what must always hold: everyone who connected leaves once, nothing is
 * left behind (rig_close), and no memory is touched that should not be (sanitizers).
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include "rng.h"

enum { CLIENTS = 12, STEPS = 4000, OWED_MAX = 64 };

static struct rng rng;
static struct peer peers[CLIENTS];
static bool open[CLIENTS];
static sio_decision owed[OWED_MAX];
static uint32_t depth;
static int64_t acks_due, connected, left;
static const str rooms[] = { { "a", 1 }, { "b", 1 }, { "c", 1 }, { "", 0 } };

static uint32_t pick(uint32_t n)
{
    return (uint32_t)rng_below(&rng, n);
}

static void answered(void *user, int err, const struct sio_data *reply);
static void all_answered(void *user, int err, const struct sio_answers *answers);

static struct sio_namespace *some_namespace(struct rig *g)
{
    static const str names[] = { { "/", 1 }, { "/guarded", 8 }, { "/c1", 3 }, { "/c2", 3 } };
    struct sio_namespace *n = map_get(&g->io.namespaces, names[pick(4)]);

    return n ? n : g->main;
}

static struct sio_socket *some_socket(struct sio_namespace *n)
{
    if (n->hub.count == 0)
        return NULL;
    return container_of(n->hub.members[pick(n->hub.count)], struct sio_socket, member);
}

static struct sio_target some_target(struct sio_socket *sender)
{
    return (struct sio_target){ .rooms = rooms + pick(2),
                                .room_count = pick(3),
                                .except = rooms + 2,
                                .except_count = pick(3),
                                .sender = pick(2) ? sender : NULL,
                                .flags = pick(4) };
}

static void act_on_many(struct rig *g, struct sio_socket *s)
{
    struct sio_namespace *n = some_namespace(g);
    struct sio_target t = some_target(s && s->nsp == n ? s : NULL);

    switch (pick(8)) {
    case 0:
        sio_sockets_join(n, &t, rooms, pick(5));
        break;
    case 1:
        sio_sockets_leave(n, &t, rooms, pick(5));
        break;
    case 2:
        if (pick(6) == 0)
            sio_disconnect_sockets(n, &t, pick(2));
        break;
    case 3:
        if (sio_emit_ack(n, &t, DATA("[\"many\"]"), pick(2) * 20, all_answered, g) == 0)
            acks_due++;
        break;
    default:
        assert_int_equal(sio_emit(n, &t, DATA("[\"many\"]")), 0);
    }
}

static void act_on_one(struct rig *g, struct sio_socket *s)
{
    str bytes[] = { STR("x"), STR("y") };

    switch (pick(8)) {
    case 0:
        (void)sio_socket_join(s, pick(5) ? rooms[pick(4)] : sio_socket_id(s));
        break;
    case 1:
        sio_socket_leave(s, pick(5) ? rooms[pick(4)] : sio_socket_id(s));
        break;
    case 2:
        sio_socket_disconnect(s, pick(3) == 0);
        break;
    case 3:
        if (sio_socket_emit_ack(s, DATA("[\"q\"]"), pick(4), pick(2) * 20, answered, g) == 0)
            acks_due++;
        break;
    case 4:
        (void)sio_socket_ack(s, 3, DATA("[]"));
        break;
    default:
        (void)sio_socket_emit(s, &(struct sio_data){ STR("[\"one\"]"), bytes, pick(3) }, pick(4));
    }
}

/* What the application does in any callback; not for ever. */
static void act(struct rig *g, struct sio_socket *s)
{
    struct sio_socket *other = some_socket(some_namespace(g));

    if (depth > 4)
        return;
    depth++;
    for (uint32_t i = pick(3); i > 0; i--) {
        if (pick(3) == 0)
            act_on_many(g, s);
        else if (s && pick(3))
            act_on_one(g, s);
        else if (other && other->state != SIO_SOCKET_GONE)
            act_on_one(g, other);
    }
    if (pick(4) == 0)
        sio_decide(&g->io, owed[pick(OWED_MAX)], pick(2), STR("no"), STR("{}"));
    depth--;
}

static void answered(void *user, int err, const struct sio_data *reply)
{
    assert_int_equal(err == 0, reply != NULL);
    acks_due--;
    act(user, NULL);
}

static void all_answered(void *user, int err, const struct sio_answers *answers)
{
    assert_true(answers->count <= answers->expected);
    assert_true(err < 0 || answers->count == answers->expected);
    acks_due--;
    act(user, NULL);
}

static void on_connection(struct rig *g, struct sio_socket *s)
{
    connected++;
    act(g, s);
}

static void on_event(struct rig *g, struct sio_socket *s, str event, const struct sio_data *data,
                     int64_t ack)
{
    (void)event, (void)data, (void)ack;
    act(g, s);
}

static void on_disconnect(struct rig *g, struct sio_socket *s)
{
    left++;
    act(g, s);
}

static void decide_some_time(struct rig *g, sio_decision d)
{
    if (pick(3) == 0)
        owed[pick(OWED_MAX)] = d; /* perhaps never */
    else
        sio_decide(&g->io, d, pick(4) != 0, STR("no"), (str){ 0 });
}

static void on_middleware(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d)
{
    (void)middleware;
    act(g, s);
    decide_some_time(g, d);
}

static void on_match(struct rig *g, void *matcher, str name, sio_decision d)
{
    (void)matcher, (void)name;
    act(g, NULL);
    decide_some_time(g, d);
}

/* Mostly what a well-behaved client says; now and then what ends the connection. */
static const char *a_line(void)
{
    static const char *const everyday[] = { "42[\"x\",1]", "425[\"x\"]", "430[1]", "431[1]",
                                            "432[]",       "433[4]",     "3",      "42" };
    static const char *const joining[] = { "40/guarded,{\"a\":1}", "40/c1", "40/c2", "40/nowhere" };
    static const char *const daring[] = {
        "40",
        "41",
        "41/guarded",
        "41/c1",
        "43/c1,0[2]",
        "4oops",
        "42/guarded,[\"x\"]",
        "42/c1,5[\"x\"]",
        "451-[\"b\",{\"_placeholder\":true,\"num\":0}]",
    };

    if (pick(12) == 0)
        return daring[pick(sizeof daring / sizeof *daring)];
    return pick(8) ? everyday[pick(sizeof everyday / sizeof *everyday)] : joining[pick(4)];
}

static void say_something(struct peer *p)
{
    if (pick(10) == 0) {
        peer_say(p, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
        peer_bytes(p, STR("binary"));
    } else if (pick(2)) {
        peer_say_two(p, a_line(), a_line());
    } else {
        peer_say(p, a_line());
    }
}

static void step(struct rig *g)
{
    uint32_t i = pick(CLIENTS);

    if (!open[i]) {
        peer_open(&peers[i], g);
        open[i] = true;
        peer_say(&peers[i], "40");
        return;
    }
    peer_hear(&peers[i]);
    buf_clear(&peers[i].heard);
    if (peers[i].closed || pick(40) == 0) {
        peer_close(&peers[i]);
        open[i] = false;
    } else if (pick(5) == 0) {
        act(g, NULL);
        rig_settle(g);
    } else {
        say_something(&peers[i]);
    }
}

static void clean_children(struct sio_options *o)
{
    o->cleanup_empty_child_namespaces = true;
    o->namespaces_max = 4;
    o->rooms_max = 3;
}

static void one_world(uint64_t seed)
{
    struct rig g;

    rng.state = seed;
    rig_open(&g, clean_children);
    g.quiet = true;
    g.on_connection = on_connection;
    g.on_event = on_event;
    g.on_disconnecting = act;
    g.on_disconnect = on_disconnect;
    g.on_abandon = act;
    g.on_middleware = on_middleware;
    g.on_match = on_match;
    g.on_outgoing = act;
    sio_namespace_use(sio_server_of(&g.io, STR("/guarded")), NULL);
    (void)sio_server_of_matching(&g.io, "");
    g.main->watch_outgoing = seed % 2;
    for (int i = 0; i < STEPS; i++)
        step(&g);
    sio_server_close(&g.io);
    for (int i = 0; i < CLIENTS; i++) {
        if (open[i])
            peer_close(&peers[i]);
        open[i] = false;
    }
    rig_close(&g);
    assert_true(connected > STEPS / 100);
    assert_int_equal(connected, left);
    assert_int_equal(acks_due, 0);
}

static void anything_goes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        connected = left = 0;
        one_world(seed);
    }
}

TEST_MAIN(cmocka_unit_test(anything_goes))
