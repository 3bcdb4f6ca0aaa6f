/* proto/schema_container.c - what all containers have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_container.h"

#include "base/assert.h"

struct schema_node *schema_new_container(const struct schema_spec *spec)
{
    static const size_t sizes[] = {
        [SCHEMA_MAP] = sizeof(struct schema_map),
        [SCHEMA_ARRAY] = sizeof(struct schema_array),
        [SCHEMA_SET] = sizeof(struct schema_list),
        [SCHEMA_COLLECTION] = sizeof(struct schema_list),
    };
    struct schema_node *node;
    size_t bytes;

    ASSERT(spec->kind > SCHEMA_REF && spec->kind < SCHEMA_KINDS);
    bytes = sizes[spec->kind];
    node = mem_zalloc(bytes); /* each begins with its node */
    schema_node_init(node, spec->kind, bytes);
    node->child_kind = (uint8_t)spec->child;
    node->child_type = spec->type;
    return node;
}

static_assert(offsetof(struct schema_map, node) == 0, "allocated as a node");
static_assert(offsetof(struct schema_array, node) == 0, "allocated as a node");
static_assert(offsetof(struct schema_list, node) == 0, "allocated as a node");

uint32_t schema_count(const struct schema_node *container)
{
    switch (container->kind) {
    case SCHEMA_MAP:
        return schema_map_of(container)->count;
    case SCHEMA_ARRAY:
        return schema_array_of(container)->count;
    case SCHEMA_SET:
    case SCHEMA_COLLECTION:
        return schema_list_of(container)->count;
    default:
        return 0;
    }
}

static void visit_items(struct schema_node *node, const union schema_cell *items, uint32_t count,
                        schema_visit *visit, void *user)
{
    for (uint32_t i = 0; i < count; i++)
        visit(node, items[i].node, true, user);
}

void schema_each_child(struct schema_node *node, schema_visit *visit, void *user)
{
    if (node->kind == SCHEMA_REF) {
        struct schema_struct *s = schema_struct_of(node);

        for (uint64_t left = s->present & node->type->objects; left; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctzll(left);

            visit(node, s->cells[i].node, !(node->type->tagged >> i & 1), user);
        }
        return;
    }
    if (!schema_is_object(node->child_kind))
        return;
    if (node->kind == SCHEMA_MAP) {
        struct schema_map *m = schema_map_of(node);

        for (uint32_t i = 0; i < m->used; i++) {
            if (m->order[i] && !m->order[i]->gone)
                visit(node, m->order[i]->cell.node, true, user);
        }
    } else if (node->kind == SCHEMA_ARRAY) {
        visit_items(node, schema_array_of(node)->items, schema_array_of(node)->count, visit, user);
    } else {
        visit_items(node, schema_list_of(node)->items, schema_list_of(node)->count, visit, user);
    }
}

/* Checks a value for a container, and that there is room for it and `more` bytes. */
int schema_item_make(struct schema_node *container, struct schema_value value, size_t more,
                     union schema_cell *out)
{
    struct schema_spec spec = schema_child_spec(container);
    int err = schema_cell_make(value, &spec, out);

    if (err < 0)
        return err;
    err = schema_is_object(spec.kind) ? schema_edge_check(container, out->node) : 0;
    if (err == 0)
        err = schema_room(container, more + schema_cell_bytes(spec.kind, *out));
    if (err < 0)
        schema_cell_free(spec.kind, *out);
    return err;
}

/* It is in the container now. */
void schema_item_added(struct schema_node *container, union schema_cell cell)
{
    schema_touch(container);
    schema_account(container, (ptrdiff_t)schema_cell_bytes(container->child_kind, cell));
    if (schema_is_object(container->child_kind))
        schema_edge_add(container, cell.node, true);
}

/* It is no longer. */
void schema_item_removed(struct schema_node *container, union schema_cell cell)
{
    schema_touch(container);
    schema_account(container, -(ptrdiff_t)schema_cell_bytes(container->child_kind, cell));
    schema_cell_free(container->child_kind, cell);
    if (schema_is_object(container->child_kind))
        schema_edge_remove(container, cell.node, true);
}

/* Room for `count` items. */
void schema_items_reserve(struct schema_node *container, union schema_cell **items, uint32_t *cap,
                          uint32_t count)
{
    uint32_t old = *cap;

    if (count <= old)
        return;
    *cap = old < 4 ? 4 : old * 2;
    if (*cap < count)
        *cap = count;
    *items = mem_realloc(*items, *cap * sizeof **items);
    schema_account(container, (ptrdiff_t)((*cap - old) * sizeof **items));
}

void schema_clear(struct schema_node *container)
{
    if (container->kind == SCHEMA_MAP)
        schema_map_clear(schema_map_of(container));
    else if (container->kind == SCHEMA_ARRAY)
        schema_array_clear(schema_array_of(container));
    else if (container->kind > SCHEMA_REF)
        schema_list_clear(schema_list_of(container));
}
