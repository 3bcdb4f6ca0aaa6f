/* proto/schema_list.c - sets and collections: values in the order of insertion, without keys.
 *
 * Decoders of schema 3 and 4 number what they add by themselves: clients that came at different
 * times number differently, so none can be told which one to remove. After a removal of what
 * clients have, all are sent anew.
 *
 * They also look up what they have under the index on the wire, which must be nothing then: it is
 * above every number that any of them has given, as next_index counts all that is ever sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_container.h"

static bool is_list(const struct schema_node *node)
{
    return node->kind == SCHEMA_SET || node->kind == SCHEMA_COLLECTION;
}

static uint32_t find(const struct schema_list *l, union schema_cell cell)
{
    uint32_t i = 0;

    while (i < l->count && !schema_cells_equal(l->node.child_kind, l->items[i], cell))
        i++;
    return i;
}

/* The place of a value that need not be one for this list; the count when it is not there. */
static uint32_t find_value(const struct schema_list *l, struct schema_value value)
{
    struct schema_spec spec = schema_child_spec(&l->node);
    union schema_cell made;
    uint32_t at;

    if (schema_cell_make(value, &spec, &made) < 0)
        return l->count;
    at = find(l, made);
    schema_cell_free(spec.kind, made);
    return at;
}

int schema_list_add(struct schema_node *list, struct schema_value value)
{
    struct schema_list *l = schema_list_of(list);
    union schema_cell made;
    int err;

    if (!is_list(list))
        return ATR_ETYPE;
    if (list->kind == SCHEMA_SET && find_value(l, value) < l->count)
        return 0;
    if ((err = schema_item_make(list, value, (l->count + 1) * sizeof made, &made)) < 0)
        return err;
    schema_items_reserve(list, &l->items, &l->cap, l->count + 1);
    l->items[l->count++] = made;
    schema_item_added(list, made);
    return 0;
}

int schema_list_remove(struct schema_node *list, struct schema_value value)
{
    struct schema_list *l = schema_list_of(list);
    union schema_cell old;
    uint32_t at;

    if (!is_list(list))
        return ATR_ETYPE;
    if ((at = find_value(l, value)) == l->count)
        return ATR_EUNKNOWN;
    if (at < l->base)
        l->rewritten = true;
    old = l->items[at];
    l->count--;
    memmove(l->items + at, l->items + at + 1, (l->count - at) * sizeof *l->items);
    schema_item_removed(list, old);
    return 0;
}

bool schema_list_has(const struct schema_node *list, struct schema_value value)
{
    const struct schema_list *l = schema_list_of(list);

    return is_list(list) && find_value(l, value) < l->count;
}

struct schema_value schema_list_get(const struct schema_node *list, uint32_t at)
{
    const struct schema_list *l = schema_list_of(list);

    if (!is_list(list) || at >= l->count)
        return (struct schema_value){ 0 };
    return schema_cell_value(list->child_kind, l->items[at]);
}

void schema_list_clear(struct schema_list *l)
{
    uint32_t count = l->count;

    l->rewritten = l->rewritten || l->base > 0;
    l->count = 0;
    for (uint32_t i = 0; i < count; i++)
        schema_item_removed(&l->node, l->items[i]);
}

void schema_list_sent(struct schema_list *l)
{
    l->next_index += l->count - (l->rewritten ? 0 : l->base);
    l->base = l->count;
    l->rewritten = false;
}

void schema_list_forget(struct schema_list *l)
{
    l->base = l->next_index = 0;
    l->rewritten = false;
}

void schema_list_free(struct schema_list *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        schema_cell_free(l->node.child_kind, l->items[i]);
    mem_free(l->items);
    mem_free(l);
}
