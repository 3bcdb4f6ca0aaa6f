/* tests/unit/net/test_relay.c - what goes in at one end comes out at the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/relay.h"

#include <fcntl.h>

#include "pair.h"

static struct pair left, right;
static struct relay relay;
static int dones;

static void on_done(struct relay *r)
{
    assert_ptr_equal(r, &relay);
    assert_null(r->ends[0]);
    assert_null(r->ends[1]);
    dones++;
}

static int setup(void **state)
{
    assert_int_equal(pair_setup(state), 0);
    dones = 0;
    pair_open(&left, 4096);
    pair_open(&right, 4096);
    relay = (struct relay){ .on_done = on_done };
    return 0;
}

static void join(void)
{
    relay_join(&relay, &loop, left.stream, right.stream);
    left.stream = right.stream = NULL; /* they are the relay's */
}

static int teardown(void **state)
{
    if (relay.ends[0])
        relay_close(&relay);
    pair_close(&left);
    pair_close(&right);
    pair_jump(STREAM_STALL_MS);
    pair_turn();
    return pair_teardown(state);
}

static void hear(struct pair *p, const char *text)
{
    char got[64] = "";

    for (int i = 0; i < 100 && strlen(got) < strlen(text); i++) {
        pair_turn();
        (void)pair_hear(p, got + strlen(got), sizeof got - 1 - strlen(got));
    }
    assert_string_equal(got, text);
}

static void both_ways(void **state)
{
    (void)state;
    join();
    pair_say(&left, "hello", 5);
    hear(&right, "hello");
    pair_say(&right, "hello yourself", 14);
    hear(&left, "hello yourself");
    assert_int_equal(relay.bytes[0], 5);
    assert_int_equal(relay.bytes[1], 14);
    assert_int_equal(dones, 0);
}

static size_t use_one(struct pair *p, uint8_t *data, size_t n)
{
    (void)data, (void)n;
    stream_pause(p->stream);
    return 1;
}

/* What the former owner had left goes first. */
static void what_was_kept(void **state)
{
    (void)state;
    left.use = use_one;
    pair_say(&left, "(begin", 6);
    pair_turn();
    pair_say(&left, ",end", 4);
    join();
    hear(&right, "begin,end");
}

/* A reader that is slow holds the writer up; nothing grows, nothing is lost, in the end. */
static void the_slower_end_sets_the_pace(void **state)
{
    enum { BYTES = 3 << 20 };
    uint8_t *in = malloc(BYTES), *out = malloc(BYTES);
    size_t said = 0, heard = 0;
    bool ended = false;
    (void)state;

    for (size_t i = 0; i < BYTES; i++)
        in[i] = (uint8_t)(i * 31 + i / 253);
    join();
    while (heard < BYTES) {
        /* Said as fast as it is taken; read seldom. */
        while (said < BYTES) {
            size_t more = BYTES - said < 65536 ? BYTES - said : 65536;
            ssize_t n = send(left.peer, in + said, more, MSG_NOSIGNAL);
            if (n <= 0)
                break;
            said += (size_t)n;
        }
        if (said == BYTES && !ended) {
            ended = true;
            assert_int_equal(shutdown(left.peer, SHUT_WR), 0);
        }
        for (int i = 0; i < 20; i++)
            pair_turn();
        if (relay.ends[1])
            assert_true(relay.ends[1]->queued_bytes <= RELAY_QUEUE_BYTES + 4 * LOOP_READ_BYTES);
        heard += pair_hear(&right, out + heard, 100000 < BYTES - heard ? 100000 : BYTES - heard);
    }
    assert_memory_equal(in, out, BYTES);
    for (int i = 0; i < 100 && !dones; i++)
        pair_turn();
    assert_int_equal(dones, 1);
    assert_true(pair_heard_end(&right));
    assert_true(pair_heard_end(&left));
    free(in);
    free(out);
}

/* The last byte comes while its reader is paused: what the kernel still holds is not lost. */
static void the_end_behind_what_waits(void **state)
{
    static uint8_t bytes[RELAY_QUEUE_BYTES + 3 * LOOP_READ_BYTES];
    size_t said = 0, heard = 0;
    static uint8_t out[sizeof bytes];
    int room = 1 << 20;
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(setsockopt(left.peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    join();
    for (int i = 0; i < 1000 && said < sizeof bytes; i++) {
        ssize_t n = send(left.peer, bytes + said, sizeof bytes - said, MSG_NOSIGNAL);
        if (n > 0)
            said += (size_t)n;
        if (!relay.ends[0]->paused)
            pair_turn();
    }
    while (!relay.ends[0]->paused)
        pair_turn();
    assert_int_equal(shutdown(left.peer, SHUT_WR), 0);
    for (int i = 0; i < 10; i++)
        pair_turn();
    while (heard < said) {
        heard += pair_hear(&right, out + heard, said - heard);
        pair_turn();
    }
    assert_memory_equal(bytes, out, said);
    assert_int_equal(dones, 1);
    assert_true(pair_heard_end(&right));
}

static void one_that_breaks_ends_the_other(void **state)
{
    (void)state;
    join();
    pair_say(&right, "last words", 10);
    pair_turn();
    close(right.peer);
    right.peer = -1;
    pair_turn();
    pair_turn();
    assert_int_equal(dones, 1);
    hear(&left, "last words");
    assert_true(pair_heard_end(&left));
}

static void closing_both(void **state)
{
    (void)state;
    join();
    pair_say(&left, "x", 1);
    relay_close(&relay);
    assert_true(pair_heard_end(&right));
    pair_turn();
    relay_close(&relay);
    assert_int_equal(dones, 0);
}

#define RELAY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TEST_MAIN(RELAY_TEST(both_ways), RELAY_TEST(what_was_kept),
          RELAY_TEST(the_slower_end_sets_the_pace), RELAY_TEST(the_end_behind_what_waits),
          RELAY_TEST(one_that_breaks_ends_the_other), RELAY_TEST(closing_both))
