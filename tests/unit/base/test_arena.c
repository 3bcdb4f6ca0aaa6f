/* tests/unit/base/test_arena.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/arena.h"

#include "base/poison.h"
#include "count.h"
#include "rng.h"
#include "test.h"

static void memory_is_aligned_and_disjoint(void **state)
{
    enum { N = 2000 };
    static struct {
        uint8_t *p;
        size_t n;
    } held[N];
    struct rng rng = { 3 };
    struct arena a = { 0 };

    (void)state;
    for (int i = 0; i < N; i++) {
        held[i].n = rng_below(&rng, i % 100 ? 200 : 40000);
        held[i].p = arena_alloc(&a, held[i].n);
        assert_int_equal((uintptr_t)held[i].p % 16, 0);
        memset(held[i].p, i, held[i].n);
    }
    for (int i = 0; i < N; i++) {
        for (size_t k = 0; k < held[i].n; k++)
            assert_int_equal(held[i].p[k], (uint8_t)i);
    }
    arena_free(&a);
    assert_null(a.block);
}

static void copies_are_their_own(void **state)
{
    struct arena a = { 0 };
    char text[] = "hello";
    str copy = arena_copy(&a, str_n(text, 5)), empty = arena_copy(&a, (str){ NULL, 0 });

    (void)state;
    text[0] = 'j';
    assert_str(copy, "hello");
    assert_int_equal(empty.n, 0);
    assert_non_null(empty.p);
    arena_free(&a);
}

static void one_round(struct arena *a)
{
    for (int i = 0; i < 1000; i++)
        memset(arena_alloc(a, 300), 1, 300);
    arena_reset(a);
}

static void a_warm_loop_allocates_nothing(void **state)
{
    struct arena a = { 0 };

    (void)state;
    arena_reset(&a); /* unused: nothing to do */
    for (int i = 0; i < 3; i++)
        one_round(&a);
    assert_allocs(0, for (int i = 0; i < 10; i++) one_round(&a));
    arena_free(&a);
    arena_free(&a);
}

static void a_giant_is_not_kept(void **state)
{
    struct arena a = { 0 };
    uint64_t before;
    char *p;

    (void)state;
    one_round(&a);
    one_round(&a);
    p = arena_alloc(&a, 8 << 20);
    memset(p, 1, 8 << 20);
    arena_reset(&a);
    before = mem_count();
    one_round(&a);
    assert_int_equal(mem_count() - before, 0); /* what served before is still there */
    arena_alloc(&a, 8 << 20);
    assert_int_equal(mem_count() - before, 1); /* and the giant is gone */
    arena_free(&a);

    arena_alloc(&a, 8 << 20); /* a giant alone */
    arena_reset(&a);
    assert_null(a.block);
    memset(arena_alloc(&a, 10), 1, 10);
    arena_free(&a);
}

static void old_memory_is_out_of_bounds_when_sanitized(void **state)
{
    struct arena a = { 0 };
    char *p = arena_alloc(&a, 20);

    (void)state;
    assert_false(is_poisoned(p + 19));
    assert_int_equal(is_poisoned(p + 20), POISON_ENABLED);
    arena_reset(&a);
    assert_int_equal(is_poisoned(p), POISON_ENABLED);
    arena_free(&a);
}

TEST_MAIN(cmocka_unit_test(memory_is_aligned_and_disjoint), cmocka_unit_test(copies_are_their_own),
          cmocka_unit_test(a_warm_loop_allocates_nothing), cmocka_unit_test(a_giant_is_not_kept),
          cmocka_unit_test(old_memory_is_out_of_bounds_when_sanitized))
