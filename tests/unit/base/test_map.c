/* tests/unit/base/test_map.c - the table against a plain array.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/map.h"

#include "base/mem.h"
#include "count.h"
#include "rng.h"
#include "test.h"

static void an_empty_map_owns_nothing(void **state)
{
    struct map m = { 0 };
    uint32_t at = 0;

    (void)state;
    assert_null(map_get(&m, STR("a")));
    assert_null(map_remove(&m, STR("a")));
    assert_null(map_next(&m, &at));
    assert_null(m.entries);
    map_free(&m);
}

static void keys_are_bytes(void **state)
{
    static const str keys[] = { { NULL, 0 },           { STR_PARTS("a") },  { STR_PARTS("a\0") },
                                { STR_PARTS("a\0b") }, { STR_PARTS("\0") }, { STR_PARTS("\xff") },
                                { STR_PARTS("A") },    { STR_PARTS("ab") } };
    enum { N = sizeof keys / sizeof *keys };
    static int values[N];
    struct map m = { 0 };

    (void)state;
    for (int i = 0; i < N; i++) {
        assert_null(map_get(&m, keys[i]));
        assert_null(map_put(&m, keys[i], &values[i]));
    }
    assert_int_equal(m.count, N);
    assert_ptr_equal(map_get(&m, STR("")), &values[0]);
    for (int i = 0; i < N; i++)
        assert_ptr_equal(map_get(&m, keys[i]), &values[i]);
    for (int i = 0; i < N; i++)
        assert_ptr_equal(map_remove(&m, keys[i]), &values[i]);
    assert_int_equal(m.count, 0);
    map_free(&m);
}

/* The key of the value that goes may go with it. */
static void replacing_takes_over_the_key(void **state)
{
    char *first = mem_dup("name", 4), *second = mem_dup("name", 4);
    struct map m = { 0 };

    (void)state;
    assert_null(map_put(&m, str_n(first, 4), first));
    assert_ptr_equal(map_put(&m, str_n(second, 4), second), first);
    assert_int_equal(m.count, 1);
    memset(first, 'x', 4);
    mem_free(first);
    assert_ptr_equal(map_get(&m, STR("name")), second);
    mem_free(second);
    map_free(&m);
}

enum { KEYS = 3000 };
struct thing {
    char key[16];
    size_t len;
    bool in;
};
static struct thing things[KEYS];

static str key_of(const struct thing *t)
{
    return str_n(t->key, t->len);
}

/* How far the entry at `at` is from home; -1: the cell is free. */
static int64_t distance(const struct map *m, uint32_t at)
{
    const struct map_entry *e = &m->entries[at & (m->cap - 1)];

    return e->key ? (int64_t)((at - e->hash) & (m->cap - 1)) : -1;
}

/* What a search relies on (map.c): no entry is further from home than its left neighbour and one.
 */
static void check_layout(const struct map *m)
{
    assert_true(m->count <= m->cap - m->cap / 8);
    for (uint32_t at = 0; at < m->cap; at++)
        assert_true(distance(m, at + 1) <= distance(m, at) + 1);
}

static void check(const struct map *m)
{
    static bool seen[KEYS];
    uint32_t at = 0, walked = 0, count = 0;
    struct thing *t;

    memset(seen, 0, sizeof seen);
    while ((t = map_next(m, &at))) {
        assert_true(t->in);
        assert_false(seen[t - things]);
        seen[t - things] = true;
        walked++;
    }
    for (int i = 0; i < KEYS; i++) {
        assert_ptr_equal(map_get(m, key_of(&things[i])), things[i].in ? &things[i] : NULL);
        count += things[i].in;
    }
    assert_int_equal(walked, count);
    assert_int_equal(m->count, count);
    assert_int_equal(m->cap & (m->cap - 1), 0);
    check_layout(m);
}

/* Phases that mostly add and phases that mostly remove, so that the table grows and shrinks. */
static void random_operations_match_the_model(void **state)
{
    struct rng rng = { 6 };
    struct map m = { 0 };

    (void)state;
    for (int i = 0; i < KEYS; i++)
        things[i].len = (size_t)snprintf(things[i].key, sizeof things[i].key, "key%d", i * 7);
    for (int phase = 0; phase < 20; phase++) {
        for (int i = 0; i < 10000; i++) {
            struct thing *t = &things[rng_below(&rng, KEYS)];
            struct thing *was = t->in ? t : NULL;

            if (rng_below(&rng, 10) < (phase % 2 ? 1 : 9)) {
                assert_ptr_equal(map_put(&m, key_of(t), t), was);
                t->in = true;
            } else {
                assert_ptr_equal(map_remove(&m, key_of(t)), was);
                t->in = false;
            }
        }
        check(&m);
    }
    for (int i = 0; i < KEYS; i++) {
        map_remove(&m, key_of(&things[i]));
        things[i].in = false;
    }
    check(&m);
    map_free(&m);
}

static void a_map_that_empties_gives_memory_back(void **state)
{
    struct map m = { 0 };
    uint32_t most;

    (void)state;
    for (int i = 0; i < KEYS; i++) {
        map_put(&m, key_of(&things[i]), &things[i]);
        assert_true(m.count <= m.cap - m.cap / 8);
    }
    most = m.cap;
    assert_in_range(most, KEYS, 2 * 4096);
    for (int i = 0; i < KEYS; i++) {
        map_remove(&m, key_of(&things[i]));
        assert_true(m.cap <= 8 || m.count >= m.cap / 8);
    }
    assert_int_equal(m.cap, 8);
    map_free(&m);
    assert_int_equal(m.cap, 0);
}

/* Wherever the limits lie, no single number of entries makes a table allocate all the time. */
static void no_workload_flips_between_sizes(void **state)
{
    static int value;
    struct map m = { 0 };

    (void)state;
    for (int n = 0; n < 500; n++) {
        map_put(&m, key_of(&things[n]), &value);
        map_remove(&m, key_of(&things[n]));
        assert_allocs(
            0, for (int i = 0; i < 10; i++) {
                map_put(&m, key_of(&things[n]), &value);
                map_remove(&m, key_of(&things[n]));
            });
        map_put(&m, key_of(&things[n]), &value);
    }
    map_free(&m);
}

/* SipHash-1-3 under a key of zeros is what CPython 3.11 hashes bytes with when PYTHONHASHSEED is 0.
 */
static void hashes_are_siphash_1_3(void **state)
{
    static const uint64_t key[2] = { 0, 0 };
    static const struct {
        str in;
        uint64_t hash;
    } vectors[] = {
        { { STR_PARTS("a") }, 0x407448d2b89b1813u },
        { { STR_PARTS("hello") }, 0xe2e77b41cb4e1f9eu },
        { { STR_PARTS("1234567") }, 0xa33d651594fdae81u },
        { { STR_PARTS("12345678") }, 0x3489982430560a87u },
        { { STR_PARTS("123456789") }, 0x0fbc0f0007965fcfu },
        { { STR_PARTS("a longer key of more than one word") }, 0xf5fd84da49362790u },
        { { STR_PARTS("\xff\xfe\x80") }, 0x90e84bf79cb28341u },
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_true(map_hash_with(key, vectors[i].in) == vectors[i].hash);
}

static void hashes_depend_on_every_byte(void **state)
{
    char text[40] = { 0 };

    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        uint64_t hash = map_hash(str_n(text, n));

        assert_true(hash == map_hash(str_n(text, n)));
        assert_true(hash != map_hash(str_n(text, n + 1)));
        for (size_t i = 0; i < n; i++) {
            text[i] = 1;
            assert_true(hash != map_hash(str_n(text, n)));
            text[i] = 0;
        }
    }
    assert_true(map_hash((str){ NULL, 0 }) == map_hash(STR("")));
}

TEST_MAIN(cmocka_unit_test(an_empty_map_owns_nothing), cmocka_unit_test(keys_are_bytes),
          cmocka_unit_test(replacing_takes_over_the_key),
          cmocka_unit_test(random_operations_match_the_model),
          cmocka_unit_test(a_map_that_empties_gives_memory_back),
          cmocka_unit_test(no_workload_flips_between_sizes),
          cmocka_unit_test(hashes_are_siphash_1_3), cmocka_unit_test(hashes_depend_on_every_byte))
