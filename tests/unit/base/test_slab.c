/* tests/unit/base/test_slab.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/slab.h"

#include "base/poison.h"
#include "count.h"
#include "rng.h"
#include "test.h"

static void blocks_are_large_enough_and_not_wasteful(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 4096; n++) {
        uint8_t class;
        void *p = slab_alloc(n, &class);

        assert_int_not_equal(class, SLAB_BIG);
        assert_true(slab_size(class) >= n);
        assert_true(slab_size(class) <= 32 || slab_size(class) < 2 * n);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xaa, slab_size(class));
        slab_free(p, class);
    }
    slab_trim();
}

static void large_blocks_are_the_heaps(void **state)
{
    uint8_t class;
    char *p = slab_alloc(4097, &class);

    (void)state;
    assert_int_equal(class, SLAB_BIG);
    memset(p, 0, 4097);
    slab_free(p, class);
}

static void warm_blocks_cost_no_allocation(void **state)
{
    enum { N = 100 };
    void *held[N];
    uint8_t class[N];

    (void)state;
    for (int round = 0; round < 2; round++) {
        uint64_t before = mem_count();

        for (size_t i = 0; i < N; i++)
            held[i] = slab_alloc(i * 40, &class[i]);
        assert_int_equal(mem_count() - before, round == 0 ? N : 0);
        for (size_t i = 0; i < N; i++)
            slab_free(held[i], class[i]);
    }
    for (size_t i = 0; i < 100000; i++) /* passes far more than SLAB_KEEP_BYTES */
        assert_allocs(0, {
            held[0] = slab_alloc(100, &class[0]);
            slab_free(held[0], class[0]);
        });
    slab_trim();
    assert_allocs(1, held[0] = slab_alloc(100, &class[0]));
    slab_free(held[0], class[0]);
    slab_trim();
}

static void the_cache_is_bounded(void **state)
{
    enum { BLOCKS = 2 * SLAB_KEEP_BYTES / 4096, KEPT = SLAB_KEEP_BYTES / 4096 };
    static void *held[BLOCKS];
    uint64_t before;
    uint8_t class = 0;

    (void)state;
    for (size_t i = 0; i < BLOCKS; i++)
        held[i] = slab_alloc(4096, &class);
    for (size_t i = 0; i < BLOCKS; i++)
        slab_free(held[i], class);
    before = mem_count();
    for (size_t i = 0; i < BLOCKS; i++)
        held[i] = slab_alloc(4096, &class);
    assert_int_equal(mem_count() - before, BLOCKS - KEPT);
    for (size_t i = 0; i < BLOCKS; i++)
        slab_free(held[i], class);
    slab_trim();
}

/* Blocks in use never overlap: each keeps the pattern that was written to all of it. */
static void blocks_are_disjoint(void **state)
{
    enum { N = 300 };
    struct block {
        uint8_t *p, class;
        uint8_t fill;
        size_t n;
    } held[N] = { { 0 } };
    struct rng rng = { 2 };

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct block *b = &held[rng_below(&rng, N)];

        if (b->p) {
            for (size_t k = 0; k < b->n; k++)
                assert_int_equal(b->p[k], b->fill);
            slab_free(b->p, b->class);
            b->p = NULL;
            continue;
        }
        b->n = rng_below(&rng, 300);
        b->fill = (uint8_t)rng_u64(&rng);
        b->p = slab_alloc(b->n, &b->class);
        memset(b->p, b->fill, b->n);
    }
    for (int i = 0; i < N; i++) {
        if (held[i].p)
            slab_free(held[i].p, held[i].class);
    }
    slab_trim();
}

/* Sanitized builds see a use after free although the block never went back to the heap. */
static void freed_blocks_are_out_of_bounds(void **state)
{
    uint8_t class;
    char *p = slab_alloc(64, &class);

    (void)state;
    assert_false(is_poisoned(p));
    slab_free(p, class);
    assert_int_equal(is_poisoned(p), POISON_ENABLED);
    assert_int_equal(is_poisoned(p + 55), POISON_ENABLED);
    assert_ptr_equal(slab_alloc(64, &class), p);
    for (int i = 0; i < 64; i++)
        assert_false(is_poisoned(p + i));
    slab_free(p, class);
    slab_trim();
}

TEST_MAIN(cmocka_unit_test(blocks_are_large_enough_and_not_wasteful),
          cmocka_unit_test(large_blocks_are_the_heaps),
          cmocka_unit_test(warm_blocks_cost_no_allocation), cmocka_unit_test(the_cache_is_bounded),
          cmocka_unit_test(blocks_are_disjoint), cmocka_unit_test(freed_blocks_are_out_of_bounds))
