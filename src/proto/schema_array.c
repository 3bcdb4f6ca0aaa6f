/* proto/schema_array.c - arrays.
 *
 * Two ways of noting what changed. Values replaced in place, pushed or popped: a bit per replaced
 * one below `base`, the number that clients have. As soon as values change places the array is
 * *reshaped*: for each value, where clients have it (`origin`). schema_encode_array.c makes
 * operations of either that all decoders understand.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_container.h"

enum { WORD_BITS = 64 };

static void clear_changes(struct schema_array *a)
{
    if (a->changes > 0)
        memset(a->changed, 0, a->changed_cap * sizeof *a->changed);
    a->changes = 0;
}

static void mark(struct schema_array *a, uint32_t index)
{
    uint32_t word = index / WORD_BITS, old = a->changed_cap;
    uint64_t bit = SCHEMA_BIT(index % WORD_BITS);

    if (a->reshaped) {
        a->origin[index] = -1;
        return;
    }
    if (index >= a->base)
        return;
    if (word >= old) {
        a->changed_cap = a->base / WORD_BITS + 1;
        a->changed = mem_realloc(a->changed, a->changed_cap * sizeof *a->changed);
        memset(a->changed + old, 0, (a->changed_cap - old) * sizeof *a->changed);
    }
    a->changes += !(a->changed[word] & bit);
    a->changed[word] |= bit;
}

bool schema_array_is_changed(const struct schema_array *a, uint32_t index)
{
    uint32_t word = index / WORD_BITS;

    return a->changes > 0 && word < a->changed_cap && (a->changed[word] >> index % WORD_BITS & 1);
}

/* Values are about to change places. */
static void reshape(struct schema_array *a)
{
    if (a->reshaped || a->base == 0)
        return;
    if (a->origin_cap < a->cap) {
        a->origin_cap = a->cap;
        a->origin = mem_realloc(a->origin, a->origin_cap * sizeof *a->origin);
    }
    for (uint32_t i = 0; i < a->count; i++)
        a->origin[i] = i < a->base && !schema_array_is_changed(a, i) ? (int32_t)i : -1;
    clear_changes(a);
    a->reshaped = true;
}

static void reserve(struct schema_array *a)
{
    schema_items_reserve(&a->node, &a->items, &a->cap, a->count + 1);
    if (a->reshaped && a->origin_cap < a->cap) {
        a->origin_cap = a->cap;
        a->origin = mem_realloc(a->origin, a->origin_cap * sizeof *a->origin);
    }
}

int schema_array_set(struct schema_node *array, uint32_t index, struct schema_value value)
{
    struct schema_array *a = schema_array_of(array);
    union schema_cell made, old;
    int err;

    if (array->kind != SCHEMA_ARRAY)
        return ATR_ETYPE;
    if (index >= a->count)
        return ATR_ERANGE;
    old = a->items[index];
    if (value.kind == SCHEMA_VALUE_NODE && schema_is_object(array->child_kind) &&
        value.node == old.node)
        return 0;
    if ((err = schema_item_make(array, value, 0, &made)) < 0)
        return err;
    if (schema_cells_equal(array->child_kind, old, made)) {
        schema_cell_free(array->child_kind, made);
        return 0;
    }
    a->items[index] = made;
    mark(a, index);
    schema_item_added(array, made);
    schema_item_removed(array, old);
    return 0;
}

int schema_array_insert(struct schema_node *array, uint32_t index, struct schema_value value)
{
    struct schema_array *a = schema_array_of(array);
    union schema_cell made;
    int err;

    if (array->kind != SCHEMA_ARRAY)
        return ATR_ETYPE;
    if (index > a->count)
        return ATR_ERANGE;
    if (a->count >= INT32_MAX)
        return ATR_ELIMIT;
    if ((err = schema_item_make(array, value, (a->count + 1) * sizeof made, &made)) < 0)
        return err;
    if (index < a->count)
        reshape(a);
    reserve(a);
    memmove(a->items + index + 1, a->items + index, (a->count - index) * sizeof *a->items);
    if (a->reshaped)
        memmove(a->origin + index + 1, a->origin + index, (a->count - index) * sizeof *a->origin);
    a->items[index] = made;
    a->count++;
    mark(a, index);
    schema_item_added(array, made);
    return 0;
}

int schema_array_push(struct schema_node *array, struct schema_value value)
{
    if (array->kind != SCHEMA_ARRAY)
        return ATR_ETYPE;
    return schema_array_insert(array, schema_array_of(array)->count, value);
}

int schema_array_remove(struct schema_node *array, uint32_t index, uint32_t count)
{
    struct schema_array *a = schema_array_of(array);
    uint32_t behind;

    if (array->kind != SCHEMA_ARRAY)
        return ATR_ETYPE;
    if (index > a->count || count > a->count - index)
        return ATR_ERANGE;
    behind = a->count - index - count;
    if (count > 0 && behind > 0)
        reshape(a);
    for (uint32_t i = index; i < index + count; i++)
        schema_item_removed(array, a->items[i]);
    if (count > 0) {
        memmove(a->items + index, a->items + index + count, behind * sizeof *a->items);
        if (a->reshaped)
            memmove(a->origin + index, a->origin + index + count, behind * sizeof *a->origin);
    }
    a->count -= count;
    return 0;
}

int schema_array_move(struct schema_node *array, uint32_t from, uint32_t to)
{
    struct schema_array *a = schema_array_of(array);
    union schema_cell cell;
    int32_t origin = -1;
    uint32_t low = from < to ? from : to, high = from < to ? to : from;

    if (array->kind != SCHEMA_ARRAY)
        return ATR_ETYPE;
    if (high >= a->count)
        return ATR_ERANGE;
    if (from == to)
        return 0;
    reshape(a);
    schema_touch(array);
    cell = a->items[from];
    if (a->reshaped)
        origin = a->origin[from];
    memmove(a->items + (from < to ? low : low + 1), a->items + (from < to ? low + 1 : low),
            (high - low) * sizeof cell);
    a->items[to] = cell;
    if (a->reshaped) {
        memmove(a->origin + (from < to ? low : low + 1), a->origin + (from < to ? low + 1 : low),
                (high - low) * sizeof origin);
        a->origin[to] = origin;
    }
    return 0;
}

void schema_array_reverse(struct schema_node *array)
{
    struct schema_array *a = schema_array_of(array);

    if (array->kind != SCHEMA_ARRAY || a->count < 2)
        return;
    reshape(a);
    schema_touch(array);
    for (uint32_t i = 0, j = a->count - 1; i < j; i++, j--) {
        union schema_cell cell = a->items[i];

        a->items[i] = a->items[j];
        a->items[j] = cell;
        if (a->reshaped) {
            int32_t origin = a->origin[i];

            a->origin[i] = a->origin[j];
            a->origin[j] = origin;
        }
    }
}

static bool is_permutation(const uint32_t *order, uint32_t count)
{
    uint8_t *seen = mem_zalloc(count ? count : 1);
    bool is = true;

    for (uint32_t i = 0; is && i < count; i++)
        is = order[i] < count && !seen[order[i]]++;
    mem_free(seen);
    return is;
}

int schema_array_permute(struct schema_node *array, const uint32_t *order)
{
    struct schema_array *a = schema_array_of(array);
    union schema_cell *items;
    int32_t *origin;

    if (array->kind != SCHEMA_ARRAY)
        return ATR_ETYPE;
    if (!is_permutation(order, a->count))
        return ATR_ERANGE;
    if (a->count < 2)
        return 0;
    reshape(a);
    schema_touch(array);
    items = mem_dup(a->items, a->count * sizeof *items);
    origin = a->reshaped ? mem_dup(a->origin, a->count * sizeof *origin) : NULL;
    for (uint32_t i = 0; i < a->count; i++) {
        a->items[i] = items[order[i]];
        if (a->reshaped)
            a->origin[i] = origin[order[i]];
    }
    mem_free(items);
    mem_free(origin);
    return 0;
}

struct schema_value schema_array_get(const struct schema_node *array, uint32_t index)
{
    const struct schema_array *a = schema_array_of(array);

    if (array->kind != SCHEMA_ARRAY || index >= a->count)
        return (struct schema_value){ 0 };
    return schema_cell_value(array->child_kind, a->items[index]);
}

void schema_array_clear(struct schema_array *a)
{
    uint32_t count = a->count;

    if (count == 0)
        return;
    a->count = 0;
    a->cleared = a->cleared || a->base > 0;
    a->base = 0;
    a->reshaped = false;
    clear_changes(a);
    for (uint32_t i = 0; i < count; i++)
        schema_item_removed(&a->node, a->items[i]);
}

void schema_array_sent(struct schema_array *a)
{
    a->base = a->count;
    a->reshaped = a->cleared = false;
    clear_changes(a);
}

void schema_array_forget(struct schema_array *a)
{
    schema_array_sent(a);
    a->base = 0;
}

void schema_array_free(struct schema_array *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        schema_cell_free(a->node.child_kind, a->items[i]);
    mem_free(a->items);
    mem_free(a->changed);
    mem_free(a->origin);
    mem_free(a);
}
