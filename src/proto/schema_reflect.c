/* proto/schema_reflect.c - the types of a state, for decoders that were not compiled with them.
 *
 * The reflection is itself a state: Reflection { 0 types: array, 1 rootType }, of
 * Type { 0 id, 1 extendsId, 2 fields: array }, of Field { 0 name, 1 type, 2 referencedType,
 * 3 childPrimitive }. A container of primitives is "map:number" to decoders of schema 3 and 4, and
 * "map" with a childPrimitive to those of 5. The form for all says it both ways: the older ones do
 * not know field 3 and pass over what follows it in that object, so the name that the newer need
 * comes last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_internal.h"

enum { TYPES, ROOT_TYPE };
enum { TYPE_NUMBER, TYPE_PARENT, TYPE_FIELDS };
enum { FIELD_NAME, FIELD_TYPE, FIELD_REFERENCED, FIELD_CHILD };
enum { GENERATION_ANY = 0, GENERATION_5 = 18 };

static void begin(struct buf *out, uint32_t ref)
{
    buf_byte(out, SCHEMA_SWITCH);
    schema_write_uint(out, ref);
}

static void add(struct buf *out, unsigned field)
{
    buf_byte(out, (uint8_t)(SCHEMA_ADD | field));
}

static void item(struct buf *out, uint32_t index, uint32_t ref)
{
    buf_byte(out, SCHEMA_ADD);
    schema_write_uint(out, index);
    schema_write_uint(out, ref);
}

static void text(struct buf *out, unsigned field, str s)
{
    add(out, field);
    schema_write_text(out, s);
}

/* "map:number" */
static void old_name(struct buf *out, const struct schema_spec *spec)
{
    str kind = schema_kind_name(spec->kind), child = schema_kind_name(spec->child);
    uint8_t head[SCHEMA_TEXT_HEAD_MAX];

    add(out, FIELD_TYPE);
    buf_append(out, head, (size_t)(schema_put_text_head(head, kind.n + 1 + child.n) - head));
    buf_add(out, kind);
    buf_byte(out, ':');
    buf_add(out, child);
}

static void reflect_field(const struct schema_root *root, const struct schema_field *field,
                          unsigned generation, struct buf *out)
{
    const struct schema_spec *spec = &field->spec;
    bool primitives = spec->kind > SCHEMA_REF && spec->child != SCHEMA_REF;

    text(out, FIELD_NAME, field->name);
    if (primitives && generation == GENERATION_ANY) {
        add(out, FIELD_REFERENCED);
        schema_write_number(out, -1);
        old_name(out, spec);
        text(out, FIELD_CHILD, schema_kind_name(spec->child));
        text(out, FIELD_TYPE, schema_kind_name(spec->kind));
        return;
    }
    if (primitives && generation != GENERATION_5)
        old_name(out, spec);
    else
        text(out, FIELD_TYPE, schema_kind_name(spec->kind));
    if (schema_is_object(spec->kind)) {
        add(out, FIELD_REFERENCED);
        schema_write_number(out, primitives ? -1 : root->ids[spec->type->serial]);
    }
    if (primitives && generation == GENERATION_5)
        text(out, FIELD_CHILD, schema_kind_name(spec->child));
}

/* A type, its array of fields and they have the references from ref on. */
static void reflect_type(const struct schema_root *root, const struct schema_type *type,
                         uint32_t ref, unsigned generation, struct buf *out)
{
    const struct schema_field *own = type->fields + type->count - type->own;

    begin(out, ref);
    add(out, TYPE_NUMBER);
    schema_write_uint(out, (uint32_t)root->ids[type->serial]);
    if (type->parent) {
        add(out, TYPE_PARENT);
        schema_write_uint(out, (uint32_t)root->ids[type->parent->serial]);
    }
    add(out, TYPE_FIELDS);
    schema_write_uint(out, ref + 1);
    if (type->own == 0)
        return;
    begin(out, ref + 1);
    for (uint32_t i = 0; i < type->own; i++)
        item(out, i, ref + 2 + i);
    for (uint32_t i = 0; i < type->own; i++) {
        begin(out, ref + 2 + i);
        reflect_field(root, &own[i], generation, out);
    }
}

static unsigned depth_of(const struct schema_type *type)
{
    unsigned depth = 0;

    while ((type = type->parent))
        depth++;
    return depth;
}

/* Parents come first: by how many they have themselves. */
static void in_order(const struct schema_root *root, const struct schema_type **order)
{
    uint32_t placed = 0;

    for (unsigned depth = 0; placed < root->types_count; depth++) {
        for (uint32_t i = 0; i < root->types_count; i++) {
            if (depth_of(root->types[i]) == depth)
                order[placed++] = root->types[i];
        }
    }
}

void schema_reflect(const struct schema_root *root, unsigned generation, struct buf *out)
{
    const struct schema_type **order = mem_alloc(root->types_count * sizeof *order);
    uint32_t types_ref = 1, ref = 2;

    in_order(root, order);
    if (generation == GENERATION_ANY)
        begin(out, 0); /* what older decoders look for, behind the length that they do not know */
    add(out, TYPES);
    schema_write_uint(out, types_ref);
    if (root->ids[root->node->type->serial] > 0) {
        add(out, ROOT_TYPE);
        schema_write_uint(out, (uint32_t)root->ids[root->node->type->serial]);
    }
    begin(out, types_ref);
    for (uint32_t i = 0; i < root->types_count; i++) {
        item(out, i, ref);
        ref += 2u + order[i]->own;
    }
    ref = 2;
    for (uint32_t i = 0; i < root->types_count; i++) {
        reflect_type(root, order[i], ref, generation, out);
        ref += 2u + order[i]->own;
    }
    mem_free(order);
}
