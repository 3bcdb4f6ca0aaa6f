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
    assert_true(count <= m->cap);
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
    for (int i = 0; i < KEYS; i++)
        map_put(&m, key_of(&things[i]), &things[i]);
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
          cmocka_unit_test(hashes_depend_on_every_byte))
