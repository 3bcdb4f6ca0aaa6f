/* tests/unit/net/test_pressure.c - what each policy does with a packet, and waiting for drain.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/err.h"
#include "net/drain.h"
#include "net/pressure.h"

enum { BOUND = 1000, HIGH = 100 };

/* A transport that holds bytes and takes none, and what was given to it. */
struct rig {
    struct pressure *pressure;
    struct pressure_policy policy;
    size_t queued;
    char sent[256]; /* the first letter of each packet */
    struct pressure_stats before;
};

static void rig_open(struct rig *g, enum overflow overflow)
{
    *g = (struct rig){ .policy = { .bytes_max = BOUND, .high_water = HIGH, .block_ms = 50 },
                       .before = pressure_stats };
    g->policy.overflow = (uint8_t)overflow;
}

static void transmit(struct rig *g, const struct msg *m)
{
    size_t n = strlen(g->sent);

    g->queued += m->len;
    g->sent[n] = (char)m->data[0];
}

/* A packet of n bytes that begins with the letter, which is also its key. */
static enum pressure_verdict send(struct rig *g, char letter, size_t n, bool droppable)
{
    struct msg *m = msg_new(n);
    struct parcel p = parcel_of(&m, 1);
    enum pressure_verdict verdict = PRESSURE_SEND;

    memset(m->data, letter, n);
    p.droppable = droppable;
    p.key = (str){ &letter, 1 };
    if (g->pressure || g->queued + n > g->policy.high_water)
        verdict = pressure_admit(&g->pressure, g->queued, &g->policy, &p);
    if (verdict == PRESSURE_SEND)
        transmit(g, m);
    msg_unref(m);
    assert_true(g->queued + pressure_bytes(g->pressure) <= BOUND);
    return verdict;
}

/* The transport runs empty, over and over, until nothing waits. */
static void drain(struct rig *g)
{
    do {
        struct backlog_unit *u;

        g->queued = 0;
        while (g->pressure && (u = pressure_pump(g->pressure, g->queued))) {
            transmit(g, u->msgs[0]);
            backlog_unit_free(u);
        }
    } while (g->queued);
    pressure_over(&g->pressure);
    assert_int_equal(pressure_stats.now, g->before.now);
    assert_int_equal(pressure_stats.bytes, g->before.bytes);
}

static uint64_t drops(const struct rig *g, enum pressure_drop why)
{
    int o = g->policy.overflow;

    return pressure_stats.drops[o][why] - g->before.drops[o][why];
}

static void names_are_found(void **state)
{
    (void)state;
    for (int i = 0; i < OVERFLOW_POLICIES; i++)
        assert_int_equal(overflow_of(str_of(overflow_name((enum overflow)i))), i);
    assert_int_equal(overflow_of(STR("dropoldest")), -1);
}

static void marks_are_made_to_fit(void **state)
{
    struct pressure_policy p = { .bytes_max = 1000, .high_water = 900 };

    (void)state;
    pressure_policy_fit(&p);
    assert_int_equal(p.high_water, 500);
    p.high_water = 0;
    pressure_policy_fit(&p);
    assert_int_equal(p.high_water, 1);
}

static void who_keeps_up_has_none(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_DROP_OLDEST);
    assert_int_equal(send(&g, 'a', HIGH, true), PRESSURE_SEND);
    assert_null(g.pressure);
    assert_int_equal(send(&g, 'b', 1, true), PRESSURE_KEPT);
    assert_non_null(g.pressure);
    assert_int_equal(pressure_stats.now, g.before.now + 1);
    drain(&g);
    assert_string_equal(g.sent, "ab");
}

static void disconnect_and_block_queue_up_to_the_bound(void **state)
{
    struct rig g;

    (void)state;
    for (int i = 0; i < 2; i++) {
        rig_open(&g, i ? OVERFLOW_BLOCK : OVERFLOW_DISCONNECT);
        for (int k = 0; k < BOUND / 100; k++)
            assert_int_equal(send(&g, 'a', 100, true), PRESSURE_SEND);
        assert_int_equal(send(&g, 'b', 1, true), PRESSURE_OVERFLOW);
        drain(&g);
    }
    drain_forget();
}

static void drop_refuses_the_new(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_DROP);
    for (int k = 0; k < BOUND / 100; k++)
        assert_int_equal(send(&g, 'a', 100, true), PRESSURE_SEND);
    assert_int_equal(send(&g, 'b', 1, true), PRESSURE_DROPPED);
    assert_int_equal(send(&g, 'b', 1, false), PRESSURE_OVERFLOW); /* cannot be dropped */
    assert_int_equal(drops(&g, PRESSURE_DROP_NEW), 1);
    drain(&g);
    assert_string_equal(g.sent, "aaaaaaaaaa");
}

static void drop_oldest_keeps_what_is_on_its_way_and_the_newest(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_DROP_OLDEST);
    for (char c = 'a'; c <= 'z'; c++)
        assert_int_equal(send(&g, c, 100, true), c == 'a' ? PRESSURE_SEND : PRESSURE_KEPT);
    assert_int_equal(drops(&g, PRESSURE_DROP_OLDEST), 16);
    assert_int_equal(pressure_stats.dropped_bytes - g.before.dropped_bytes, 1600);
    drain(&g);
    assert_string_equal(g.sent, "arstuvwxyz");
}

/* What nothing may drop keeps its place among what comes and goes; and when it alone is too much,
 * the connection ends rather than the bound. */
static void what_may_not_be_dropped_stays(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_DROP_OLDEST);
    for (char c = 'a'; c <= 'z'; c++)
        assert_true(send(&g, c, 100, c != 'f' && c != 'k') <= PRESSURE_KEPT);
    assert_int_equal(send(&g, '1', 800, false), PRESSURE_OVERFLOW);
    assert_int_equal(send(&g, '2', 800, true), PRESSURE_DROPPED);
    assert_int_equal(drops(&g, PRESSURE_DROP_NEW), 1);
    assert_int_equal(send(&g, '3', 700, false), PRESSURE_KEPT); /* the others make room */
    drain(&g);
    assert_string_equal(g.sent, "afk3");
}

static void keep_latest_keeps_one_of_each_key(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_KEEP_LATEST);
    for (int i = 0; i < 100; i++) {
        (void)send(&g, 'x', 50, true);
        (void)send(&g, 'y', 50, true);
    }
    assert_int_equal(send(&g, 'x', 50, true), PRESSURE_KEPT);
    assert_int_equal(drops(&g, PRESSURE_DROP_LATEST), 197);
    drain(&g);
    assert_string_equal(g.sent, "xyyx"); /* two on their way, then the newest, in their order */
}

/* More keys than the bound has room for: the oldest go. */
static void keep_latest_is_bounded(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_KEEP_LATEST);
    for (char c = 'a'; c <= 'z'; c++)
        (void)send(&g, c, 100, true);
    assert_int_equal(drops(&g, PRESSURE_DROP_OLDEST), 16);
    assert_int_equal(drops(&g, PRESSURE_DROP_LATEST), 0);
    drain(&g);
    assert_string_equal(g.sent, "arstuvwxyz");
}

/* A replaced packet makes room for its successor before others have to. */
static void keep_latest_replaces_before_it_drops(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_KEEP_LATEST);
    for (char c = 'a'; c <= 'j'; c++)
        (void)send(&g, c, 100, true);
    assert_int_equal(send(&g, 'c', 100, true), PRESSURE_KEPT);
    assert_int_equal(drops(&g, PRESSURE_DROP_OLDEST), 0);
    drain(&g);
    assert_string_equal(g.sent, "abdefghijc");
}

/* A new packet that cannot fit replaces nothing. */
static void what_is_too_large_costs_nothing(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_KEEP_LATEST);
    (void)send(&g, 'a', 100, true);
    (void)send(&g, 'b', 100, true);
    assert_int_equal(send(&g, 'b', BOUND, true), PRESSURE_DROPPED);
    drain(&g);
    assert_string_equal(g.sent, "ab");
}

/* Very short packets cost more than their bytes: so many are not kept. */
static void a_backlog_is_bounded_in_number(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_DROP_OLDEST);
    (void)send(&g, 'a', HIGH, true);
    for (int i = 0; i < 500; i++)
        (void)send(&g, 'b', 1, true);
    assert_true(g.pressure->backlog.count <= BOUND / 64);
    drain(&g);
}

/* Packets of other policies wait behind a backlog, too, and are not dropped. */
static void policies_share_a_queue_in_order(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, OVERFLOW_DROP_OLDEST);
    (void)send(&g, 'a', 100, true);
    (void)send(&g, 'b', 100, true);
    g.policy.overflow = OVERFLOW_DISCONNECT;
    assert_int_equal(send(&g, 'C', 100, true), PRESSURE_KEPT);
    g.policy.overflow = OVERFLOW_DROP_OLDEST;
    for (char c = 'd'; c <= 'z'; c++)
        assert_int_equal(send(&g, c, 100, true), PRESSURE_KEPT);
    drain(&g);
    assert_string_equal(g.sent, "aCstuvwxyz");
}

/* --- Waiting --- */

struct waiter {
    int calls, err;
};

static void on_drained(void *user, int err)
{
    struct waiter *w = user;

    w->calls++;
    w->err = err;
}

static void turn_until(struct loop *l, const struct waiter *w)
{
    for (int i = 0; i < 10000 && !w->calls; i++)
        assert_int_equal(loop_turn(l, 1), 0);
    assert_int_equal(w->calls, 1);
}

static void waits_for_all_that_were_met(void **state)
{
    struct loop l;
    struct rig a, b;
    struct waiter w = { 0 };

    (void)state;
    assert_int_equal(loop_init(&l), 0);
    rig_open(&a, OVERFLOW_BLOCK);
    rig_open(&b, OVERFLOW_BLOCK);
    a.policy.block_ms = b.policy.block_ms = 60000;
    drain_forget();
    assert_false(drain_noted());
    (void)send(&a, 'a', HIGH, true);
    assert_false(drain_noted()); /* not backed up */
    assert_int_equal(drain_wait(&l, 0, on_drained, &w), 0);
    (void)send(&a, 'a', 100, true);
    (void)send(&a, 'a', 100, true); /* noted once */
    (void)send(&b, 'b', 200, true);
    assert_true(drain_noted());
    assert_int_equal(drain_wait(&l, 0, on_drained, &w), 1);
    assert_false(drain_noted());
    pressure_over(&a.pressure);
    assert_int_equal(loop_turn(&l, 0), 0);
    assert_int_equal(w.calls, 0);
    pressure_over(&b.pressure);
    assert_int_equal(w.calls, 0); /* from the loop */
    turn_until(&l, &w);
    assert_int_equal(w.err, 0);
    loop_fini(&l);
}

static void a_wait_ends_in_time(void **state)
{
    struct loop l;
    struct rig a;
    struct waiter w = { 0 }, other = { 0 };

    (void)state;
    assert_int_equal(loop_init(&l), 0);
    rig_open(&a, OVERFLOW_BLOCK);
    a.policy.block_ms = 5;
    (void)send(&a, 'a', 200, true);
    assert_int_equal(drain_wait(&l, 0, on_drained, &w), 1);
    (void)send(&a, 'a', 1, true);
    assert_int_equal(drain_wait(&l, 3600000, on_drained, &other), 1);
    turn_until(&l, &w);
    assert_int_equal(w.err, ATR_ETIMEOUT);
    assert_int_equal(pressure_stats.waits_timed_out, a.before.waits_timed_out + 1);
    drain_close(&l);
    assert_int_equal(other.calls, 1);
    assert_int_equal(other.err, ATR_ECLOSED);
    pressure_over(&a.pressure);
    loop_fini(&l);
}

/* What was noted and went before anybody waited is forgotten. */
static void who_has_gone_is_not_waited_for(void **state)
{
    struct loop l;
    struct rig a;
    struct waiter w = { 0 };

    (void)state;
    assert_int_equal(loop_init(&l), 0);
    rig_open(&a, OVERFLOW_BLOCK);
    (void)send(&a, 'a', 200, true);
    pressure_over(&a.pressure);
    assert_int_equal(drain_wait(&l, 0, on_drained, &w), 0);
    loop_fini(&l);
}

TEST_MAIN(cmocka_unit_test(names_are_found), cmocka_unit_test(marks_are_made_to_fit),
          cmocka_unit_test(who_keeps_up_has_none),
          cmocka_unit_test(disconnect_and_block_queue_up_to_the_bound),
          cmocka_unit_test(drop_refuses_the_new),
          cmocka_unit_test(drop_oldest_keeps_what_is_on_its_way_and_the_newest),
          cmocka_unit_test(what_may_not_be_dropped_stays),
          cmocka_unit_test(keep_latest_keeps_one_of_each_key),
          cmocka_unit_test(keep_latest_is_bounded),
          cmocka_unit_test(keep_latest_replaces_before_it_drops),
          cmocka_unit_test(what_is_too_large_costs_nothing),
          cmocka_unit_test(a_backlog_is_bounded_in_number),
          cmocka_unit_test(policies_share_a_queue_in_order),
          cmocka_unit_test(waits_for_all_that_were_met), cmocka_unit_test(a_wait_ends_in_time),
          cmocka_unit_test(who_has_gone_is_not_waited_for))
