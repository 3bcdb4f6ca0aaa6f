/* tests/unit/load/test_client.c - connections of the generator, and what the one before left
 * behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "load/client.h"
#include "net/listener.h"

enum { TURNS_MAX = 2000 };

#define UPGRADED "HTTP/1.1 101 Switching Protocols\r\n\r\n"

/* A server of one sentence, and the client of it. */
struct rig {
    struct loop loop;
    struct listener listener;
    struct load_options options;
    struct load_wire wire;
    struct load_client client;
    str sentence; /* what the first connection is told, in one go; the others hear nothing */
    int fds[2];
    int accepted, ready, messages, lost;
};

static struct rig *rig_of(const struct load_client *c)
{
    return container_of(c->wire, struct rig, wire);
}

static void on_accept(struct listener *l, int fd)
{
    struct rig *g = l->owner;

    assert_true(g->accepted < 2);
    g->fds[g->accepted] = fd;
    if (g->accepted++ == 0)
        assert_int_equal(send(fd, g->sentence.p, g->sentence.n, MSG_NOSIGNAL), g->sentence.n);
}

/* As the scenario "connect" does. */
static void on_ready(struct load_client *c)
{
    struct rig *g = rig_of(c);

    g->ready++;
    load_client_close(c);
    assert_int_equal(load_client_open(c, &g->wire, 0), 0);
}

static void on_messages(struct load_client *c, uint32_t count)
{
    rig_of(c)->messages += (int)count;
}

static void on_lost(struct load_client *c)
{
    rig_of(c)->lost++;
}

static const struct load_events events = { .on_ready = on_ready,
                                           .on_messages = on_messages,
                                           .on_lost = on_lost };

/* What stands behind the handshake of a connection is not taken for words of the next one. */
static void assert_left_behind(enum load_protocol protocol, str sentence)
{
    struct rig g = { .sentence = sentence };
    char why[ATR_WHY_MAX];

    g.listener = (struct listener){ .on_accept = on_accept, .owner = &g };
    assert_int_equal(loop_init(&g.loop), 0);
    assert_int_equal(listener_open(&g.listener, &g.loop, "127.0.0.1", 0, why), 0);
    g.options = (struct load_options){
        .protocol = protocol, .host = "127.0.0.1", .path = "/", .port = g.listener.port, .size = 8
    };
    load_wire_init(&g.wire, &g.loop, &g.options, &events);
    assert_int_equal(load_client_open(&g.client, &g.wire, 0), 0);
    for (int i = 0; i < TURNS_MAX && g.accepted < 2; i++)
        assert_int_equal(loop_turn(&g.loop, 1), 0);
    assert_int_equal(g.accepted, 2);
    assert_int_equal(g.ready, 1);
    assert_int_equal(g.messages, 0);
    assert_int_equal(g.lost, 0);
    assert_int_equal(g.client.state, LOAD_UPGRADING);
    assert_int_equal(g.client.received, 0);
    load_client_close(&g.client);
    listener_close(&g.listener);
    for (int i = 0; i < 2; i++)
        close(g.fds[i]);
    load_wire_fini(&g.wire);
    loop_fini(&g.loop);
}

static void opened_anew_in_the_midst_of_a_read(void **state)
{
    (void)state;
    assert_left_behind(LOAD_WS, STR(UPGRADED "\x81\x02hi"));
    assert_left_behind(LOAD_ENGINE, STR(UPGRADED "\x81\x01"
                                                 "0"
                                                 "\x81\x02"
                                                 "4a"
                                                 "\x88\x00"));
    assert_left_behind(LOAD_SOCKETIO, STR(UPGRADED "\x81\x02"
                                                   "40"
                                                   "\x81\x05"
                                                   "42[1]"));
}

TEST_MAIN(cmocka_unit_test(opened_anew_in_the_midst_of_a_read))
