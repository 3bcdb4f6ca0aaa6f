/* tests/unit/base/test_list.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/list.h"

#include "test.h"

struct item {
    int value;
    struct list link;
};

/* The values in order, as decimal digits; checks the links backwards too. */
static uint64_t digits(struct list *head)
{
    uint64_t n = 0;
    struct list *node, *after;

    list_each(node, after, head)
    {
        assert_ptr_equal(node->next->prev, node);
        assert_ptr_equal(node->prev->next, node);
        n = n * 10 + (uint64_t)container_of(node, struct item, link)->value;
    }
    return n;
}

static void fill(struct list *head, struct item *items, int n)
{
    list_init(head);
    for (int i = 0; i < n; i++) {
        items[i].value = i + 1;
        list_append(head, &items[i].link);
    }
}

static void nodes_keep_their_order(void **state)
{
    struct item items[5];
    struct list head;

    (void)state;
    fill(&head, items, 0);
    assert_true(list_empty(&head));
    assert_int_equal(digits(&head), 0);
    fill(&head, items, 5);
    assert_false(list_empty(&head));
    assert_int_equal(digits(&head), 12345);
}

static void leaving_twice_is_safe(void **state)
{
    struct item items[3];
    struct list head;

    (void)state;
    fill(&head, items, 3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_int_equal(digits(&head), 13);
    assert_true(list_empty(&items[1].link));
    list_remove(&items[0].link);
    list_remove(&items[2].link);
    assert_true(list_empty(&head));
    list_append(&head, &items[1].link);
    assert_int_equal(digits(&head), 2);
}

static void the_current_node_may_leave_during_a_walk(void **state)
{
    struct item items[6];
    struct list head, *node, *after;

    (void)state;
    fill(&head, items, 6);
    list_each(node, after, &head)
    {
        if (container_of(node, struct item, link)->value % 2)
            list_remove(node);
    }
    assert_int_equal(digits(&head), 246);
}

static void taking_moves_everything(void **state)
{
    struct item items[3];
    struct list from, to;

    (void)state;
    for (int n = 0; n <= 3; n++) {
        static const uint64_t want[] = { 0, 1, 12, 123 };

        fill(&from, items, n);
        list_take(&to, &from);
        assert_true(list_empty(&from));
        assert_int_equal(digits(&to), want[n]);
    }
}

TEST_MAIN(cmocka_unit_test(nodes_keep_their_order), cmocka_unit_test(leaving_twice_is_safe),
          cmocka_unit_test(the_current_node_may_leave_during_a_walk),
          cmocka_unit_test(taking_moves_everything))
