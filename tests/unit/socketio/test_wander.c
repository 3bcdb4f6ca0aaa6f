/* tests/unit/socketio/test_wander.c - clients that wander between the servers of an application, by
 * chance, while all of those speak to them: each hears exactly what it was meant to hear, once, in
 * one order.
 *
 * Everything is done in one thread, so the order of the calls is the order of the bus. What acts
 * on a socket that is here is not published and thus not ordered; it first lets its server see what
 * precedes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "moves.h"
#include "rng.h"

enum { CLIENTS = 6, ROOMS = 3, STEPS = 1500, HEARD_MAX = STEPS + 1 };

struct wanderer {
    struct peer peer;
    int home;             /* the node that has it, or will when it looks */
    uint64_t refs[NODES]; /* of its sockets, also of those that moved; 0: none */
    bool in[ROOMS];
    int expected[HEARD_MAX], count;
    int asked, answered;
};

static struct wanderer wanderers[CLIENTS];
static const str rooms[ROOMS] = { { "red", 3 }, { "green", 5 }, { "blue", 4 } };
static int said, acks;

static void see(int node)
{
    (void)bus_catch_up(&nodes[node].bus.base);
}

static struct sio_socket *socket_at(const struct wanderer *w, int node)
{
    return w->refs[node] ? sio_socket_find(&nodes[node].rig.io, w->refs[node]) : NULL;
}

/* Where it is now, once all that precedes was seen. */
static struct sio_socket *here(struct wanderer *w)
{
    str id = { w->peer.sid, SIO_ID_LEN };
    struct sio_socket *s;

    see(w->home);
    s = sio_namespace_socket(main_of(w->home), id);
    assert_non_null(s);
    w->refs[w->home] = s->ref;
    return s;
}

/* That, or one that it left: what is done to either is the same. */
static struct sio_socket *some_socket(struct wanderer *w, struct rng *r)
{
    int node = (int)rng_below(r, NODES);
    struct sio_socket *s = socket_at(w, node);

    return s && s->state == SIO_SOCKET_MOVED ? s : here(w);
}

static void expect(struct wanderer *w, int n)
{
    w->expected[w->count++] = n;
}

static struct sio_data message(char *text, size_t size)
{
    snprintf(text, size, "[\"n\",%d]", ++said);
    return (struct sio_data){ .json = str_of(text) };
}

static void broadcast(struct rng *r)
{
    char text[32];
    struct sio_data d = message(text, sizeof text);
    size_t room = rng_below(r, ROOMS + 1);
    struct sio_target t = { .rooms = rooms + room, .room_count = room < ROOMS };

    assert_int_equal(sio_emit(main_of((int)rng_below(r, NODES)), &t, &d), 0);
    for (int i = 0; i < CLIENTS; i++)
        if (room == ROOMS || wanderers[i].in[room])
            expect(&wanderers[i], said);
}

static void speak(struct wanderer *w, struct rng *r)
{
    char text[32];
    struct sio_data d = message(text, sizeof text);

    assert_int_equal(sio_socket_emit(some_socket(w, r), &d, 0), 0);
    expect(w, said);
}

static void on_ack(void *user, int err, const struct sio_data *reply)
{
    (void)user;
    assert_int_equal(err, 0);
    assert_true(str_eq(reply->json, STR("[1]")));
    acks++;
}

static void ask(struct wanderer *w, struct rng *r)
{
    char text[32];
    struct sio_data d = message(text, sizeof text);

    assert_int_equal(sio_socket_emit_ack(some_socket(w, r), &d, 0, 0, on_ack, NULL), 0);
    expect(w, said);
    w->asked++;
}

static void change_room(struct wanderer *w, struct rng *r)
{
    size_t room = rng_below(r, ROOMS);
    str id = { w->peer.sid, SIO_ID_LEN };
    struct sio_target t = { .rooms = &id, .room_count = 1 };

    if (rng_below(r, 2) == 0) { /* from anywhere */
        int node = (int)rng_below(r, NODES);
        if (w->in[room])
            sio_sockets_leave(main_of(node), &t, &rooms[room], 1);
        else
            sio_sockets_join(main_of(node), &t, &rooms[room], 1);
    } else {
        struct sio_socket *s = here(w);
        if (w->in[room])
            sio_socket_leave(s, rooms[room]);
        else
            assert_int_equal(sio_socket_join(s, rooms[room]), 0);
    }
    w->in[room] = !w->in[room];
}

/* Reads what has come, answers what wants an answer. */
static void hear(struct wanderer *w)
{
    static const char name[] = "[\"n\",";
    char *at, *end;
    int heard = 0;

    nodes_settle();
    peer_hear(&w->peer);
    buf_byte(&w->peer.heard, 0);
    for (at = (char *)w->peer.heard.data; (at = strstr(at, name)); at = end) {
        int n = (int)strtol(at + sizeof name - 1, &end, 10);
        char *id = at, answer[32];

        if (heard >= w->count || w->expected[heard] != n)
            fail_msg("heard %d instead of %d, after %d", n,
                     heard < w->count ? w->expected[heard] : -1, heard);
        heard++;
        while (id > (char *)w->peer.heard.data && id[-1] >= '0' && id[-1] <= '9')
            id--;
        if (at - id <= 2) /* the type alone */
            continue;
        snprintf(answer, sizeof answer, "43%.*s[1]", (int)(at - id) - 2, id + 2);
        peer_say(&w->peer, answer);
        w->answered++;
    }
    assert_int_equal(heard, w->count);
    w->count = 0;
    buf_clear(&w->peer.heard);
}

static void listen_to_all(void)
{
    for (int i = 0; i < CLIENTS; i++)
        hear(&wanderers[i]);
    nodes_settle();
}

static void move(struct wanderer *w, struct rng *r)
{
    struct sio_socket *s = here(w);
    int from = w->home, to = (from + 1 + (int)rng_below(r, NODES - 1)) % NODES;

    if (socket_at(w, to)) { /* it was there: first that has to end */
        listen_to_all();
        sio_server_tail_end(&nodes[to].rig.io);
        nodes_settle();
        s = here(w);
    }
    if (flight.err == 1)
        see(flight.to);
    assert_int_equal(flight.err, 0);
    rig_settle(&nodes[from].rig); /* who has just come arrives first */
    if (take_off(from, to, s->client) < 0)
        fail_msg("a client that may move did not");
    w->home = to;
    w->peer.rig = &nodes[to].rig;
}

static void step(struct rng *r)
{
    struct wanderer *w = &wanderers[rng_below(r, CLIENTS)];

    switch (rng_below(r, 12)) {
    case 0:
    case 1:
        move(w, r);
        break;
    case 2:
    case 3:
        change_room(w, r);
        break;
    case 4:
    case 5:
        speak(w, r);
        break;
    case 6:
        ask(w, r);
        break;
    case 7:
        rig_settle(&nodes[rng_below(r, NODES)].rig);
        break;
    case 8:
        if (rng_below(r, 8) == 0)
            listen_to_all();
        break;
    default:
        broadcast(r);
    }
}

static void wander(uint64_t seed)
{
    struct rng r = { seed };
    int asked = 0;

    memset(wanderers, 0, sizeof wanderers);
    acks = 0;
    flight.err = 0;
    for (int i = 0; i < CLIENTS; i++) {
        wanderers[i].home = i % NODES;
        join(&wanderers[i].peer, &nodes[i % NODES].rig);
    }
    for (int i = 0; i < STEPS; i++)
        step(&r);
    listen_to_all();
    for (int i = 0; i < CLIENTS; i++) {
        struct wanderer *w = &wanderers[i];
        struct sio_socket *s = here(w);

        assert_int_equal(w->answered, w->asked);
        for (int k = 0; k < ROOMS; k++)
            assert_int_equal(sio_socket_in(s, rooms[k]), w->in[k]);
        asked += w->asked;
    }
    assert_int_equal(acks, asked);
    for (int i = 0; i < CLIENTS; i++)
        peer_close(&wanderers[i].peer);
    nodes_settle();
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(moved_count(i), 0); /* all were told that they left */
        assert_int_equal(nodes[i].rig.io.sockets.count, 0);
    }
}

static void test_wanderers(void **state)
{
    (void)state;
    for (int i = 0; i < NODES; i++)
        nodes[i].rig.quiet = true;
    for (uint64_t seed = 1; seed <= 8; seed++)
        wander(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { MOVE_TEST(test_wanderers), RECOVERY_TEST(test_wanderers) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
