/* proto/schema_type.c - declared types: their fields, their heirs, their numbers on the wire.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_internal.h"

#include "base/assert.h"

static const struct {
    const char *p;
    size_t n;
} names[SCHEMA_KINDS] = {
    [SCHEMA_NONE] = { STR_PARTS("") },
    [SCHEMA_STRING] = { STR_PARTS("string") },
    [SCHEMA_NUMBER] = { STR_PARTS("number") },
    [SCHEMA_BOOLEAN] = { STR_PARTS("boolean") },
    [SCHEMA_INT8] = { STR_PARTS("int8") },
    [SCHEMA_UINT8] = { STR_PARTS("uint8") },
    [SCHEMA_INT16] = { STR_PARTS("int16") },
    [SCHEMA_UINT16] = { STR_PARTS("uint16") },
    [SCHEMA_INT32] = { STR_PARTS("int32") },
    [SCHEMA_UINT32] = { STR_PARTS("uint32") },
    [SCHEMA_INT64] = { STR_PARTS("int64") },
    [SCHEMA_UINT64] = { STR_PARTS("uint64") },
    [SCHEMA_FLOAT32] = { STR_PARTS("float32") },
    [SCHEMA_FLOAT64] = { STR_PARTS("float64") },
    [SCHEMA_BIGINT64] = { STR_PARTS("bigint64") },
    [SCHEMA_BIGUINT64] = { STR_PARTS("biguint64") },
    [SCHEMA_REF] = { STR_PARTS("ref") },
    [SCHEMA_MAP] = { STR_PARTS("map") },
    [SCHEMA_ARRAY] = { STR_PARTS("array") },
    [SCHEMA_SET] = { STR_PARTS("set") },
    [SCHEMA_COLLECTION] = { STR_PARTS("collection") },
};

enum schema_kind schema_kind_named(str name)
{
    for (unsigned i = SCHEMA_NONE + 1; i < SCHEMA_KINDS; i++) {
        if (str_eq(name, (str){ names[i].p, names[i].n }))
            return (enum schema_kind)i;
    }
    return SCHEMA_NONE;
}

str schema_kind_name(enum schema_kind kind)
{
    return (str){ names[kind].p, names[kind].n };
}

static str copy_of(str s)
{
    return (str){ str_dup(s), s.n };
}

struct schema_registry *schema_registry_new(void)
{
    return mem_zalloc(sizeof(struct schema_registry));
}

void schema_registry_free(struct schema_registry *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->count; i++) {
        struct schema_type *type = r->types[i];

        for (unsigned f = (unsigned)(type->count - type->own); f < type->count; f++)
            mem_free((void *)type->fields[f].name.p);
        mem_free((void *)type->name.p);
        mem_free(type);
    }
    mem_free(r->types);
    mem_free(r);
}

struct schema_type *schema_define(struct schema_registry *r, str name, struct schema_type *parent)
{
    struct schema_type *type = mem_zalloc(sizeof *type);

    if (parent) {
        ASSERT(parent->registry == r);
        *type = *parent; /* names of inherited fields stay the parent's */
        parent->sealed = true;
    }
    type->registry = r;
    type->parent = parent;
    type->name = copy_of(name);
    type->own = 0;
    type->sealed = false;
    type->serial = r->count;
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->types = mem_realloc(r->types, r->cap * sizeof(struct schema_type *));
    }
    r->types[r->count++] = type;
    return type;
}

static bool spec_makes_sense(const struct schema_type *type, const struct schema_spec *spec)
{
    enum schema_kind value = spec->kind > SCHEMA_REF ? spec->child : spec->kind;

    if (spec->kind <= SCHEMA_NONE || spec->kind >= SCHEMA_KINDS)
        return false;
    if (spec->kind <= SCHEMA_REF && spec->child != SCHEMA_NONE)
        return false;
    if (value <= SCHEMA_NONE || value > SCHEMA_REF) /* no containers in containers */
        return false;
    if (value == SCHEMA_REF)
        return spec->type && spec->type->registry == type->registry;
    return !spec->type;
}

int schema_field(struct schema_type *type, str name, const struct schema_spec *spec)
{
    struct schema_field *field = &type->fields[type->count];

    if (type->sealed)
        return ATR_ESTATE;
    if (!spec_makes_sense(type, spec) || spec->tag < SCHEMA_TAG)
        return ATR_ETYPE;
    if (schema_field_index(type, name) >= 0)
        return ATR_EEXISTS;
    if (type->count == SCHEMA_FIELDS_MAX)
        return ATR_ELIMIT;
    field->spec = *spec;
    field->name = copy_of(name);
    if (schema_is_object(spec->kind))
        type->objects |= SCHEMA_BIT(type->count);
    if (spec->kind == SCHEMA_STRING)
        type->texts |= SCHEMA_BIT(type->count);
    if (spec->tag != 0)
        type->tagged |= SCHEMA_BIT(type->count);
    type->own++;
    return type->count++;
}

str schema_type_name(const struct schema_type *type)
{
    return type->name;
}

struct schema_type *schema_type_parent(const struct schema_type *type)
{
    return type->parent;
}

unsigned schema_field_count(const struct schema_type *type)
{
    return type->count;
}

int schema_field_index(const struct schema_type *type, str name)
{
    for (int i = 0; i < type->count; i++) {
        if (str_eq(type->fields[i].name, name))
            return i;
    }
    return ATR_EUNKNOWN;
}

str schema_field_name(const struct schema_type *type, unsigned index)
{
    return type->fields[index].name;
}

const struct schema_spec *schema_field_spec(const struct schema_type *type, unsigned index)
{
    return &type->fields[index].spec;
}

bool schema_type_is(const struct schema_type *type, const struct schema_type *base)
{
    while (type && type != base)
        type = type->parent;
    return type != NULL;
}

/* The order of JavaScript's library: a type, its heirs, its parent, the types of its fields. With a
 * list of what is still to be done instead of recursion: types may refer to each other in any
 * depth. A type is numbered when it is taken off the list. */
static void number(struct schema_root *root, struct schema_type *first)
{
    struct schema_registry *r = root->registry;
    struct schema_type **todo = mem_alloc((r->count + 1) * (SCHEMA_FIELDS_MAX + r->count + 2) *
                                          sizeof(struct schema_type *));
    size_t left = 0;

    todo[left++] = first;
    while (left > 0) {
        struct schema_type *type = todo[--left];

        if (root->ids[type->serial] >= 0)
            continue;
        root->ids[type->serial] = (int32_t)root->types_count;
        root->types[root->types_count++] = type;
        for (unsigned i = type->count; i-- > 0;) {
            if (type->fields[i].spec.type)
                todo[left++] = type->fields[i].spec.type;
        }
        if (type->parent)
            todo[left++] = type->parent;
        for (uint32_t i = r->count; i-- > 0;) {
            if (r->types[i]->parent == type)
                todo[left++] = r->types[i];
        }
    }
    mem_free(todo);
}

void schema_types_number(struct schema_root *root, struct schema_type *type)
{
    uint32_t count = root->registry->count;

    root->ids_count = count;
    root->ids = mem_alloc(count * sizeof *root->ids);
    root->types = mem_alloc(count * sizeof(struct schema_type *));
    for (uint32_t i = 0; i < count; i++)
        root->ids[i] = -1;
    number(root, type);
}
