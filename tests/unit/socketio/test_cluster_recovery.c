/* tests/unit/socketio/test_cluster_recovery.c - who lost its connection, or its server, comes back
 * to another server with exactly what it missed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "nodes.h"
#include "rng.h"
#include "socketio/client.h"

static void change(struct sio_options *o)
{
    o->recovery.enabled = true;
    o->recovery.skip_middlewares = true;
}

static int set_up(void **state)
{
    (void)state;
    nodes_open(change);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nodes_close();
    return 0;
}

/* A client that remembers what clients remember. */
struct client {
    struct peer peer;
    int node; /* -1: no connection */
    char pid[SIO_ID_LEN + 1], sid[SIO_ID_LEN + 1], offset[32];
    bool connected, recovered;
    char heard[8192]; /* the first arguments of events, each followed by a space */
};

/* Reads what has come: CONNECT replies and events with offsets. */
static void hear(struct client *c)
{
    char *at, *end;

    nodes_settle();
    peer_hear(&c->peer);
    buf_byte(&c->peer.heard, 0);
    at = (char *)c->peer.heard.data;
    while (at && *at) {
        end = strchr(at, ' ');
        if (end)
            *end++ = 0;
        if (!strncmp(at, "40{", 3)) {
            char *pid = strstr(at, "\"pid\":\"") + 7;
            c->recovered = !strncmp(pid, c->pid, SIO_ID_LEN) && c->pid[0];
            c->connected = true;
            memcpy(c->pid, pid, SIO_ID_LEN);
            memcpy(c->sid, c->peer.sid, SIO_ID_LEN);
        } else if (!strncmp(at, "42[\"", 4)) {
            char *name = at + 4, *close = strchr(name, '"'), *last = strrchr(at, '"');
            char *first = last - 1;
            while (*first != '"')
                first--;
            snprintf(c->offset, sizeof c->offset, "%.*s", (int)(last - first - 1), first + 1);
            strncat(c->heard, name, (size_t)(close - name));
            strcat(c->heard, " ");
        }
        at = end;
    }
    buf_clear(&c->peer.heard);
}

static void client_connect(struct client *c, int node)
{
    char text[256];

    peer_open(&c->peer, &nodes[node].rig);
    c->node = node;
    if (!c->pid[0])
        strcpy(text, "40");
    else if (c->offset[0])
        snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", c->pid, c->offset);
    else
        snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", c->pid);
    peer_say(&c->peer, text);
    for (int i = 0; i < 2000 && !c->connected; i++) {
        hear(c);
        assert_int_equal(loop_turn(&nodes[node].rig.loop, i ? 1 : 0), 0);
    }
}

static void client_cut(struct client *c)
{
    peer_close(&c->peer);
    c->node = -1;
    c->connected = false;
    nodes_settle();
}

static void say(int node, const char *name, const char *room)
{
    char json[64];
    str r = str_of(room ? room : "");
    struct sio_target t = { .rooms = &r, .room_count = room != NULL };
    struct sio_data d = { .json = { json, (size_t)snprintf(json, sizeof json, "[\"%s\"]", name) } };

    assert_int_equal(sio_emit(main_of(node), &t, &d), 0);
}

static void assert_heard_events(struct client *c, const char *want)
{
    hear(c);
    assert_string_equal(c->heard, want);
    c->heard[0] = 0;
}

static void test_comes_back_to_another_server(void **state)
{
    struct client c = { 0 };
    char sid[SIO_ID_LEN];

    (void)state;
    client_connect(&c, 0);
    memcpy(sid, c.sid, SIO_ID_LEN);
    sio_socket_join(socket_of(0), STR("room"));
    say(1, "one", NULL);
    sio_socket_emit(socket_of(0), DATA("[\"two\"]"), 0);
    assert_heard_events(&c, "one two ");
    client_cut(&c);
    say(2, "three", "room");
    say(2, "nothing", "elsewhere");
    say(0, "four", NULL);
    client_connect(&c, 1);
    assert_true(c.recovered);
    assert_memory_equal(c.sid, sid, SIO_ID_LEN);
    assert_heard_events(&c, "three four ");
    assert_true(sio_socket_in(socket_of(1), STR("room")));
    assert_true(socket_of(1)->recovered);
    say(0, "five", "room");
    assert_heard_events(&c, "five ");
    assert_int_equal(nodes[0].rig.io.stats.recovery_given, 1);
    client_cut(&c);
    client_connect(&c, 2);
    assert_true(c.recovered);
    client_cut(&c);
}

/* The server has gone for good: whoever looks after it reads its journal. */
static void give_to_heir(void *arg, str key, str value)
{
    sio_cluster_inherit(arg, key, value);
}

static void test_its_server_dies(void **state)
{
    struct client c = { 0 }, d = { 0 };
    unsigned slot = nodes[0].peers.slot;

    (void)state;
    client_connect(&c, 0);
    sio_socket_join(socket_of(0), STR("room"));
    client_connect(&d, 0);
    say(1, "one", NULL);
    assert_heard_events(&c, "one ");
    hear(&d);
    peer_close(&c.peer);
    peer_close(&d.peer);
    node_close(0);
    say(1, "two", "room");
    assert_int_equal(journal_each(&nodes[2].board, slot, give_to_heir, &nodes[2].rig.io), 0);
    assert_int_equal(nodes[2].rig.io.stats.recovery_inherited, 2);
    say(1, "three", NULL);
    c.connected = d.connected = false;
    client_connect(&c, 1);
    assert_true(c.recovered);
    assert_heard_events(&c, "two three ");
    assert_true(sio_socket_in(socket_of(1), STR("room")));
    client_connect(&d, 2);
    assert_true(d.recovered);
    d.heard[0] = 0;
    client_cut(&c);
    client_cut(&d);
}

/* Its server drains, and sends clients to the others. */
static void test_is_sent_away(void **state)
{
    struct client c = { 0 };

    (void)state;
    client_connect(&c, 0);
    say(1, "one", NULL);
    assert_heard_events(&c, "one ");
    eio_session_close(&socket_of(0)->client->session, EIO_SERVER_SHUTTING_DOWN, true);
    peer_close(&c.peer);
    say(1, "two", NULL);
    c.connected = false;
    client_connect(&c, 1);
    assert_true(c.recovered);
    assert_heard_events(&c, "two ");
    client_cut(&c);
}

/* It takes its time to end: what it has written down can be had at once. */
static void test_its_server_closes(void **state)
{
    struct client c = { 0 };

    (void)state;
    client_connect(&c, 0);
    sio_socket_join(socket_of(0), STR("room"));
    say(1, "one", NULL);
    assert_heard_events(&c, "one ");
    sio_server_close(&nodes[0].rig.io);
    peer_close(&c.peer);
    say(1, "two", "room");
    c.connected = false;
    client_connect(&c, 1);
    assert_true(c.recovered);
    assert_heard_events(&c, "two ");
    assert_int_equal(nodes[0].rig.io.stats.recovery_given, 1);
    client_cut(&c);
    /* It was given for good. */
    assert_null(journal_get(&nodes[0].journal, str_n(c.pid, SIO_ID_LEN)).p);
}

/* What a server inherits is bounded by all that it takes. */
static void test_inherited_data_counts(void **state)
{
    static char data[100000];
    struct buf value = { 0 };
    char key[SIO_ID_LEN];

    (void)state;
    buf_byte(&value, 1);
    sio_write_str(&value, STR("/"));
    memset(key, 'i', sizeof key);
    buf_append(&value, key, sizeof key);
    for (int i = 0; i < 4; i++)
        sio_write_u64(&value, 0);
    sio_write_str(&value, STR(""));
    sio_write_str(&value, str_n(data, sizeof data));
    sio_cluster_inherit(&nodes[0].rig.io, str_n(key, sizeof key), buf_str(&value));
    assert_int_equal(nodes[0].rig.io.stats.recovery_inherited, 1);
    assert_true(main_of(0)->recovery->saved_bytes > sizeof data);
    buf_free(&value);
}

static void test_the_old_connection_is_cut(void **state)
{
    struct client c = { 0 }, again;

    (void)state;
    client_connect(&c, 0);
    say(0, "one", NULL);
    assert_heard_events(&c, "one ");
    again = c;
    again.peer = (struct peer){ 0 };
    again.connected = false;
    say(0, "two", NULL);
    client_connect(&again, 1); /* its first connection has yet to be noticed to be lost */
    assert_true(again.recovered);
    assert_heard_events(&again, "two ");
    assert_int_equal(main_of(0)->hub.count, 0);
    peer_close(&c.peer);
    client_cut(&again);
}

/* What another server has said and this one has yet to hear is not behind a volatile event, which
 * says how much the client has. */
static void test_offsets_do_not_pass_what_is_still_to_come(void **state)
{
    struct client c = { 0 };
    char *at;

    (void)state;
    client_connect(&c, 0);
    say(0, "one", NULL);
    assert_heard_events(&c, "one ");
    say(1, "two", NULL);
    assert_int_equal(sio_socket_emit(socket_of(0), DATA("[\"v\"]"), SIO_VOLATILE), 0);
    nodes_settle();
    peer_hear(&c.peer);
    buf_byte(&c.peer.heard, 0);
    assert_non_null(at = strstr((char *)c.peer.heard.data, "42[\"v\",\""));
    snprintf(c.offset, sizeof c.offset, "%.11s", at + 8); /* the connection ended there */
    buf_clear(&c.peer.heard);
    client_cut(&c);
    client_connect(&c, 1);
    assert_true(c.recovered);
    assert_heard_events(&c, "two ");
    client_cut(&c);
}

/* Said by another server just before the client is back: it is told once, with what it missed. */
static void test_what_comes_meanwhile_is_heard_once(void **state)
{
    struct client c = { 0 };
    char text[256];

    (void)state;
    client_connect(&c, 0);
    sio_socket_join(socket_of(0), STR("room"));
    say(0, "one", NULL);
    assert_heard_events(&c, "one ");
    client_cut(&c);
    peer_open(&c.peer, &nodes[0].rig);
    nodes_settle();
    say(2, "two", NULL);
    say(2, "three", "room");
    snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", c.pid, c.offset);
    peer_say(&c.peer, text);
    assert_heard_events(&c, "two three ");
    assert_true(c.recovered);
    client_cut(&c);
}

/* Offsets are for those who can come back: clients of Socket.IO 2 get the arguments alone. */
static void test_old_clients_get_no_offsets(void **state)
{
    str bytes[] = { STR("bytes") };
    struct sio_data d = { STR("[\"b\",{\"_placeholder\":true,\"num\":0}]"), bytes, 1 };
    struct peer p;

    (void)state;
    peer_open_v2(&p, &nodes[1].rig);
    assert_heard(&p, "40");
    say(1, "here", NULL);
    say(0, "elsewhere", NULL);
    assert_int_equal(sio_emit(main_of(0), NULL, &d), 0);
    nodes_settle();
    assert_heard(&p, "42[\"here\"] 42[\"elsewhere\"] "
                     "451-[\"b\",{\"_placeholder\":true,\"num\":0}] b(\x04"
                     "bytes)");
    peer_close(&p);
    nodes_settle();
}

static void test_unknown_sessions(void **state)
{
    struct client c = { .pid = "aaaaaaaaaaaaaaaaaaaa", .offset = "00000000000" };

    (void)state;
    client_connect(&c, 1);
    assert_false(c.recovered);
    assert_string_not_equal(c.pid, "aaaaaaaaaaaaaaaaaaaa");
    client_cut(&c);
    struct client d = { .pid = "short" };
    client_connect(&d, 1);
    assert_false(d.recovered);
    client_cut(&d);
}

/* The ring has gone round: too much to be told. */
static void test_history_no_longer_reaches_back(void **state)
{
    static char big[60000];
    struct client c = { 0 };
    struct sio_data d;

    (void)state;
    client_connect(&c, 0);
    say(0, "one", NULL);
    assert_heard_events(&c, "one ");
    client_cut(&c);
    memset(big, 'x', sizeof big);
    memcpy(big, "[\"big\",\"", 8);
    memcpy(big + sizeof big - 2, "\"]", 2);
    d = (struct sio_data){ .json = { big, sizeof big } };
    for (int i = 0; i < 40; i++)
        assert_int_equal(sio_emit(main_of(1), NULL, &d), 0);
    client_connect(&c, 1);
    assert_false(c.recovered);
    client_cut(&c);
}

/* Clients that come and go between servers, join and leave, while all servers talk: each has heard
 * exactly what it should, once, in order. */
static void test_exactly_once_at_random(void **state)
{
    enum { CLIENTS = 4, ROOMS = 3, STEPS = 600 };
    static const char *const rooms[ROOMS] = { "r0", "r1", "r2" };
    static struct client clients[CLIENTS];
    static char want[CLIENTS][8192];
    bool in[CLIENTS][ROOMS] = { 0 };
    struct rng rng = { 11 };
    char name[16];

    (void)state;
    memset(clients, 0, sizeof clients);
    for (int i = 0; i < CLIENTS; i++) {
        want[i][0] = 0;
        client_connect(&clients[i], i % NODES);
    }
    for (int step = 0; step < STEPS; step++) {
        int i = (int)rng_below(&rng, CLIENTS), r = (int)rng_below(&rng, ROOMS);
        struct client *c = &clients[i];
        switch (rng_below(&rng, 6)) {
        case 0:
            if (c->node >= 0) {
                client_cut(c);
            } else {
                client_connect(c, (int)rng_below(&rng, NODES));
                assert_true(c->recovered);
            }
            break;
        case 1: /* by whichever server, for all who are connected there or elsewhere */
            if (c->node >= 0) {
                str id = { c->sid, SIO_ID_LEN }, room = str_of(rooms[r]);
                struct sio_target t = { .rooms = &id, .room_count = 1 };
                int node = (int)rng_below(&rng, NODES);
                if (in[i][r])
                    sio_sockets_leave(main_of(node), &t, &room, 1);
                else
                    sio_sockets_join(main_of(node), &t, &room, 1);
                in[i][r] = !in[i][r];
                nodes_settle(); /* else it may find the socket gone */
            }
            break;
        default: {
            bool all = rng_below(&rng, 3) == 0;
            snprintf(name, sizeof name, "e%d", step);
            say((int)rng_below(&rng, NODES), name, all ? NULL : rooms[r]);
            for (int k = 0; k < CLIENTS; k++)
                if (all || in[k][r])
                    sprintf(want[k] + strlen(want[k]), "%s ", name);
        }
        }
        if (step % 20 == 19) {
            for (int k = 0; k < CLIENTS; k++) {
                if (clients[k].node < 0)
                    continue;
                hear(&clients[k]);
                assert_string_equal(clients[k].heard, want[k]);
                clients[k].heard[0] = want[k][0] = 0;
            }
        }
    }
    for (int k = 0; k < CLIENTS; k++)
        if (clients[k].node >= 0)
            client_cut(&clients[k]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(TEST(test_comes_back_to_another_server), TEST(test_its_server_dies),
          TEST(test_its_server_closes), TEST(test_is_sent_away), TEST(test_inherited_data_counts),
          TEST(test_the_old_connection_is_cut), TEST(test_unknown_sessions),
          TEST(test_offsets_do_not_pass_what_is_still_to_come),
          TEST(test_what_comes_meanwhile_is_heard_once), TEST(test_old_clients_get_no_offsets),
          TEST(test_history_no_longer_reaches_back), TEST(test_exactly_once_at_random))
