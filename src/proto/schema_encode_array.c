/* proto/schema_encode_array.c - what changed in an array, as operations that all decoders take.
 *
 * Indexes name places before the removals of the same message are closed up. An ADD in front of a
 * value inserts only at place 0 for decoders of schema 3 and 4; and no decoder inserts what is
 * equal to the value there. What neither of that can say is written anew: primitives place by
 * place, objects all, behind a CLEAR.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_encode.h"

/* Values replaced in place, pushed, popped. */
static void simple_changes(struct schema_out *o, const struct schema_array *a)
{
    uint8_t replace = schema_is_object(a->node.child_kind) ? SCHEMA_DELETE_AND_ADD : SCHEMA_REPLACE;
    uint32_t both = a->count < a->base ? a->count : a->base;

    for (uint32_t word = 0; a->changes > 0 && word < a->changed_cap; word++) {
        for (uint64_t left = a->changed[word]; left; left &= left - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(left);

            if (i < both)
                schema_out_item(o, &a->node, replace, i, a->items[i]);
        }
    }
    for (uint32_t i = a->base; i < a->count; i++)
        schema_out_item(o, &a->node, SCHEMA_ADD, i, a->items[i]);
    for (uint32_t i = a->count; i < a->base; i++)
        schema_out_item(o, &a->node, SCHEMA_DELETE, i, (union schema_cell){ 0 });
}

/* What became of the array that clients have. */
struct shape {
    uint32_t survivors;
    bool in_order; /* they did not overtake each other */
    bool mirrored; /* all are there, the other way round */
};

static struct shape shape_of(const struct schema_array *a)
{
    struct shape shape = { .in_order = true, .mirrored = a->count == a->base && a->count > 1 };
    int32_t last = -1;

    for (uint32_t i = 0; i < a->count; i++) {
        int32_t origin = a->origin[i];

        if (origin != (int32_t)(a->count - 1 - i))
            shape.mirrored = false;
        if (origin < 0)
            continue;
        shape.survivors++;
        if (origin < last)
            shape.in_order = false;
        last = origin;
    }
    return shape;
}

static void rewrite(struct schema_out *o, const struct schema_array *a)
{
    uint32_t both = a->count < a->base ? a->count : a->base;

    if (schema_is_object(a->node.child_kind)) {
        schema_out_room(o, SCHEMA_OP_MAX);
        *o->at++ = SCHEMA_CLEAR;
        schema_out_container(o, &a->node);
        return;
    }
    for (uint32_t i = 0; i < both; i++) {
        if (a->origin[i] != (int32_t)i)
            schema_out_item(o, &a->node, SCHEMA_REPLACE, i, a->items[i]);
    }
    for (uint32_t i = a->base; i < a->count; i++)
        schema_out_item(o, &a->node, SCHEMA_ADD, i, a->items[i]);
    for (uint32_t i = a->count; i < a->base; i++)
        schema_out_item(o, &a->node, SCHEMA_DELETE, i, (union schema_cell){ 0 });
}

/* Only places changed. */
static void permute(struct schema_out *o, const struct schema_array *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->origin[i] != (int32_t)i)
            schema_out_item(o, &a->node, SCHEMA_REPLACE, i, a->items[i]);
    }
}

/* Between two survivors: places that clients have there, and values that are to be there. */
struct gap {
    uint32_t old_at, old_count;
    uint32_t new_at, new_count;
};

/* Finds the gap that begins at the given places; false behind the last. */
static bool next_gap(const struct schema_array *a, struct gap *g)
{
    uint32_t i = g->new_at + g->new_count, old = g->old_at + g->old_count;

    if (g->new_count != UINT32_MAX) { /* not the first: pass over the survivor */
        if (i >= a->count)
            return false;
        i++, old++;
    } else {
        i = old = 0;
    }
    g->new_at = i;
    g->old_at = old;
    while (i < a->count && a->origin[i] < 0)
        i++;
    g->new_count = i - g->new_at;
    g->old_count = (i < a->count ? (uint32_t)a->origin[i] : a->base) - g->old_at;
    return true;
}

static const struct gap before_first = { .new_count = UINT32_MAX };

static bool seems_equal(const struct schema_array *a, uint32_t i, uint32_t j)
{
    union schema_cell x = a->items[i], y = a->items[j];

    if (a->node.child_kind == SCHEMA_NUMBER) {
        x.number = schema_number_seen(x.number);
        y.number = schema_number_seen(y.number);
    }
    return schema_cells_equal(a->node.child_kind, x, y);
}

/* Whether the first values can be put in front one by one. */
static bool can_go_in_front(const struct schema_array *a, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (seems_equal(a, i, i + 1) || seems_equal(a, i, count))
            return false;
    }
    return true;
}

static bool can_be_patched(const struct schema_array *a)
{
    struct gap g = before_first;

    while (next_gap(a, &g)) {
        bool last = g.new_at + g.new_count == a->count;

        if (g.new_count <= g.old_count || last)
            continue;
        if (g.new_at > 0 || g.old_count > 0 || !can_go_in_front(a, g.new_count))
            return false;
    }
    return true;
}

static void patch_gap(struct schema_out *o, const struct schema_array *a, const struct gap *g)
{
    uint8_t replace = schema_is_object(a->node.child_kind) ? SCHEMA_DELETE_AND_ADD : SCHEMA_REPLACE;

    for (uint32_t i = 0; i < g->old_count; i++) {
        bool stays = i < g->new_count;

        schema_out_item(o, &a->node, stays ? replace : SCHEMA_DELETE, g->old_at + i,
                        stays ? a->items[g->new_at + i] : (union schema_cell){ 0 });
    }
}

static void patch_gaps(struct schema_out *o, const struct schema_array *a)
{
    struct gap g = before_first;
    uint32_t in_front = 0;

    while (next_gap(a, &g)) {
        patch_gap(o, a, &g);
        if (g.new_count <= g.old_count)
            continue;
        if (g.new_at + g.new_count < a->count) {
            in_front = g.new_count; /* last: it moves all others */
            continue;
        }
        for (uint32_t i = g.old_count; i < g.new_count; i++)
            schema_out_item(o, &a->node, SCHEMA_ADD, g.old_at + i, a->items[g.new_at + i]);
    }
    while (in_front-- > 0)
        schema_out_item(o, &a->node, SCHEMA_ADD, 0, a->items[in_front]);
}

void schema_out_array_changes(struct schema_out *o, const struct schema_array *a)
{
    struct shape shape;

    if (a->cleared || (a->count == 0 && a->base > 0)) {
        schema_out_room(o, SCHEMA_OP_MAX);
        *o->at++ = SCHEMA_CLEAR;
        if (a->count == 0)
            return;
    }
    if (!a->reshaped) {
        simple_changes(o, a);
        return;
    }
    shape = shape_of(a);
    if (shape.mirrored) {
        schema_out_room(o, SCHEMA_OP_MAX);
        *o->at++ = SCHEMA_REVERSE;
    } else if (shape.survivors == a->count && a->count == a->base) {
        permute(o, a);
    } else if (shape.in_order && shape.survivors > 0 && can_be_patched(a)) {
        patch_gaps(o, a);
    } else {
        rewrite(o, a);
    }
}
