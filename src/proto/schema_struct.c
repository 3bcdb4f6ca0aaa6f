/* proto/schema_struct.c - instances of types: their fields.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_internal.h"

struct schema_node *schema_new(struct schema_type *type)
{
    size_t bytes = sizeof(struct schema_struct) + type->count * sizeof(union schema_cell);
    struct schema_struct *s = mem_zalloc(bytes);

    type->sealed = true;
    schema_node_init(&s->node, SCHEMA_REF, bytes);
    s->node.type = type;
    return &s->node;
}

void schema_struct_free(struct schema_struct *s)
{
    for (uint64_t left = s->present & s->node.type->texts; left; left &= left - 1)
        mem_free(s->cells[__builtin_ctzll(left)].text);
    mem_free(s);
}

void schema_struct_forget(struct schema_struct *s)
{
    s->dirty = s->present;
    s->sent = s->dropped = 0;
}

/* A text of about the same length stays in its memory. */
static int set_text(struct schema_struct *s, unsigned index, struct schema_value value)
{
    const struct schema_spec *spec = &s->node.type->fields[index].spec;
    union schema_cell *cell = &s->cells[index], made;
    bool had = s->present >> index & 1;
    struct schema_text *old = had ? cell->text : NULL;
    int err;

    if (value.kind != SCHEMA_VALUE_TEXT)
        return ATR_ETYPE;
    if (had && old->n == value.text.n && memcmp(old->p, value.text.p, old->n) == 0)
        return 0;
    if ((err = schema_cell_make(value, spec, &made)) < 0)
        return err;
    if ((err = schema_room(&s->node, schema_cell_bytes(SCHEMA_STRING, made))) < 0) {
        schema_cell_free(SCHEMA_STRING, made);
        return err;
    }
    schema_account(&s->node, (ptrdiff_t)schema_cell_bytes(SCHEMA_STRING, made));
    if (had) {
        schema_account(&s->node, -(ptrdiff_t)schema_cell_bytes(SCHEMA_STRING, *cell));
        mem_free(old);
    }
    *cell = made;
    s->present |= SCHEMA_BIT(index);
    s->dirty |= SCHEMA_BIT(index);
    schema_touch(&s->node);
    return 0;
}

static bool is_open(const struct schema_struct *s, unsigned index)
{
    return !(s->node.type->tagged >> index & 1);
}

static int set_object(struct schema_struct *s, unsigned index, struct schema_value value)
{
    union schema_cell *cell = &s->cells[index], made;
    bool had = s->present >> index & 1;
    int err = schema_cell_make(value, &s->node.type->fields[index].spec, &made);

    if (err < 0)
        return err;
    if (had && cell->node == made.node)
        return 0;
    if ((err = schema_edge_check(&s->node, made.node)) < 0)
        return err;
    s->dirty |= SCHEMA_BIT(index);
    schema_touch(&s->node);
    schema_edge_add(&s->node, made.node, is_open(s, index));
    if (had)
        schema_edge_remove(&s->node, cell->node, is_open(s, index));
    *cell = made;
    s->present |= SCHEMA_BIT(index);
    return 0;
}

static void unset(struct schema_struct *s, unsigned index)
{
    uint64_t bit = SCHEMA_BIT(index);
    unsigned kind = s->node.type->fields[index].spec.kind;
    union schema_cell old = s->cells[index];

    if (!(s->present & bit))
        return;
    s->present &= ~bit;
    s->dirty |= bit;
    s->dropped |= bit;
    schema_touch(&s->node);
    schema_account(&s->node, -(ptrdiff_t)schema_cell_bytes(kind, old));
    schema_cell_free(kind, old);
    if (schema_is_object(kind))
        schema_edge_remove(&s->node, old.node, is_open(s, index));
}

/* Into a field of that kind. */
static inline bool set_number(struct schema_struct *s, unsigned index, double n)
{
    uint64_t bit = SCHEMA_BIT(index);

    if ((s->present & bit) && s->cells[index].number == n)
        return true;
    if (n != n) /* which is not equal to itself */
        return false;
    s->cells[index].number = n;
    s->present |= bit;
    s->dirty |= bit;
    schema_touch(&s->node);
    return true;
}

static int set_primitive(struct schema_struct *s, unsigned index, struct schema_value value)
{
    const struct schema_spec *spec = &s->node.type->fields[index].spec;
    uint64_t bit = SCHEMA_BIT(index);
    union schema_cell made;
    int err = schema_cell_make(value, spec, &made);

    if (err < 0)
        return err;
    if ((s->present & bit) && schema_cells_equal(spec->kind, s->cells[index], made))
        return 0;
    s->cells[index] = made;
    s->present |= bit;
    s->dirty |= bit;
    schema_touch(&s->node);
    return 0;
}

int schema_set(struct schema_node *node, unsigned index, struct schema_value value)
{
    struct schema_struct *s = schema_struct_of(node);
    enum schema_kind kind;

    if (node->kind != SCHEMA_REF)
        return ATR_ETYPE;
    if (index >= node->type->count)
        return ATR_EUNKNOWN;
    kind = node->type->fields[index].spec.kind;
    if (value.kind == SCHEMA_VALUE_NONE) {
        unset(s, index);
        return 0;
    }
    if (kind == SCHEMA_STRING)
        return set_text(s, index, value);
    if (schema_is_object(kind))
        return set_object(s, index, value);
    return set_primitive(s, index, value);
}

int schema_set_number(struct schema_node *node, unsigned index, double n)
{
    if (node->kind == SCHEMA_REF && index < node->type->count &&
        node->type->fields[index].spec.kind == SCHEMA_NUMBER &&
        set_number(schema_struct_of(node), index, n))
        return 0;
    return schema_set(node, index, schema_number(n));
}

struct schema_value schema_get(const struct schema_node *node, unsigned index)
{
    const struct schema_struct *s = schema_struct_of(node);

    if (node->kind != SCHEMA_REF || index >= node->type->count || !(s->present >> index & 1))
        return (struct schema_value){ 0 };
    return schema_cell_value(node->type->fields[index].spec.kind, s->cells[index]);
}
