/* tests/unit/base/test_id.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/id.h"

#include "count.h"
#include "rng.h"
#include "test.h"

static void ids_find_their_objects_and_only_those(void **state)
{
    int a, b;
    struct id_table t = { 0 };
    uint64_t id_a = id_add(&t, &a), id_b = id_add(&t, &b);

    (void)state;
    assert_true(id_a && id_b && id_a != id_b);
    assert_ptr_equal(id_get(&t, id_a), &a);
    assert_ptr_equal(id_get(&t, id_b), &b);
    id_remove(&t, id_a);
    assert_null(id_get(&t, id_a));
    assert_ptr_equal(id_get(&t, id_b), &b);
    assert_int_equal(t.count, 1);
    id_table_free(&t);
    assert_null(id_get(&t, id_b));
}

/* Whatever number a script makes up: nothing, zero, free slots, slots beyond the table. */
static void made_up_ids_find_nothing(void **state)
{
    struct id_table t = { 0 };
    struct rng rng = { 7 };
    int a;
    uint64_t id;

    (void)state;
    assert_null(id_get(&t, 0));
    id_remove(&t, 0);
    id = id_add(&t, &a);
    id_remove(&t, id);
    for (uint64_t gen = 0; gen < 8; gen++) {
        for (uint64_t slot = 0; slot < 40; slot++) {
            assert_null(id_get(&t, gen << 32 | slot));
            id_remove(&t, gen << 32 | slot);
        }
    }
    for (int i = 0; i < 10000; i++) {
        assert_null(id_get(&t, rng_u64(&rng) | (uint64_t)1 << 40));
        id_remove(&t, rng_u64(&rng) | (uint64_t)1 << 40);
    }
    assert_int_equal(t.count, 0);
    id_table_free(&t);
}

static void a_stale_id_stays_stale(void **state)
{
    int a;
    struct id_table t = { 0 };
    uint64_t first = id_add(&t, &a), before = 0;

    (void)state;
    id_remove(&t, first);
    for (int i = 0; i < 1000; i++) {
        uint64_t id = id_add(&t, &a);

        assert_true(id != first && id != before);
        id_remove(&t, first);
        id_remove(&t, before);
        assert_null(id_get(&t, first));
        assert_null(id_get(&t, before));
        assert_ptr_equal(id_get(&t, id), &a);
        id_remove(&t, id);
        id_remove(&t, id);
        assert_int_equal(t.count, 0);
        before = id;
    }
    id_table_free(&t);
}

static void many_objects_come_and_go(void **state)
{
    enum { N = 1000 };
    static char objects[N];
    static uint64_t ids[N], gone[N];
    struct id_table t = { 0 };
    struct rng rng = { 8 };
    uint32_t count = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        size_t k = rng_below(&rng, N);

        assert_null(id_get(&t, gone[k]));
        if (ids[k]) {
            assert_ptr_equal(id_get(&t, ids[k]), &objects[k]);
            id_remove(&t, ids[k]);
            gone[k] = ids[k];
            ids[k] = 0;
            count--;
        } else {
            ids[k] = id_add(&t, &objects[k]);
            count++;
        }
        assert_int_equal(t.count, count);
    }
    assert_in_range(t.cap, 1, 1024);
    assert_allocs(0, id_remove(&t, id_add(&t, &objects[0])));
    id_table_free(&t);
}

TEST_MAIN(cmocka_unit_test(ids_find_their_objects_and_only_those),
          cmocka_unit_test(made_up_ids_find_nothing), cmocka_unit_test(a_stale_id_stays_stale),
          cmocka_unit_test(many_objects_come_and_go))
