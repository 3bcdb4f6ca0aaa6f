/* tests/conform/store.c - what every store must do. Linked with a backend: see store_nodes.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_nodes.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/slab.h"
#include "cluster/kv.h"
#include "cluster/lease.h"
#include "cluster/log.h"
#include "cluster/seats.h"
#include "test.h"

enum { STORES = 3, GIVE_UP_MS = 60000 };

struct loop loop;
static struct store *s[STORES];

/* --- Asking, and waiting for the answer --- */

struct got {
    int times, err;
    struct store_record r;
    uint32_t count;
    struct buf memory; /* r's bytes, then the items' */
};
static struct got got;

static void take(void *user, const struct store_answer *a)
{
    struct got *g = user;
    str at;

    g->times++;
    g->err = a->err;
    g->count = a->count;
    buf_clear(&g->memory);
    store_record_write(&g->memory, &a->r);
    buf_add(&g->memory, a->items);
    at = buf_str(&g->memory);
    assert_int_equal(store_record_read(&at, &g->r), 0);
}

static struct store_record item(const struct got *g, uint32_t index)
{
    struct store_record r;
    str at = buf_str(&g->memory);

    assert_true(index < g->count);
    for (uint32_t i = 0; i <= index + 1; i++)
        assert_true(store_next(&at, &r));
    return r;
}

static void turn(void)
{
    assert_int_equal(loop_turn(&loop, 5), 0);
}

static void wait_for(const struct got *g, int times)
{
    uint64_t until = clock_mono_ms() + GIVE_UP_MS;

    while (g->times < times && clock_mono_ms() < until)
        turn();
    assert_int_equal(g->times, times);
}

/* The error of one operation, which is begun with `T`. */
#define T take, &got
#define ASK(call)                                                                                  \
    (got.times = 0, (void)(call), assert_int_equal(got.times, 0), wait_for(&got, 1), got.err)

static struct kv_write with(uint64_t flags, uint64_t version)
{
    return (struct kv_write){ .flags = flags, .version = version };
}
#define IF_ABSENT (&(struct kv_write){ .flags = KV_IF_ABSENT })
#define TTL(ms)   (&(struct kv_write){ .ttl_ms = (ms) })

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    backend_start();
    for (int i = 0; i < STORES; i++)
        s[i] = backend_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < STORES; i++)
        if (s[i])
            store_close(s[i]);
    backend_stop();
    turn();
    loop_fini(&loop);
    buf_free(&got.memory);
    slab_trim();
    return 0;
}

/* --- Operations in general --- */

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

/* --- Keys --- */

static void test_kv_values(void **state)
{
    (void)state;
    assert_int_equal(ASK(kv_get(s[0], STR("k"), T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("a\0b"), NULL, T)), 0);
    uint64_t version = got.r.version;
    assert_true(version > 0);
    assert_int_equal(ASK(kv_get(s[1], STR("k"), T)), 0);
    assert_str(got.r.value, "a\0b");
    assert_int_equal(got.r.version, version);
    assert_int_equal(got.r.ttl_ms, 0);
    assert_int_equal(ASK(kv_set(s[1], STR("k"), STR(""), NULL, T)), 0);
    assert_true(got.r.version > version);
    assert_int_equal(ASK(kv_get(s[0], STR("k"), T)), 0);
    assert_int_equal(got.r.value.n, 0);
    assert_int_equal(ASK(kv_del(s[0], STR("k"), NULL, T)), 0);
    assert_int_equal(got.r.number, 1);
    assert_int_equal(ASK(kv_del(s[0], STR("k"), NULL, T)), 0);
    assert_int_equal(got.r.number, 0);
    assert_int_equal(ASK(kv_get(s[0], STR("k"), T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_set(s[0], STR(""), STR("empty"), NULL, T)), 0);
    assert_int_equal(ASK(kv_get(s[0], STR(""), T)), 0);
    assert_str(got.r.value, "empty");
}

static void test_kv_conditions(void **state)
{
    struct kv_write w;

    (void)state;
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("1"), IF_ABSENT, T)), 0);
    uint64_t version = got.r.version;
    assert_int_equal(ASK(kv_set(s[1], STR("k"), STR("2"), IF_ABSENT, T)), ATR_EEXISTS);
    assert_int_equal(got.r.version, version);
    w = with(KV_IF_VERSION, version + 1);
    assert_int_equal(ASK(kv_set(s[1], STR("k"), STR("2"), &w, T)), ATR_ESTATE);
    assert_int_equal(got.r.version, version);
    assert_int_equal(ASK(kv_del(s[1], STR("k"), &w, T)), ATR_ESTATE);
    w = with(KV_IF_VERSION, version);
    assert_int_equal(ASK(kv_set(s[1], STR("k"), STR("3"), &w, T)), 0);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("4"), &w, T)), ATR_ESTATE);
    w = with(KV_IF_VERSION, got.r.version);
    assert_int_equal(ASK(kv_del(s[0], STR("k"), &w, T)), 0);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("5"), &w, T)), ATR_ESTATE);
    assert_int_equal(ASK(kv_get(s[0], STR("k"), T)), ATR_EUNKNOWN);
}

static void test_kv_incr(void **state)
{
    (void)state;
    assert_int_equal(ASK(kv_incr(s[0], STR("n"), 5, NULL, T)), 0);
    assert_int_equal(got.r.number, 5);
    assert_int_equal(ASK(kv_incr(s[1], STR("n"), -7, NULL, T)), 0);
    assert_int_equal(got.r.number, -2);
    assert_int_equal(ASK(kv_get(s[1], STR("n"), T)), 0);
    assert_str(got.r.value, "-2");
    static const char *const wrong[] = { "",   " 1",  "1 ", "0x1",
                                         "+1", "1.5", "00", "9223372036854775808" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(ASK(kv_set(s[0], STR("w"), str_of(wrong[i]), NULL, T)), 0);
        assert_int_equal(ASK(kv_incr(s[0], STR("w"), 1, NULL, T)), ATR_ETYPE);
    }
    assert_int_equal(ASK(kv_set(s[0], STR("m"), STR("9223372036854775807"), NULL, T)), 0);
    assert_int_equal(ASK(kv_incr(s[0], STR("m"), 1, NULL, T)), ATR_ERANGE);
    assert_int_equal(ASK(kv_incr(s[0], STR("m"), INT64_MIN, NULL, T)), 0);
    assert_int_equal(got.r.number, -1);
}

static void test_kv_time_to_live(void **state)
{
    (void)state;
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("v"), TTL(1000), T)), 0);
    backend_advance(999);
    assert_int_equal(ASK(kv_get(s[1], STR("k"), T)), 0);
    assert_int_equal(got.r.ttl_ms, 1);
    assert_int_equal(ASK(kv_expire(s[1], STR("k"), 5000, T)), 0);
    backend_advance(4999);
    assert_int_equal(ASK(kv_get(s[0], STR("k"), T)), 0);
    backend_advance(1);
    assert_int_equal(ASK(kv_get(s[0], STR("k"), T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_expire(s[1], STR("k"), 5000, T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_set(s[0], STR("k"), STR("v"), IF_ABSENT, T)), 0);
    /* A set ends the time to live, unless told otherwise; an increment leaves it. */
    assert_int_equal(ASK(kv_set(s[0], STR("a"), STR("1"), TTL(1000), T)), 0);
    assert_int_equal(ASK(kv_set(s[0], STR("b"), STR("1"), TTL(1000), T)), 0);
    assert_int_equal(ASK(kv_set(s[0], STR("c"), STR("1"), TTL(1000), T)), 0);
    assert_int_equal(ASK(kv_set(s[0], STR("a"), STR("2"), NULL, T)), 0);
    assert_int_equal(
        ASK(kv_set(s[0], STR("b"), STR("2"), &(struct kv_write){ .flags = KV_KEEP_TTL }, T)), 0);
    assert_int_equal(ASK(kv_incr(s[0], STR("c"), 1, NULL, T)), 0);
    assert_int_equal(ASK(kv_incr(s[0], STR("d"), 1, TTL(1000), T)), 0);
    backend_advance(1000);
    assert_int_equal(ASK(kv_get(s[0], STR("a"), T)), 0);
    assert_int_equal(ASK(kv_get(s[0], STR("b"), T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_get(s[0], STR("c"), T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(kv_get(s[0], STR("d"), T)), ATR_EUNKNOWN);
}

static void test_kv_list(void **state)
{
    char key[16], after[16] = "";
    int seen = 0, pages = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "u:%02d", i);
        kv_set(s[i % STORES], str_of(key), str_of(key), NULL, NULL, NULL);
    }
    for (int i = 0; i < STORES; i++)
        assert_int_equal(ASK(kv_set(s[i], STR("t:1"), STR("x"), NULL, T)), 0);
    assert_int_equal(ASK(kv_set(s[0], STR("u;"), STR("x"), NULL, T)), 0);
    do {
        assert_int_equal(ASK(kv_list(s[0], STR("u:"), str_of(after), 7, 0, T)), 0);
        for (uint32_t i = 0; i < got.count; i++) {
            struct store_record r = item(&got, i);

            snprintf(key, sizeof key, "u:%02d", seen++);
            assert_true(str_eq(r.key, str_of(key)));
            assert_true(str_eq(r.value, r.key));
        }
        snprintf(after, sizeof after, "%.*s", STR_ARG(got.r.after));
        pages++;
    } while (got.r.flags & STORE_MORE);
    assert_int_equal(seen, 50);
    assert_int_equal(pages, 8);
    assert_int_equal(ASK(kv_list(s[0], STR("u:"), STR(""), 0, KV_KEYS, T)), 0);
    assert_int_equal(got.count, 50);
    assert_int_equal(item(&got, 49).value.n, 0);
    assert_int_equal(ASK(kv_list(s[0], STR("u:"), STR(""), 0, KV_COUNT, T)), 0);
    assert_int_equal(got.r.number, 50);
    assert_int_equal(got.count, 0);
    assert_int_equal(ASK(kv_del(s[1], STR("u:"), &(struct kv_write){ .flags = KV_PREFIX }, T)), 0);
    assert_int_equal(got.r.number, 50);
    assert_int_equal(ASK(kv_list(s[0], STR(""), STR(""), 0, 0, T)), 0);
    assert_int_equal(got.count, 2);
}

/* A page has a limit of bytes, and at least one item. */
static void test_kv_list_of_large_values(void **state)
{
    char *big = mem_zalloc(3 << 20);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ASK(kv_set(s[0], str_n(&"abc"[i], 1), str_n(big, 3 << 20), NULL, T)), 0);
    assert_int_equal(ASK(kv_list(s[1], STR(""), STR(""), 0, 0, T)), 0);
    assert_int_equal(got.count, 1);
    assert_true(got.r.flags & STORE_MORE);
    assert_str(got.r.after, "a");
    assert_int_equal(ASK(kv_list(s[1], STR(""), STR("b"), 0, 0, T)), 0);
    assert_int_equal(got.count, 1);
    assert_false(got.r.flags & STORE_MORE);
    mem_free(big);
}

/* --- Leases and nodes --- */

static const struct lease_terms second = { .ttl_ms = 1000 };

static uint64_t acquire(int i, const char *name, const char *owner)
{
    assert_int_equal(ASK(lease_acquire(s[i], str_of(name), str_of(owner), &second, T)), 0);
    return got.r.epoch;
}

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

static uint64_t join(int i, const char *id)
{
    assert_int_equal(ASK(node_join(s[i], str_of(id), STR("10.0.0.1:3000"), STR("meta"), 1000, T)),
                     0);
    return got.r.epoch;
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

/* --- Logs --- */

static uint64_t append(const char *name, const char *entry, const struct log_terms *t)
{
    assert_int_equal(ASK(log_append(s[0], str_of(name), str_of(entry), t, T)), 0);
    return got.r.offset;
}

static int read_from(const char *name, uint64_t generation, uint64_t offset)
{
    return ASK(log_read(s[1], str_of(name),
                        &(struct log_from){ .generation = generation, .offset = offset }, T));
}

static void test_log(void **state)
{
    char text[16];

    (void)state;
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.r.flags, 0);
    for (int i = 1; i <= 20; i++) {
        snprintf(text, sizeof text, "e%d", i);
        assert_int_equal(append("l", text, NULL), i);
    }
    uint64_t generation = got.r.generation;
    assert_int_equal(read_from("l", generation, 0), 0);
    assert_int_equal(got.count, 20);
    assert_int_equal(got.r.offset, 21);
    assert_int_equal(got.r.first, 1);
    for (uint32_t i = 0; i < 20; i++) {
        struct store_record r = item(&got, i);

        snprintf(text, sizeof text, "e%u", i + 1);
        assert_true(str_eq(r.value, str_of(text)));
        assert_int_equal(r.offset, i + 1);
    }
    assert_int_equal(
        ASK(log_read(s[2], STR("l"), &(struct log_from){ .offset = 5, .count = 3 }, T)), 0);
    assert_int_equal(got.count, 3);
    assert_true(got.r.flags & STORE_MORE);
    assert_int_equal(got.r.offset, 8);
    assert_int_equal(item(&got, 0).offset, 5);
    assert_int_equal(read_from("l", generation, 21), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.r.flags, 0);
}

static void test_log_bounds(void **state)
{
    struct log_terms five = { .entries = 5 }, bytes = { .bytes = 10 };

    (void)state;
    for (int i = 0; i < 12; i++)
        append("l", "x", &five);
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.count, 5);
    assert_int_equal(got.r.first, 8);
    assert_int_equal(got.r.flags, 0); /* nobody asked for the others */
    assert_int_equal(read_from("l", 0, 8), 0);
    assert_int_equal(got.r.flags, 0);
    assert_int_equal(read_from("l", 0, 7), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(item(&got, 0).offset, 8);
    assert_int_equal(got.count, 5);
    append("b", "1234", &bytes);
    append("b", "5678", &bytes);
    append("b", "9abc", &bytes);
    assert_int_equal(read_from("b", 0, 2), 0);
    assert_int_equal(got.count, 2);
    append("b", "longer than the bound", &bytes);
    assert_int_equal(read_from("b", 0, 4), 0);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.r.first, 4);
}

static void test_log_age(void **state)
{
    struct log_terms t = { .age_ms = 1000 };

    (void)state;
    append("l", "1", &t);
    backend_advance(500);
    append("l", "2", &t);
    backend_advance(499);
    assert_int_equal(read_from("l", 0, 1), 0);
    assert_int_equal(got.count, 2);
    assert_int_equal(item(&got, 0).age_ms, 999);
    backend_advance(1);
    assert_int_equal(read_from("l", 0, 1), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(got.count, 1);
    backend_advance(500);
    assert_int_equal(read_from("l", 0, 2), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.r.first, 3);
    assert_int_equal(got.r.offset, 3);
    assert_int_equal(append("l", "3", &t), 3);
}

static void test_log_generations(void **state)
{
    struct log_terms t = { .ttl_ms = 1000 };

    (void)state;
    append("l", "1", NULL);
    append("l", "2", NULL);
    uint64_t old = got.r.generation;
    assert_int_equal(ASK(log_drop(s[0], STR("l"), STR(""), 0, T)), 0);
    assert_int_equal(got.r.number, 1);
    assert_int_equal(ASK(log_drop(s[0], STR("l"), STR(""), 0, T)), 0);
    assert_int_equal(got.r.number, 0);
    assert_int_equal(read_from("l", old, 3), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(append("l", "new", &t), i);
    assert_true(got.r.generation > old);
    assert_int_equal(read_from("l", old, 3), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(got.count, 4);
    backend_advance(999);
    append("l", "keeps it", &t);
    backend_advance(999);
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.count, 5);
    backend_advance(1);
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.r.generation, 0);
    assert_int_equal(got.count, 0);
}

static void test_log_is_followed(void **state)
{
    struct got tail = { 0 };
    struct log_from from = { .offset = 0, .wait_ms = 60000 };

    (void)state;
    log_read(s[1], STR("l"), &from, take, &tail); /* there is no log yet */
    append("l", "1", NULL);
    wait_for(&tail, 1);
    assert_int_equal(tail.count, 1);
    from.generation = tail.r.generation;
    from.offset = tail.r.offset;
    log_read(s[1], STR("l"), &from, take, &tail);
    assert_int_equal(ASK(kv_get(s[1], STR("x"), T)), ATR_EUNKNOWN);
    assert_int_equal(tail.times, 1);
    append("l", "2", NULL);
    wait_for(&tail, 2);
    assert_int_equal(item(&tail, 0).offset, 2);
    from.generation++;
    log_read(s[1], STR("l"), &from, take, &tail); /* what is lost is told at once */
    wait_for(&tail, 3);
    assert_true(tail.r.flags & LOG_LOST);
    buf_free(&tail.memory);
}

/* --- Rooms and seats --- */

static uint64_t nodes_epoch[2];

static int put(const char *id, uint64_t max, str filter, uint64_t flags)
{
    return ASK(room_put(s[0],
                        &(struct room){ .id = str_of(id),
                                        .type = STR("battle"),
                                        .node = STR("a"),
                                        .node_epoch = nodes_epoch[0],
                                        .filter = filter,
                                        .metadata = STR("m"),
                                        .flags = flags,
                                        .max = max },
                        T));
}

static int reserve(enum seat_order order, str filter, uint64_t count)
{
    return ASK(seat_reserve(s[1],
                            &(struct seat_wish){ .type = STR("battle"),
                                                 .order = order,
                                                 .filter = filter,
                                                 .count = count,
                                                 .value = STR("session") },
                            T));
}

static void join_both(void)
{
    nodes_epoch[0] = join(0, "a");
    nodes_epoch[1] = join(1, "b");
}

static void beat_both(void)
{
    assert_int_equal(ASK(node_beat(s[0], STR("a"), nodes_epoch[0], T)), 0);
    assert_int_equal(ASK(node_beat(s[1], STR("b"), nodes_epoch[1], T)), 0);
}

static uint64_t taken(const char *id)
{
    assert_int_equal(
        ASK(room_list(s[2], &(struct room_query){ .id = str_of(id), .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 1);
    return item(&got, 0).taken;
}

static void test_seats_are_reserved(void **state)
{
    char ticket[64];

    (void)state;
    join_both();
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(put("r1", 2, STR(""), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_str(got.r.room, "r1");
    assert_str(got.r.node, "a");
    assert_str(got.r.address, "10.0.0.1:3000");
    assert_str(got.r.value, "m");
    assert_int_equal(got.r.taken, 1);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN); /* full */
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("r1") }, T)),
                     ATR_ELIMIT);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("other"), 0, T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("r1"), 0, T)), 0);
    assert_str(got.r.value, "session");
    assert_int_equal(got.r.count, 1);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("r1"), 0, T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_cancel(s[0], str_of(ticket), T)), ATR_EUNKNOWN);
    assert_int_equal(taken("r1"), 2);
    /* The other one does not come. */
    for (int i = 0; i < 15; i++) {
        backend_advance(999);
        beat_both();
    }
    assert_int_equal(taken("r1"), 2);
    backend_advance(15);
    assert_int_equal(taken("r1"), 1);
    assert_int_equal(ASK(seat_leave(s[0], STR("r1"), STR("b"), nodes_epoch[1], 1, T)),
                     ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_leave(s[0], STR("r1"), STR("a"), nodes_epoch[0], 1, T)), 0);
    assert_int_equal(got.r.taken, 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(ASK(seat_cancel(s[2], str_of(ticket), T)), 0);
    assert_int_equal(taken("r1"), 0);
}

/* However many ask at once, nobody gets a seat twice. */
static void test_no_room_is_overbooked(void **state)
{
    enum { ASKERS = 100 };
    struct got *many = mem_zalloc(ASKERS * sizeof *many);
    int seated = 0;

    (void)state;
    join_both();
    for (int i = 0; i < 6; i++) {
        char id[8];

        snprintf(id, sizeof id, "r%d", i);
        assert_int_equal(put(id, 7, STR(""), 0), 0);
    }
    for (int i = 0; i < ASKERS; i++)
        seat_reserve(s[i % STORES],
                     &(struct seat_wish){ .type = STR("battle"), .order = (unsigned)i % 3 }, take,
                     &many[i]);
    for (int i = 0; i < ASKERS; i++) {
        wait_for(&many[i], 1);
        seated += many[i].err == 0;
        assert_true(many[i].err == 0 || many[i].err == ATR_EUNKNOWN);
        buf_free(&many[i].memory);
    }
    assert_int_equal(seated, 42);
    for (int i = 0; i < 6; i++) {
        char id[8];

        snprintf(id, sizeof id, "r%d", i);
        assert_int_equal(taken(id), 7);
    }
    mem_free(many);
}

static void test_seat_orders(void **state)
{
    (void)state;
    join_both();
    assert_int_equal(put("old", 4, STR(""), 0), 0);
    assert_int_equal(put("mid", 4, STR(""), 0), 0);
    assert_int_equal(put("new", 8, STR(""), 0), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("mid") }, T)), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_str(got.r.room, "old");
    assert_int_equal(reserve(SEAT_FULLEST, STR(""), 1), 0);
    assert_str(got.r.room, "mid");
    assert_int_equal(reserve(SEAT_EMPTIEST, STR(""), 1), 0);
    assert_str(got.r.room, "new");
    /* All of a group in one room: one that has the seats, also where it is not the first. */
    assert_int_equal(reserve(SEAT_FULLEST, STR(""), 6), 0);
    assert_str(got.r.room, "new");
    assert_int_equal(got.r.taken, 7);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 4), ATR_EUNKNOWN);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 3), 0);
    assert_str(got.r.room, "old");
    assert_int_equal(put("endless", 0, STR(""), 0), 0);
    assert_int_equal(reserve(SEAT_EMPTIEST, STR(""), 1000), 0);
    assert_str(got.r.room, "endless");
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), SEATS_COUNT_MAX + 1), ATR_ERANGE);
}

static void test_seat_filters(void **state)
{
    struct buf blue = { 0 }, blue_hard = { 0 }, hard = { 0 }, red = { 0 };

    (void)state;
    join_both();
    seats_filter_add(&blue, STR("colour"), STR("blue"));
    seats_filter_add(&red, STR("colour"), STR("red"));
    seats_filter_add(&hard, STR("mode"), STR("hard"));
    seats_filter_add(&blue_hard, STR("colour"), STR("blue"));
    seats_filter_add(&blue_hard, STR("mode"), STR("hard"));
    assert_int_equal(put("r1", 2, buf_str(&blue), 0), 0);
    assert_int_equal(put("r2", 2, buf_str(&blue_hard), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&red), 1), ATR_EUNKNOWN);
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&hard), 1), 0);
    assert_str(got.r.room, "r2");
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&blue), 2), 0);
    assert_str(got.r.room, "r1");
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&blue), 1), 0);
    assert_str(got.r.room, "r2");
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(put("r1", 2, buf_str(&red), 0), 0); /* its filter changes, its tickets stay */
    assert_int_equal(got.r.taken, 2);
    assert_int_equal(put("r1", 3, buf_str(&red), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&red), 1), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR("\0\1"), 1), ATR_ERANGE);
    assert_int_equal(put("r3", 2, STR("bad"), 0), ATR_ERANGE);
    assert_int_equal(
        ASK(room_list(
            s[2], &(struct room_query){ .type = STR("battle"), .filter = buf_str(&blue_hard) }, T)),
        0);
    assert_int_equal(got.count, 1);
    assert_true(str_eq(item(&got, 0).filter, buf_str(&blue_hard)));
    buf_free(&blue);
    buf_free(&blue_hard);
    buf_free(&hard);
    buf_free(&red);
}

static void test_rooms_that_take_nobody(void **state)
{
    (void)state;
    join_both();
    assert_int_equal(put("locked", 2, STR(""), ROOM_LOCKED), 0);
    assert_int_equal(put("private", 2, STR(""), ROOM_PRIVATE), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("locked") }, T)),
                     ATR_ESTATE);
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("private") }, T)), 0);
    assert_int_equal(put("unlisted", 2, STR(""), ROOM_UNLISTED), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_str(got.r.room, "unlisted");
    assert_int_equal(ASK(room_list(s[2], &(struct room_query){ 0 }, T)), 0);
    assert_int_equal(got.count, 1);
    assert_str(item(&got, 0).key, "locked");
    assert_int_equal(ASK(room_list(s[2], &(struct room_query){ .flags = ROOM_FREE }, T)), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(ASK(room_list(s[2], &(struct room_query){ .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 3);
    assert_int_equal(put("locked", 2, STR(""), 0), 0); /* unlocked */
    assert_int_equal(reserve(SEAT_FULLEST, STR(""), 2), 0);
    assert_str(got.r.room, "locked");
}

static void test_room_ids_are_unique(void **state)
{
    struct room r = { .id = STR("r"), .type = STR("battle"), .node = STR("b"), .max = 4 };

    (void)state;
    join_both();
    r.node_epoch = nodes_epoch[1];
    assert_int_equal(put("r", 2, STR(""), 0), 0);
    assert_int_equal(ASK(room_put(s[1], &r, T)), ATR_EEXISTS);
    assert_int_equal(ASK(room_drop(s[1], STR("r"), STR("b"), nodes_epoch[1], T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(room_drop(s[0], STR("r"), STR("a"), nodes_epoch[0], T)), 0);
    assert_int_equal(ASK(room_put(s[1], &r, T)), 0);
    r.type = STR("other");
    assert_int_equal(ASK(room_put(s[1], &r, T)), ATR_ESTATE);
    r.node_epoch++;
    assert_int_equal(ASK(room_put(s[1], &r, T)), ATR_EFENCED);
    r = (struct room){ .id = STR("s"), .type = STR("battle"), .node = STR("b") };
    r.node_epoch = nodes_epoch[1];
    r.flags = ROOM_SET_TAKEN;
    r.taken = 3;
    assert_int_equal(ASK(room_put(s[1], &r, T)), 0);
    assert_int_equal(taken("s"), 3);
    /* Dropping a room voids its tickets. */
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("s") }, T)), 0);
    assert_int_equal(got.r.taken, 4);
    char ticket[64];
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(ASK(room_drop(s[1], STR("s"), STR("b"), nodes_epoch[1], T)), 0);
    assert_int_equal(ASK(seat_confirm(s[1], str_of(ticket), STR("s"), 0, T)), ATR_EUNKNOWN);
}

static void test_rooms_are_listed_in_pages(void **state)
{
    char id[16], after[64] = "";
    int seen = 0;

    (void)state;
    join_both();
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "r%02d", i);
        assert_int_equal(put(id, 4, STR(""), 0), 0);
    }
    struct room_query q = { .type = STR("battle"), .node = STR("a"), .count = 7 };
    size_t n = 0;
    do {
        q.after = str_n(after, n);
        assert_int_equal(ASK(room_list(s[2], &q, T)), 0);
        for (uint32_t i = 0; i < got.count; i++) {
            snprintf(id, sizeof id, "r%02d", seen++);
            assert_true(str_eq(item(&got, i).key, str_of(id)));
        }
        n = got.r.after.n;
        assert_true(n < sizeof after);
        if (n)
            memcpy(after, got.r.after.p, n);
    } while (got.r.flags & STORE_MORE);
    assert_int_equal(seen, 30);
    q = (struct room_query){ .type = STR("batt") };
    assert_int_equal(ASK(room_list(s[2], &q, T)), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(ASK(node_list(s[0], STR(""), 1, T)), 0);
    assert_int_equal(item(&got, 0).count, 30);
}

/* A node dies: its rooms are there to be taken over, with their tickets. */
static void test_orphaned_rooms(void **state)
{
    char ticket[64];

    (void)state;
    join_both();
    assert_int_equal(put("r1", 4, STR(""), 0), 0);
    assert_int_equal(put("r2", 4, STR(""), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    backend_advance(999);
    assert_int_equal(ASK(node_beat(s[1], STR("b"), nodes_epoch[1], T)), 0);
    backend_advance(1);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("r1") }, T)),
                     ATR_ESTATE);
    assert_int_equal(
        ASK(room_list(s[1], &(struct room_query){ .node = STR("a"), .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 2);
    assert_true(item(&got, 0).flags & ROOM_ORPHANED);
    struct room r = { .id = STR("r1"), .type = STR("battle"), .node = STR("b"), .max = 4 };
    r.node_epoch = nodes_epoch[1];
    assert_int_equal(ASK(room_put(s[1], &r, T)), 0);
    assert_int_equal(got.r.taken, 1);
    assert_int_equal(ASK(seat_confirm(s[1], str_of(ticket), STR("r1"), 0, T)), 0);
    assert_int_equal(ASK(room_drop(s[0], STR("r1"), STR("a"), nodes_epoch[0], T)), ATR_EUNKNOWN);
    /* Nobody comes for the other one. */
    for (int i = 0; i < SEATS_ORPHAN_MS / 500; i++) {
        backend_advance(500);
        assert_int_equal(ASK(node_beat(s[1], STR("b"), nodes_epoch[1], T)), 0);
    }
    assert_int_equal(ASK(room_list(s[1], &(struct room_query){ .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 1);
}

/* Rooms guarded by a lease: the next holder takes over from a node that is alive. */
static void test_guarded_rooms(void **state)
{
    struct lease_terms by_a, by_b;
    char ticket[64];

    (void)state;
    join_both();
    by_a = (struct lease_terms){ .node = STR("a"), .node_epoch = nodes_epoch[0] };
    by_b = (struct lease_terms){ .node = STR("b"), .node_epoch = nodes_epoch[1] };
    assert_int_equal(ASK(lease_acquire(s[0], STR("room/r"), STR("a"), &by_a, T)), 0);
    uint64_t first = got.r.epoch;
    struct room r = { .id = STR("r"), .type = STR("battle"), .max = 4, .fence = STR("room/r") };
    r.node = STR("a");
    r.node_epoch = nodes_epoch[0];
    r.fence_epoch = first + 1;
    assert_int_equal(ASK(room_put(s[0], &r, T)), ATR_EFENCED);
    r.fence_epoch = first;
    assert_int_equal(ASK(room_put(s[0], &r, T)), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_int_equal(got.r.epoch, first);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(ASK(lease_release(s[0], STR("room/r"), first, T)), 0);
    assert_int_equal(ASK(lease_acquire(s[1], STR("room/r"), STR("b"), &by_b, T)), 0);
    uint64_t next = got.r.epoch;
    assert_int_equal(ASK(room_put(s[0], &r, T)), ATR_EFENCED);
    struct room taken_over = r;
    taken_over.node = STR("b");
    taken_over.node_epoch = nodes_epoch[1];
    taken_over.fence_epoch = next;
    assert_int_equal(ASK(room_put(s[1], &taken_over, T)), 0);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("r"), first, T)), ATR_EFENCED);
    assert_int_equal(ASK(seat_confirm(s[1], str_of(ticket), STR("r"), next, T)), 0);
    /* Without the lease nobody may change it, not even its node. */
    taken_over.fence = STR("");
    assert_int_equal(ASK(room_put(s[1], &taken_over, T)), ATR_EFENCED);
}

/* --- What outlives a crash of whatever holds the data --- */

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TEST_MAIN(TEST(test_answers_come_once_in_order), TEST(test_objects_share_the_data),
          TEST(test_waiting_holds_up_nobody), TEST(test_a_cancelled_call_is_silent),
          TEST(test_closing_ends_calls), TEST(test_closing_from_a_callback), TEST(test_deadlines),
          TEST(test_limits), TEST(test_too_many_calls), TEST(test_the_store_gets_full),
          TEST(test_kv_values), TEST(test_kv_conditions), TEST(test_kv_incr),
          TEST(test_kv_time_to_live), TEST(test_kv_list), TEST(test_kv_list_of_large_values),
          TEST(test_lease_has_one_holder), TEST(test_lease_ends), TEST(test_lease_is_watched),
          TEST(test_fences), TEST(test_nodes), TEST(test_leases_live_with_their_node),
          TEST(test_log), TEST(test_log_bounds), TEST(test_log_age), TEST(test_log_generations),
          TEST(test_log_is_followed), TEST(test_seats_are_reserved),
          TEST(test_no_room_is_overbooked), TEST(test_seat_orders), TEST(test_seat_filters),
          TEST(test_rooms_that_take_nobody), TEST(test_room_ids_are_unique),
          TEST(test_rooms_are_listed_in_pages), TEST(test_orphaned_rooms), TEST(test_guarded_rooms),
          TEST(test_a_crash))
