/* tests/unit/base/test_tree.c - the tree against a plain sorted array.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/tree.h"

#include "rng.h"
#include "test.h"

enum { N = 400 };

static struct tree_node nodes[N];
static char names[N][8];
static bool in[N];

static str name(int i)
{
    return str_of(names[i]);
}

/* Names sort as their numbers do. */
static struct tree_node *expected(int from)
{
    for (int i = from; i < N; i++)
        if (in[i])
            return &nodes[i];
    return NULL;
}

static void an_empty_tree_finds_nothing(void **state)
{
    struct tree t = { 0 };

    (void)state;
    assert_null(tree_get(&t, STR("a")));
    assert_null(tree_from(&t, STR("")));
    assert_null(tree_after(&t, STR("")));
}

static void it_is_a_sorted_array(void **state)
{
    struct tree t = { 0 };
    struct rng rng = { 7 };
    size_t count = 0;

    (void)state;
    for (int i = 0; i < N; i++)
        snprintf(names[i], sizeof names[i], "k%03d", i);
    for (int step = 0; step < 20000; step++) {
        int i = (int)rng_below(&rng, N);

        if (in[i]) {
            assert_ptr_equal(tree_get(&t, name(i)), &nodes[i]);
            tree_remove(&t, &nodes[i]);
            count--;
        } else {
            assert_null(tree_get(&t, name(i)));
            nodes[i].key = name(i);
            tree_add(&t, &nodes[i]);
            count++;
        }
        in[i] = !in[i];
        assert_int_equal(t.count, count);
        i = (int)rng_below(&rng, N);
        assert_ptr_equal(tree_from(&t, name(i)), expected(i));
        assert_ptr_equal(tree_after(&t, name(i)), expected(i + 1));
        assert_ptr_equal(tree_from(&t, STR("")), expected(0));
        assert_null(tree_from(&t, STR("l")));
    }
}

/* A prefix comes before what it begins; bytes are unsigned. */
static void order_is_that_of_bytes(void **state)
{
    static const str keys[] = { { "", 0 },           { STR_PARTS("\0") },
                                { STR_PARTS("a") },  { STR_PARTS("a\0") },
                                { STR_PARTS("ab") }, { STR_PARTS("\xff") } };
    enum { COUNT = sizeof keys / sizeof *keys };
    struct tree_node n[COUNT] = { 0 };
    struct tree t = { 0 };

    (void)state;
    for (int i = COUNT - 1; i >= 0; i--) {
        n[i].key = keys[i];
        tree_add(&t, &n[i]);
    }
    for (int i = 0; i + 1 < COUNT; i++)
        assert_ptr_equal(tree_after(&t, keys[i]), &n[i + 1]);
    assert_null(tree_after(&t, keys[COUNT - 1]));
}

TEST_MAIN(cmocka_unit_test(an_empty_tree_finds_nothing), cmocka_unit_test(it_is_a_sorted_array),
          cmocka_unit_test(order_is_that_of_bytes))
