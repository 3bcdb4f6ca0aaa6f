/* tests/conform/store_calls.c - operations in general, whatever they are about: answers come once
 * and in order, and what cancelling, closing, deadlines and limits do. See store_suite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_suite.h"

#include "base/clock.h"
#include "base/mem.h"

struct order {
    int count, seen[512];
    struct {
        struct order *order;
        int number;
    } users[512];
};

static void note_order(void *user, const struct store_answer *a)
{
    struct {
        struct order *order;
        int number;
    } *u = user;

    assert_int_equal(a->err, 0);
    assert_int_equal(a->r.number, u->number + 1);
    u->order->seen[u->order->count++] = u->number;
}

static void test_answers_come_once_in_order(void **state)
{
    static struct order o;
    uint64_t until = clock_mono_ms() + GIVE_UP_MS;

    (void)state;
    o.count = 0;
    for (int i = 0; i < 512; i++) {
        o.users[i].order = &o;
        o.users[i].number = i;
        kv_incr(s[0], STR("n"), 1, NULL, note_order, &o.users[i]);
        assert_int_equal(o.count, 0);
    }
    while (o.count < 512 && clock_mono_ms() < until)
        turn();
    assert_int_equal(o.count, 512);
    for (int i = 0; i < 512; i++)
        assert_int_equal(o.seen[i], i);
    turn();
    assert_int_equal(o.count, 512);
}

static void test_objects_share_the_data(void **state)
{
    struct got many[60] = { 0 };

    (void)state;
    for (int i = 0; i < 60; i++)
        kv_incr(s[i % STORES], STR("n"), 1, NULL, take, &many[i]);
    for (int i = 0; i < 60; i++) {
        wait_for(&many[i], 1);
        assert_int_equal(many[i].err, 0);
        buf_free(&many[i].memory);
    }
    assert_int_equal(ASK(kv_get(s[2], STR("n"), T)), 0);
    assert_str(got.r.value, "60");
}

/* One who waits for news for long holds up nobody, however much happens meanwhile. */
static void test_waiting_holds_up_nobody(void **state)
{
    enum { ROUNDS = 20, EACH = 1000 };
    struct got watch = { 0 };

    (void)state;
    lease_get(s[0], STR("free"), 0, 120000, take, &watch);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EACH - 1; i++)
            kv_incr(s[0], STR("n"), 1, NULL, NULL, NULL);
        assert_int_equal(ASK(kv_incr(s[0], STR("n"), 1, NULL, T)), 0);
        assert_int_equal(got.r.number, (round + 1) * EACH);
    }
    assert_int_equal(watch.times, 0);
    assert_int_equal(s[0]->stats.losses, 0);
    assert_int_equal(ASK(lease_acquire(s[1], STR("free"), STR("me"),
                                       &(struct lease_terms){ .ttl_ms = 1000 }, T)),
                     0);
    wait_for(&watch, 1);
    buf_free(&watch.memory);
}

static void test_a_cancelled_call_is_silent(void **state)
{
    struct got other = { 0 };

    (void)state;
    got.times = 0;
    struct store_call *c = kv_set(s[0], STR("k"), STR("v"), NULL, T);
    struct store_call *w = lease_get(s[0], STR("free"), 0, 60000, T);
    store_cancel(c);
    kv_set(s[0], STR("other"), STR("v"), NULL, take, &other);
    wait_for(&other, 1);
    assert_int_equal(other.err, 0);
    store_cancel(w);
    assert_int_equal(lease_acquire(s[1], STR("free"), STR("me"),
                                   &(struct lease_terms){ .ttl_ms = 1000 }, take, &other) != NULL,
                     1);
    wait_for(&other, 2);
    assert_int_equal(got.times, 0);
    store_cancel(NULL);
    buf_free(&other.memory);
}

static void begin_again(void *user, const struct store_answer *a)
{
    struct got *g = user;

    take(g, a);
    assert_null(kv_get(s[0], STR("k"), take, g)); /* it closes */
}

static void test_closing_ends_calls(void **state)
{
    struct got a = { 0 }, b = { 0 };

    (void)state;
    lease_get(s[0], STR("free"), 0, 60000, begin_again, &a);
    kv_get(s[0], STR("k"), take, &b);
    store_close(s[0]);
    s[0] = NULL;
    assert_int_equal(a.times, 1);
    assert_int_equal(a.err, ATR_ECLOSED);
    assert_int_equal(b.times, 1);
    assert_int_equal(b.err, ATR_ECLOSED);
    turn();
    assert_int_equal(a.times + b.times, 2);
    buf_free(&a.memory);
    buf_free(&b.memory);
}

static void close_it(void *user, const struct store_answer *a)
{
    take(user, a);
    store_close(s[0]);
    s[0] = NULL;
}

static void test_closing_from_a_callback(void **state)
{
    struct got a = { 0 }, b = { 0 };

    (void)state;
    kv_get(s[0], STR("k"), close_it, &a);
    kv_get(s[0], STR("k"), take, &b);
    wait_for(&a, 1);
    wait_for(&b, 1);
    assert_int_equal(b.err == ATR_ECLOSED || b.err == ATR_EUNKNOWN, 1);
    buf_free(&a.memory);
    buf_free(&b.memory);
}

static void test_deadlines(void **state)
{
    struct store_request r = { .op = STORE_LEASE_GET,
                               .deadline_ms = 1,
                               .r = { .key = STR("free"), .wait_ms = 1 } };
    uint64_t until;

    (void)state;
    /* The store's clock stands still, ours does not. */
    assert_int_equal(ASK(store_begin(s[0], &r, T)), ATR_ETIMEOUT);
    assert_int_equal(s[0]->stats.timeouts, 1);
    until = clock_mono_ms() + 20;
    while (clock_mono_ms() < until)
        turn();
    assert_int_equal(got.times, 1);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("v"), NULL, T)), 0);
}

static void test_limits(void **state)
{
    char *big = mem_zalloc(STORE_VALUE_BYTES_MAX + 1);

    (void)state;
    assert_int_equal(ASK(kv_set(s[0], str_n(big, STORE_NAME_BYTES_MAX + 1), STR(""), NULL, T)),
                     ATR_ELIMIT);
    assert_int_equal(ASK(kv_set(s[0], str_n(big, STORE_NAME_BYTES_MAX), STR(""), NULL, T)), 0);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), str_n(big, STORE_VALUE_BYTES_MAX + 1), NULL, T)),
                     ATR_ELIMIT);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("v"), TTL(STORE_TTL_MS_MAX + 1), T)),
                     ATR_ERANGE);
    assert_int_equal(ASK(store_begin(s[0], &(struct store_request){ .op = STORE_OPS_END }, T)),
                     ATR_EUNKNOWN);
    assert_int_equal(s[0]->stats.refused, 4);
    memset(big, 'x', STORE_VALUE_BYTES_MAX);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), str_n(big, STORE_VALUE_BYTES_MAX), NULL, T)), 0);
    assert_int_equal(ASK(kv_get(s[1], STR("k"), T)), 0);
    assert_int_equal(got.r.value.n, STORE_VALUE_BYTES_MAX);
    assert_memory_equal(got.r.value.p, big, STORE_VALUE_BYTES_MAX);
    mem_free(big);
}

static void test_too_many_calls(void **state)
{
    struct got *many = mem_zalloc((STORE_CALLS_MAX + 1) * sizeof *many);

    (void)state;
    for (int i = 0; i <= STORE_CALLS_MAX; i++)
        kv_get(s[0], STR("k"), take, &many[i]);
    for (int i = 0; i <= STORE_CALLS_MAX; i++) {
        wait_for(&many[i], 1);
        assert_int_equal(many[i].err, i < STORE_CALLS_MAX ? ATR_EUNKNOWN : ATR_ELIMIT);
        buf_free(&many[i].memory);
    }
    mem_free(many);
    assert_int_equal(ASK(kv_get(s[0], STR("k"), T)), ATR_EUNKNOWN);
}

/* The store's bytes are bounded too: it refuses, and goes on. */
static int64_t stat_of(const char *name)
{
    assert_int_equal(ASK(store_begin(s[0], &(struct store_request){ .op = STORE_STATS }, T)), 0);
    for (uint32_t i = 0; i < got.count; i++)
        if (str_eq(item(&got, i).key, str_of(name)))
            return item(&got, i).number;
    fail_msg("no such figure");
    return 0;
}

static void test_the_store_gets_full(void **state)
{
    enum { BYTES = 8 << 20 };
    char *big = mem_zalloc(BYTES), key[16];
    int err = 0, i;

    (void)state;
    int64_t most = stat_of("bytes_max");
    for (i = 0; i < 64 && !err; i++) {
        snprintf(key, sizeof key, "k%d", i);
        err = ASK(kv_set(s[0], str_of(key), str_n(big, BYTES), NULL, T));
    }
    assert_int_equal(err, ATR_ELIMIT);
    assert_true(i > 1);
    assert_true(stat_of("bytes") <= most);
    assert_true(stat_of("refused") >= 1);
    assert_int_equal(ASK(kv_get(s[0], str_of(key), T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_set(s[0], STR("k0"), STR("less"), NULL, T)), 0);
    assert_int_equal(ASK(kv_set(s[0], str_of(key), str_n(big, BYTES / 2), NULL, T)), 0);
    assert_int_equal(ASK(kv_del(s[0], STR("k"), &(struct kv_write){ .flags = KV_PREFIX }, T)), 0);
    assert_int_equal(got.r.number, i);
    assert_int_equal(stat_of("bytes"), 0);
    mem_free(big);
}

TEST_MAIN(TEST(test_answers_come_once_in_order), TEST(test_objects_share_the_data),
          TEST(test_waiting_holds_up_nobody), TEST(test_a_cancelled_call_is_silent),
          TEST(test_closing_ends_calls), TEST(test_closing_from_a_callback), TEST(test_deadlines),
          TEST(test_limits), TEST(test_too_many_calls), TEST(test_the_store_gets_full))
