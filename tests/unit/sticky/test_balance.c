/* tests/unit/sticky/test_balance.c - who gets a new session.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers.h"

enum { CLIENTS = 30 };

static struct client clients[CLIENTS];

/* All come to the first worker. crowd: at once, and are answered afterwards. */
static void connect_all(int n, bool crowd)
{
    for (int i = 0; i < n; i++) {
        client_open(&clients[i], &workers[0].rig);
        client_ask(&clients[i], "GET", polling_url(NULL), NULL, NULL);
        if (!crowd)
            assert_int_equal(client_answer(&clients[i]).status, 200);
    }
    for (int i = 0; i < n && crowd; i++)
        assert_int_equal(client_answer(&clients[i]).status, 200);
}

static void leave_all(int n)
{
    for (int i = 0; i < n; i++)
        client_close(&clients[i]);
}

static void policy(enum sticky_balance balance)
{
    for (int i = 0; i < WORKERS; i++)
        workers[i].sticky.balance = balance;
}

static void each_gets_its_share(bool crowd)
{
    connect_all(CLIENTS, crowd);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(worker_sessions(i), CLIENTS / WORKERS);
    assert_int_equal(workers[0].sticky.stats.placed_here, CLIENTS / WORKERS);
    assert_int_equal(workers[0].sticky.stats.placed_elsewhere, CLIENTS * 2 / WORKERS);
    leave_all(CLIENTS);
}

static void the_least_loaded(void **state)
{
    (void)state;
    each_gets_its_share(false);
}

/* Those that are on their way count, so not all go to who was the least loaded before. */
static void the_least_loaded_of_a_crowd(void **state)
{
    (void)state;
    each_gets_its_share(true);
}

static void what_is_uneven_is_evened_out(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)session_of(1);
    (void)session_of(2);
    connect_all(6, false);
    assert_int_equal(worker_sessions(0), 4);
    assert_int_equal(worker_sessions(1), 5);
    assert_int_equal(worker_sessions(2), 3);
    leave_all(6);
}

static void in_turn(void **state)
{
    (void)state;
    policy(STICKY_ROUND_ROBIN);
    for (int i = 0; i < 5; i++)
        (void)session_of(1); /* of no account */
    connect_all(CLIENTS, false);
    assert_int_equal(worker_sessions(0), CLIENTS / WORKERS);
    assert_int_equal(worker_sessions(1), CLIENTS / WORKERS + 5);
    assert_int_equal(worker_sessions(2), CLIENTS / WORKERS);
    leave_all(CLIENTS);
}

static void by_chance(void **state)
{
    (void)state;
    policy(STICKY_RANDOM);
    connect_all(CLIENTS, true);
    for (int i = 0; i < WORKERS; i++)
        assert_true(worker_sessions(i) > 0); /* but once in 60,000 runs */
    leave_all(CLIENTS);
}

static void those_that_drain_get_none(void **state)
{
    (void)state;
    for (int balance = 0; balance <= STICKY_RANDOM; balance++) {
        policy((enum sticky_balance)balance);
        worker_state(0, BOARD_DRAINING);
        worker_state(1, BOARD_STARTING);
        connect_all(6, false);
        assert_int_equal(worker_sessions(2), 6 * (balance + 1));
        leave_all(6);
    }
    /* When all do, each keeps what it gets. */
    worker_state(2, BOARD_DRAINING);
    connect_all(1, false);
    assert_int_equal(worker_sessions(0), 1);
    leave_all(1);
}

static void those_that_are_silent_come_last(void **state)
{
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        atomic_store(&workers[i].board.slots[workers[i].peers.slot].beat_ms, 1);
    connect_all(3, false);
    assert_int_equal(worker_sessions(0), 3); /* it runs: it has just been asked */
    worker_state(0, BOARD_DRAINING);
    leave_all(3);
    connect_all(2, false);
    assert_int_equal(worker_sessions(1) + worker_sessions(2), 2);
    leave_all(2);
}

static void among_those_of_a_port(void **state)
{
    (void)state;
    worker_port(0, 3000);
    worker_port(1, 3000);
    worker_port(2, 3001);
    connect_all(4, false);
    assert_int_equal(worker_sessions(0), 2);
    assert_int_equal(worker_sessions(1), 2);
    leave_all(4);
}

/* A worker that dies between saying that it sends and sending: the count is set right. */
static void what_never_comes_is_forgotten(void **state)
{
    struct worker *w = &workers[1];
    _Atomic uint64_t *coming = &w->board.slots[w->peers.slot].coming;
    (void)state;

    atomic_store(coming, 2);
    sticky_beat(&w->sticky);
    assert_int_equal(atomic_load(coming), 2);
    atomic_store(coming, 3); /* it moves */
    sticky_beat(&w->sticky);
    assert_int_equal(atomic_load(coming), 3);
    sticky_beat(&w->sticky);
    assert_int_equal(atomic_load(coming), 0);
}

TEST_MAIN(WORKERS_TEST(the_least_loaded), WORKERS_TEST(the_least_loaded_of_a_crowd),
          WORKERS_TEST(what_is_uneven_is_evened_out), WORKERS_TEST(in_turn),
          WORKERS_TEST(by_chance), WORKERS_TEST(those_that_drain_get_none),
          WORKERS_TEST(those_that_are_silent_come_last), WORKERS_TEST(among_those_of_a_port),
          WORKERS_TEST(what_never_comes_is_forgotten))
