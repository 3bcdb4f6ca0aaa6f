/* proto/schema_encode.c - patches as operations. Whole states are in schema_encode_all.c.
 *
 * A message is operations on a current object, which is the root at first, and switches to others
 * by their reference. The operation that introduces a reference comes before any switch to it: the
 * root's list of changed objects is in that order (schema_node.c).
 *
 * Start reading at schema_encode().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_seen.h"

#include "base/assert.h"

enum { GROWTH_MIN = 1024 };

/* --- Output --- */

void schema_out_begin(struct schema_out *o, const struct schema_root *root, struct buf *buf)
{
    *o = (struct schema_out){ .root = root, .buf = buf, .start = buf->len };
    o->at = buf->data ? buf->data + buf->len : NULL;
    o->end = buf->data ? buf->data + buf->cap : NULL;
}

void schema_out_end(struct schema_out *o)
{
    if (o->at)
        o->buf->len = (size_t)(o->at - o->buf->data);
}

void schema_out_grow(struct schema_out *o, size_t n)
{
    schema_out_end(o);
    n += GROWTH_MIN;
    (void)buf_extend(o->buf, n);
    o->buf->len -= n;
    o->at = o->buf->data + o->buf->len;
    o->end = o->buf->data + o->buf->cap;
}

static void out_text(struct schema_out *o, str s)
{
    schema_out_room(o, SCHEMA_TEXT_HEAD_MAX + s.n + SCHEMA_OP_MAX);
    o->at = schema_put_text(o->at, s);
}

void schema_out_key(struct schema_out *o, str key)
{
    out_text(o, key);
}

static void out_object(struct schema_out *o, const struct schema_node *node,
                       const struct schema_type *declared)
{
    o->at = schema_put_uint(o->at, node->ref);
    if (declared && node->kind == SCHEMA_REF && node->type != declared) {
        *o->at++ = SCHEMA_TYPE_ID;
        o->at = schema_put_uint(o->at, (uint32_t)o->root->ids[node->type->serial]);
    }
}

static uint8_t *put_float(uint8_t *to, double n, unsigned kind)
{
    float small = (float)n;
    uint32_t low;
    uint64_t bits;

    if (kind == SCHEMA_FLOAT32) {
        memcpy(&low, &small, sizeof low);
        return schema_put_le(to, low, sizeof low);
    }
    memcpy(&bits, &n, sizeof bits);
    return schema_put_le(to, bits, sizeof bits);
}

void schema_out_value(struct schema_out *o, unsigned kind, union schema_cell cell,
                      const struct schema_type *declared)
{
    static const uint8_t widths[] = {
        [SCHEMA_INT8] = 1,   [SCHEMA_UINT8] = 1, [SCHEMA_INT16] = 2,
        [SCHEMA_UINT16] = 2, [SCHEMA_INT32] = 4, [SCHEMA_UINT32] = 4,
    };

    switch (kind) {
    case SCHEMA_NUMBER:
        o->at = schema_put_number(o->at, cell.number);
        break;
    case SCHEMA_STRING:
        out_text(o, (str){ cell.text->p, cell.text->n });
        break;
    case SCHEMA_BOOLEAN:
        *o->at++ = cell.boolean;
        break;
    case SCHEMA_FLOAT32:
    case SCHEMA_FLOAT64:
        o->at = put_float(o->at, cell.number, kind);
        break;
    case SCHEMA_INT64:
    case SCHEMA_UINT64:
    case SCHEMA_BIGINT64:
    case SCHEMA_BIGUINT64:
        o->at = schema_put_le(o->at, cell.uint, sizeof cell.uint);
        break;
    default:
        if (schema_is_object(kind))
            out_object(o, cell.node, declared);
        else
            o->at = schema_put_le(o->at, (uint64_t)(int64_t)cell.number, widths[kind]);
    }
}

void schema_out_item(struct schema_out *o, const struct schema_node *container, uint8_t op,
                     uint32_t index, union schema_cell cell)
{
    schema_out_room(o, SCHEMA_OP_MAX);
    *o->at++ = op;
    o->at = schema_put_uint(o->at, index);
    if (op != SCHEMA_DELETE)
        schema_out_value(o, container->child_kind, cell,
                         op & SCHEMA_ADD ? container->child_type : NULL);
}

/* --- Instances --- */

/* An object whose class was not told is followed by an operation that looks like a class: say it.
 */
static void tell_class(struct schema_out *o, const struct schema_node *node)
{
    *o->at++ = SCHEMA_TYPE_ID;
    o->at = schema_put_uint(o->at, (uint32_t)o->root->ids[node->type->serial]);
}

void schema_out_field(struct schema_out *o, const struct schema_struct *s, unsigned index,
                      uint8_t op, const struct schema_node **untold)
{
    const struct schema_spec *spec = &s->node.type->fields[index].spec;

    schema_out_room(o, 2 * SCHEMA_OP_MAX);
    if (*untold && (op | index) == SCHEMA_TYPE_ID)
        tell_class(o, *untold);
    *untold = NULL;
    *o->at++ = (uint8_t)(op | index);
    if (op == SCHEMA_DELETE)
        return;
    schema_out_value(o, spec->kind, s->cells[index], spec->type);
    if (spec->kind == SCHEMA_REF && s->cells[index].node->type == spec->type)
        *untold = s->cells[index].node;
}

void schema_out_fields(struct schema_out *o, const struct schema_struct *s, uint64_t bits,
                       uint64_t sent, uint64_t dropped)
{
    const struct schema_field *fields = s->node.type->fields;
    const struct schema_node *untold = NULL;
    uint64_t replaced = sent & (s->node.type->objects | dropped);

    for (; bits; bits &= bits - 1) {
        unsigned i = (unsigned)__builtin_ctzll(bits);
        uint64_t bit = bits & -bits;
        uint8_t op = SCHEMA_ADD;

        if (!(s->present & bit))
            op = SCHEMA_DELETE;
        else if (replaced & bit)
            op = SCHEMA_DELETE_AND_ADD;
        if (fields[i].spec.kind == SCHEMA_NUMBER && op == SCHEMA_ADD) { /* the most frequent */
            schema_out_room(o, SCHEMA_OP_MAX);
            *o->at = (uint8_t)(op | i);
            o->at = schema_put_number(o->at + 1, s->cells[i].number);
            untold = NULL;
        } else {
            schema_out_field(o, s, i, op, &untold);
        }
    }
}

/* --- Containers --- */

void schema_out_entry(struct schema_out *o, const struct schema_node *map,
                      const struct schema_entry *e, uint8_t op)
{
    schema_out_room(o, SCHEMA_OP_MAX);
    *o->at++ = op;
    o->at = schema_put_uint(o->at, e->index);
    if (op & SCHEMA_ADD)
        schema_out_key(o, (str){ e->key, e->key_len });
    if (op != SCHEMA_DELETE)
        schema_out_value(o, map->child_kind, e->cell, op & SCHEMA_ADD ? map->child_type : NULL);
}

/* From one value on, with indexes from that one on. */
static void out_values(struct schema_out *o, const struct schema_list *l, uint32_t from,
                       uint32_t index)
{
    for (uint32_t i = from; i < l->count; i++)
        schema_out_item(o, &l->node, SCHEMA_ADD, index++, l->items[i]);
}

void schema_out_container(struct schema_out *o, const struct schema_node *node)
{
    if (node->kind == SCHEMA_MAP) {
        const struct schema_map *m = schema_map_of(node);

        for (uint32_t i = 0; i < m->used; i++) {
            if (m->order[i] && !m->order[i]->gone)
                schema_out_entry(o, node, m->order[i], SCHEMA_ADD);
        }
    } else if (node->kind == SCHEMA_ARRAY) {
        const struct schema_array *a = schema_array_of(node);

        for (uint32_t i = 0; i < a->count; i++)
            schema_out_item(o, node, SCHEMA_ADD, i, a->items[i]);
    } else {
        const struct schema_list *l = schema_list_of(node);

        /* As if what changes now had been sent: the last values have the last indexes. */
        out_values(o, l, 0,
                   l->next_index + (l->rewritten ? l->count : l->count - l->base) - l->count);
    }
}

void schema_out_clear(struct schema_out *o)
{
    schema_out_room(o, SCHEMA_OP_MAX);
    *o->at++ = SCHEMA_CLEAR;
}

static void map_changes(struct schema_out *o, const struct schema_map *m)
{
    if (m->cleared) {
        schema_out_switch(o, &m->node);
        schema_out_clear(o);
    }
    for (uint32_t i = 0; i < m->journaled; i++) {
        const struct schema_entry *e = m->journal[i];
        uint8_t op = SCHEMA_ADD;

        if (e->gone && !e->known)
            continue; /* came and went: clients never hear of it */
        if (e->gone)
            op = SCHEMA_DELETE;
        else if (e->known && (e->dropped || schema_is_object(m->node.child_kind)))
            op = SCHEMA_DELETE_AND_ADD;
        else if (e->known)
            op = SCHEMA_REPLACE;
        schema_out_switch(o, &m->node);
        schema_out_entry(o, &m->node, e, op);
    }
}

static void list_changes(struct schema_out *o, const struct schema_list *l)
{
    if (l->rewritten)
        schema_out_clear(o);
    out_values(o, l, l->rewritten ? 0 : l->base, l->next_index);
}

static void container_changes(struct schema_out *o, const struct schema_node *node)
{
    if (node->kind == SCHEMA_ARRAY)
        schema_out_array_changes(o, schema_array_of(node));
    else if (node->kind == SCHEMA_MAP)
        schema_out_container(o, node); /* the first time */
    else
        list_changes(o, schema_list_of(node));
}

static bool container_is_changed(const struct schema_node *node)
{
    if (node->kind == SCHEMA_MAP)
        return schema_map_of(node)->count > 0;
    if (node->kind == SCHEMA_ARRAY) {
        const struct schema_array *a = schema_array_of(node);

        return a->cleared || a->reshaped || a->changes > 0 || a->base != a->count;
    }
    return schema_list_of(node)->rewritten ||
           schema_list_of(node)->base != schema_list_of(node)->count;
}

/* --- Patches --- */

void schema_out_container_changes(struct schema_out *o, const struct schema_node *node)
{
    if (node->kind == SCHEMA_MAP && node->known) {
        map_changes(o, schema_map_of(node));
    } else if (container_is_changed(node)) {
        schema_out_switch(o, node);
        container_changes(o, node);
    }
}

static void out_changes(struct schema_out *o, const struct schema_node *node)
{
    const struct schema_struct *s;
    uint64_t bits;

    if (node->kind != SCHEMA_REF) {
        schema_out_container_changes(o, node);
        return;
    }
    s = schema_struct_of(node);
    /* What was set and unset again clients need not know. */
    bits = s->dirty & ~node->type->tagged & (s->present | s->sent);
    if (!bits)
        return;
    schema_out_switch(o, node);
    schema_out_fields(o, s, bits, s->sent, s->dropped);
}

void schema_encode(struct schema_root *root, struct buf *out)
{
    struct schema_out o;

    schema_settle(root);
    buf_add(out, buf_str(&root->preamble));
    schema_out_begin(&o, root, out);
    o.started = root->preamble.len == 0; /* at the root, whose reference is 0 */
    for (struct list *l = root->dirty.next; l != &root->dirty; l = l->next) {
        const struct schema_node *node = container_of(l, struct schema_node, in_dirty);

        if (node->shown)
            out_changes(&o, node);
    }
    schema_out_end(&o);
}

static void sent(struct schema_node *node)
{
    if (node->kind == SCHEMA_REF) {
        struct schema_struct *s = schema_struct_of(node);

        s->sent = (s->sent & ~s->dirty) | (s->dirty & s->present);
        s->dirty = s->dropped = 0;
    } else if (node->kind == SCHEMA_MAP) {
        schema_map_sent(schema_map_of(node));
    } else if (node->kind == SCHEMA_ARRAY) {
        schema_array_sent(schema_array_of(node));
    } else {
        schema_list_sent(schema_list_of(node));
    }
    node->known = true;
}

void schema_commit(struct schema_root *root)
{
    schema_settle(root);
    if (!schema_changed(root))
        return;
    schema_views_check(root);
    while (!list_empty(&root->dirty)) {
        struct schema_node *node = container_of(root->dirty.next, struct schema_node, in_dirty);

        list_remove(&node->in_dirty);
        node->queued = false;
        sent(node);
    }
    buf_clear(&root->preamble);
    root->patch++;
}

bool schema_changed(const struct schema_root *root)
{
    return !list_empty(&root->dirty) || !list_empty(&root->fallen) || root->preamble.len > 0;
}
