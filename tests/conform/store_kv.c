/* tests/conform/store_kv.c - keys: values, conditions, counters, times to live, lists. See
 * store_suite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_suite.h"

#include "base/mem.h"

static struct kv_write with(uint64_t flags, uint64_t version)
{
    return (struct kv_write){ .flags = flags, .version = version };
}
#define IF_ABSENT (&(struct kv_write){ .flags = KV_IF_ABSENT })

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

TEST_MAIN(TEST(test_kv_values), TEST(test_kv_conditions), TEST(test_kv_incr),
          TEST(test_kv_time_to_live), TEST(test_kv_list), TEST(test_kv_list_of_large_values))
