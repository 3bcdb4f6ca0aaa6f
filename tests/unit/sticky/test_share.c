/* tests/unit/sticky/test_share.c - who gets a connection that one of them has accepted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers.h"

#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 400 };

static struct client clients[CLIENTS];

static uint64_t connections(int i)
{
    return workers[i].rig.http.streams_open;
}

static void connect_all(int n)
{
    for (int i = 0; i < n; i++) {
        client_open(&clients[i], &workers[0].rig);
        if (i % 8 == 7)
            workers_settle();
    }
    workers_settle();
}

static void close_all(int n)
{
    for (int i = 0; i < n; i++)
        client_close(&clients[i]);
    workers_settle();
}

/* A few are kept where they came to. */
static void a_few(void **state)
{
    (void)state;
    connect_all(60);
    assert_int_equal(connections(0), 60);
    close_all(60);
}

/* All come to the first: it gives away what it has too much of, and what it gave is served. */
static void many(void **state)
{
    (void)state;
    connect_all(CLIENTS);
    assert_int_equal(connections(0) + connections(1) + connections(2), CLIENTS);
    assert_int_equal(workers[0].sticky.stats.shared, connections(1) + connections(2));
    assert_int_equal(workers[1].sticky.stats.shared_in, connections(1));
    assert_true(connections(0) <= connections(1) + connections(1) / 4 + 65);
    assert_true(connections(1) <= connections(2) + 1 && connections(2) <= connections(1) + 1);
    for (int i = 0; i < CLIENTS; i += 50)
        assert_int_equal(client_get(&clients[i], polling_url("nobody")).status, 400);
    close_all(CLIENTS);
}

/* A session's request finds its worker from wherever its connection has gone. */
static void then_passed_on(void **state)
{
    const char *sid = session_of(0);
    (void)state;

    connect_all(CLIENTS);
    for (int i = 0; i < CLIENTS; i += 10)
        assert_int_equal(client_post(&clients[i], polling_url(sid), "4x").status, 200);
    assert_true(workers[1].sticky.stats.passed > 0);
    close_all(CLIENTS);
}

static void not_to_those_that_leave(void **state)
{
    (void)state;
    worker_state(1, BOARD_DRAINING);
    worker_port(2, 9);
    connect_all(CLIENTS);
    assert_int_equal(connections(0), CLIENTS);
    close_all(CLIENTS);
}

/* What speaks TLS is as many in each from the first on; without a certificate it is dropped. */
static void secure_ones(void **state)
{
    int fds[2];
    char byte;
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_false(sticky_on_message(&workers[0].sticky, 1, PEERS_KIND_USER + 3, STR(""), NULL, 0));
    workers[0].rig.http.streams_open = 1;
    assert_true(workers[0].rig.http.share(workers[0].rig.http.share_user, fds[0], true));
    assert_int_equal(workers[0].sticky.stats.shared, 1);
    workers_settle();
    assert_int_equal(recv(fds[1], &byte, 1, MSG_DONTWAIT), 0); /* closed: it has no certificate */
    workers[0].rig.http.streams_open = 0;
    close(fds[1]);
}

TEST_MAIN(WORKERS_TEST(a_few), WORKERS_TEST(many), WORKERS_TEST(then_passed_on),
          WORKERS_TEST(not_to_those_that_leave), WORKERS_TEST(secure_ones))
