/* tests/unit/base/test_heap.c - the heap against a search through all its members.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/heap.h"

#include "base/list.h"
#include "rng.h"
#include "test.h"

enum { N = 200 };

struct thing {
    struct heap_node node;
    uint64_t weight;
};

static struct thing things[N];

static uint64_t weight(const struct heap_node *n)
{
    return container_of(n, const struct thing, node)->weight;
}

static bool lighter(const struct heap_node *a, const struct heap_node *b)
{
    return weight(a) < weight(b);
}

static void the_first_is_the_least(void **state)
{
    struct heap h = HEAP(lighter);
    struct rng rng = { 11 };

    (void)state;
    assert_null(heap_first(&h));
    for (int step = 0; step < 20000; step++) {
        struct thing *t = &things[rng_below(&rng, N)], *least = NULL;

        if (!t->node.at) {
            t->weight = rng_below(&rng, 50);
            heap_add(&h, &t->node);
        } else if (rng_below(&rng, 2)) {
            t->weight = rng_below(&rng, 50);
            heap_moved(&h, &t->node);
        } else {
            heap_remove(&h, &t->node);
            heap_remove(&h, &t->node); /* twice is fine */
        }
        for (int i = 0; i < N; i++)
            if (things[i].node.at && (!least || things[i].weight < least->weight))
                least = &things[i];
        assert_true(!least == !heap_first(&h));
        if (least)
            assert_int_equal(weight(heap_first(&h)), least->weight);
    }
    heap_free(&h);
}

TEST_MAIN(cmocka_unit_test(the_first_is_the_least))
