/* tests/conform/store_crash.c - what outlives a crash of whatever holds the data. See
 * store_suite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_suite.h"

static void test_a_crash(void **state)
{
    struct got watch = { 0 }, pending[20] = { 0 };
    char ticket[64];

    (void)state;
    if (!backend_crashes) /* in its own process: the data goes with who asks */
        return;
    join_both();
    uint64_t epoch = acquire(0, "l", "a");
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("v"), TTL(5000), T)), 0);
    uint64_t version = got.r.version;
    append("log", "1", &(struct log_terms){ .entries = 2 });
    append("log", "2", &(struct log_terms){ .entries = 2 });
    append("log", "3", &(struct log_terms){ .entries = 2 });
    uint64_t generation = got.r.generation;
    assert_int_equal(put("r", 3, STR(""), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_int_equal(ASK(seat_confirm(s[0], got.r.key, STR("r"), 0, T)), 0);
    lease_get(s[2], STR("l"), epoch, 60000, take, &watch);
    backend_advance(1000 - 1);
    for (int i = 0; i < 20; i++)
        kv_incr(s[i % STORES], STR("n"), 1, NULL, take, &pending[i]);
    backend_crash();
    for (int i = 0; i < 20; i++) {
        wait_for(&pending[i], 1);
        assert_int_equal(pending[i].err, 0);
        buf_free(&pending[i].memory);
    }
    assert_int_equal(ASK(kv_get(s[1], STR("n"), T)), 0);
    assert_str(got.r.value, "20"); /* each once */
    assert_int_equal(ASK(kv_get(s[1], STR("k"), T)), 0);
    assert_int_equal(got.r.version, version);
    assert_int_equal(got.r.ttl_ms, 4001);
    /* What is held is held for its whole time again: its holder could not renew it. */
    backend_advance(999);
    assert_int_equal(ASK(lease_renew(s[0], STR("l"), epoch, 1000, T)), 0);
    beat_both();
    assert_int_equal(watch.times, 0);
    assert_int_equal(read_from("log", generation, 2), 0);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.r.flags, 0);
    assert_int_equal(append("log", "4", &(struct log_terms){ .entries = 2 }), 4);
    assert_int_equal(got.r.generation, generation);
    assert_int_equal(taken("r"), 2);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("r"), 0, T)), 0);
    assert_true(acquire(0, "m", "a") > epoch);
    assert_int_equal(ASK(lease_release(s[0], STR("l"), epoch, T)), 0);
    wait_for(&watch, 1); /* was asked before the crash */
    assert_int_equal(watch.r.epoch, 0);
    buf_free(&watch.memory);
}

TEST_MAIN(TEST(test_a_crash))
