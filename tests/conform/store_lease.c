/* tests/conform/store_lease.c - leases and nodes: one holder at a time, and what those before may
 * no longer do. See store_suite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_suite.h"

static void test_lease_has_one_holder(void **state)
{
    (void)state;
    uint64_t epoch = acquire(0, "l", "a");
    assert_int_equal(ASK(lease_acquire(s[1], STR("l"), STR("b"),
                                       &(struct lease_terms){ .ttl_ms = 1000, .value = STR("x") },
                                       T)),
                     ATR_EEXISTS);
    assert_str(got.r.owner, "a");
    assert_int_equal(got.r.epoch, epoch);
    assert_int_equal(got.r.ttl_ms, 1000);
    assert_int_equal(acquire(0, "l", "a"), epoch); /* it is held already */
    assert_int_equal(ASK(lease_release(s[1], STR("l"), epoch + 1, T)), ATR_EFENCED);
    assert_int_equal(ASK(lease_release(s[1], STR("l"), epoch, T)), 0);
    assert_int_equal(ASK(lease_release(s[1], STR("l"), epoch, T)), ATR_EFENCED);
    uint64_t next = acquire(1, "l", "b");
    assert_true(next > epoch);
    assert_true(acquire(1, "other", "b") > next);
    assert_int_equal(ASK(lease_acquire(s[0], STR("x"), STR("a"), &(struct lease_terms){ 0 }, T)),
                     ATR_ERANGE);
}

static void test_lease_ends(void **state)
{
    (void)state;
    uint64_t epoch = acquire(0, "l", "a");
    backend_advance(999);
    assert_int_equal(ASK(lease_renew(s[0], STR("l"), epoch, 2000, T)), 0);
    backend_advance(1999);
    assert_int_equal(ASK(lease_acquire(s[1], STR("l"), STR("b"), &second, T)), ATR_EEXISTS);
    backend_advance(1);
    assert_int_equal(ASK(lease_renew(s[0], STR("l"), epoch, 2000, T)), ATR_EFENCED);
    assert_int_equal(ASK(lease_get(s[0], STR("l"), 0, 0, T)), 0);
    assert_int_equal(got.r.epoch, 0);
    uint64_t next = acquire(1, "l", "b");
    assert_true(next > epoch);
    assert_int_equal(ASK(lease_renew(s[0], STR("l"), epoch, 2000, T)), ATR_EFENCED);
    assert_int_equal(ASK(lease_get(s[2], STR("l"), 0, 0, T)), 0);
    assert_str(got.r.owner, "b");
    assert_int_equal(got.r.epoch, next);
}

static void test_lease_is_watched(void **state)
{
    struct got a = { 0 }, b = { 0 };

    (void)state;
    lease_get(s[1], STR("l"), 0, 60000, take, &a);
    lease_get(s[2], STR("l"), 0, 60000, take, &b);
    uint64_t epoch = acquire(0, "l", "me");
    wait_for(&a, 1);
    wait_for(&b, 1);
    assert_str(a.r.owner, "me");
    assert_int_equal(a.r.epoch, epoch);
    lease_get(s[1], STR("l"), 0, 60000, take, &a); /* is another already */
    wait_for(&a, 2);
    lease_get(s[1], STR("l"), epoch, 60000, take, &a);
    lease_get(s[2], STR("l"), epoch, 100, take, &b);
    assert_int_equal(ASK(kv_get(s[1], STR("x"), T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_get(s[2], STR("x"), T)), ATR_EUNKNOWN);
    assert_int_equal(a.times, 2);
    backend_advance(100);
    assert_int_equal(ASK(kv_get(s[2], STR("x"), T)),
                     ATR_EUNKNOWN); /* something looks at the clock */
    wait_for(&b, 2);
    assert_int_equal(b.r.epoch, epoch);
    assert_int_equal(a.times, 2);
    backend_advance(900); /* it ends */
    wait_for(&a, 3);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.r.epoch, 0);
    buf_free(&a.memory);
    buf_free(&b.memory);
}

static void test_fences(void **state)
{
    (void)state;
    uint64_t old = acquire(0, "room", "a");
    struct kv_write w = { .fence = STR("room"), .fence_epoch = old };
    struct log_terms t = { .fence = STR("room"), .fence_epoch = old };

    assert_int_equal(ASK(kv_set(s[0], STR("state"), STR("1"), &w, T)), 0);
    assert_int_equal(ASK(log_append(s[0], STR("ops"), STR("1"), &t, T)), 0);
    backend_advance(1000);
    assert_int_equal(ASK(kv_set(s[0], STR("state"), STR("2"), &w, T)), ATR_EFENCED);
    uint64_t now = acquire(1, "room", "b");
    assert_int_equal(ASK(kv_set(s[0], STR("state"), STR("3"), &w, T)), ATR_EFENCED);
    assert_int_equal(ASK(kv_del(s[0], STR("state"), &w, T)), ATR_EFENCED);
    assert_int_equal(ASK(kv_incr(s[0], STR("state"), 1, &w, T)), ATR_EFENCED);
    assert_int_equal(ASK(log_append(s[0], STR("ops"), STR("2"), &t, T)), ATR_EFENCED);
    assert_int_equal(ASK(log_drop(s[0], STR("ops"), t.fence, t.fence_epoch, T)), ATR_EFENCED);
    assert_int_equal(ASK(kv_get(s[2], STR("state"), T)), 0);
    assert_str(got.r.value, "1");
    w.fence_epoch = t.fence_epoch = now;
    assert_int_equal(ASK(kv_incr(s[1], STR("state"), 1, &w, T)), 0);
    assert_int_equal(ASK(log_append(s[1], STR("ops"), STR("3"), &t, T)), 0);
    assert_int_equal(got.r.offset, 2);
    w.fence_epoch = now + 1;
    assert_int_equal(ASK(kv_set(s[1], STR("state"), STR("4"), &w, T)), ATR_EFENCED);
}

static void test_nodes(void **state)
{
    (void)state;
    uint64_t a = join(0, "a"), b = join(1, "b");
    assert_true(b > a);
    assert_int_equal(ASK(node_list(s[2], STR(""), 1, T)), 0);
    assert_int_equal(got.count, 1);
    assert_true(got.r.flags & STORE_MORE);
    struct store_record r = item(&got, 0);
    assert_str(r.key, "a");
    assert_str(r.address, "10.0.0.1:3000");
    assert_str(r.value, "meta");
    assert_int_equal(r.epoch, a);
    assert_int_equal(ASK(node_list(s[2], STR("a"), 10, T)), 0);
    assert_int_equal(got.count, 1);
    assert_false(got.r.flags & STORE_MORE);
    backend_advance(600);
    assert_int_equal(ASK(node_beat(s[0], STR("a"), a, T)), 0);
    backend_advance(600);
    assert_int_equal(ASK(node_beat(s[1], STR("b"), b, T)), ATR_EFENCED);
    assert_int_equal(ASK(node_list(s[2], STR(""), 0, T)), 0);
    assert_int_equal(got.count, 1);
    /* The next life of a node ends the one before. */
    uint64_t again = join(0, "a");
    assert_true(again > a);
    assert_int_equal(ASK(node_beat(s[0], STR("a"), a, T)), ATR_EFENCED);
    assert_int_equal(ASK(node_leave(s[0], STR("a"), a, T)), ATR_EFENCED);
    assert_int_equal(ASK(node_leave(s[0], STR("a"), again, T)), 0);
    assert_int_equal(ASK(node_list(s[2], STR(""), 0, T)), 0);
    assert_int_equal(got.count, 0);
}

static void test_leases_live_with_their_node(void **state)
{
    struct got watch = { 0 };

    (void)state;
    uint64_t node = join(0, "a");
    struct lease_terms t = { .node = STR("a"), .node_epoch = node };
    assert_int_equal(ASK(lease_acquire(s[0], STR("l1"), STR("a"), &t, T)), 0);
    uint64_t epoch = got.r.epoch;
    assert_int_equal(ASK(lease_acquire(s[0], STR("l2"), STR("a"), &t, T)), 0);
    backend_advance(900);
    assert_int_equal(ASK(node_beat(s[0], STR("a"), node, T)), 0);
    backend_advance(900);
    assert_int_equal(ASK(lease_acquire(s[1], STR("l1"), STR("b"), &second, T)), ATR_EEXISTS);
    assert_str(got.r.node, "a");
    lease_get(s[1], STR("l2"), got.r.epoch + 1, 60000, take, &watch);
    backend_advance(100);
    uint64_t next = acquire(1, "l1", "b");
    assert_true(next > epoch);
    wait_for(&watch, 1);
    assert_int_equal(watch.r.epoch, 0);
    assert_int_equal(ASK(lease_acquire(s[0], STR("l2"), STR("a"), &t, T)), ATR_EFENCED);
    buf_free(&watch.memory);
}

TEST_MAIN(TEST(test_lease_has_one_holder), TEST(test_lease_ends), TEST(test_lease_is_watched),
          TEST(test_fences), TEST(test_nodes), TEST(test_leases_live_with_their_node))
