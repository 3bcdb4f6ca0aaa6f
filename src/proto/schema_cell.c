/* proto/schema_cell.c - values as they are stored: checked, compared, freed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_internal.h"

#include <math.h>

#include "base/utf8.h"

#define SAFE_INTEGER_MAX                                                                           \
    9007199254740991.0 /* of JavaScript: int64 and uint64 travel as numbers                        \
                        */

/* What the kinds of up to 32 bits can hold. */
static const struct {
    double min, max;
} ranges[] = {
    [SCHEMA_INT8] = { INT8_MIN, INT8_MAX },    [SCHEMA_UINT8] = { 0, UINT8_MAX },
    [SCHEMA_INT16] = { INT16_MIN, INT16_MAX }, [SCHEMA_UINT16] = { 0, UINT16_MAX },
    [SCHEMA_INT32] = { INT32_MIN, INT32_MAX }, [SCHEMA_UINT32] = { 0, UINT32_MAX },
};

static int number_cell(double n, unsigned kind, union schema_cell *out)
{
    if (kind == SCHEMA_FLOAT32) {
        out->number = (double)(float)n;
        return 0;
    }
    if (kind != SCHEMA_NUMBER && kind != SCHEMA_FLOAT64) {
        n = trunc(n);
        if (!(n >= ranges[kind].min && n <= ranges[kind].max))
            return ATR_ERANGE;
        n += 0; /* no -0 */
    }
    out->number = n;
    return 0;
}

/* Of 64 bits, signed. */
static int signed_cell(struct schema_value v, double most, union schema_cell *out)
{
    if (v.kind == SCHEMA_VALUE_NUMBER) {
        v.number = trunc(v.number);
        if (!(fabs(v.number) <= SAFE_INTEGER_MAX))
            return ATR_ERANGE;
        v.integer = (int64_t)v.number;
    } else if (v.kind == SCHEMA_VALUE_UNSIGNED) {
        if (v.uint > INT64_MAX)
            return ATR_ERANGE;
        v.integer = (int64_t)v.uint;
    }
    if (fabs((double)v.integer) > most)
        return ATR_ERANGE;
    out->integer = v.integer;
    return 0;
}

static int unsigned_cell(struct schema_value v, double most, union schema_cell *out)
{
    if (v.kind == SCHEMA_VALUE_NUMBER) {
        v.number = trunc(v.number);
        if (!(v.number >= 0 && v.number <= SAFE_INTEGER_MAX))
            return ATR_ERANGE;
        v.uint = (uint64_t)v.number;
    } else if (v.kind == SCHEMA_VALUE_INTEGER) {
        if (v.integer < 0)
            return ATR_ERANGE;
        v.uint = (uint64_t)v.integer;
    }
    if ((double)v.uint > most)
        return ATR_ERANGE;
    out->uint = v.uint;
    return 0;
}

static int numeric_cell(struct schema_value v, unsigned kind, union schema_cell *out)
{
    if (v.kind < SCHEMA_VALUE_NUMBER || v.kind > SCHEMA_VALUE_UNSIGNED)
        return ATR_ETYPE;
    switch (kind) {
    case SCHEMA_INT64:
        return signed_cell(v, SAFE_INTEGER_MAX, out);
    case SCHEMA_BIGINT64:
        return signed_cell(v, 0x1p63, out);
    case SCHEMA_UINT64:
        return unsigned_cell(v, SAFE_INTEGER_MAX, out);
    case SCHEMA_BIGUINT64:
        return unsigned_cell(v, 0x1p64, out);
    default:
        return number_cell(v.kind == SCHEMA_VALUE_NUMBER    ? v.number
                           : v.kind == SCHEMA_VALUE_INTEGER ? (double)v.integer
                                                            : (double)v.uint,
                           kind, out);
    }
}

static int text_cell(str s, union schema_cell *out)
{
    if (s.n > UINT32_MAX - sizeof(struct schema_text))
        return ATR_ELIMIT;
    if (!utf8_valid(s.p, s.n))
        return ATR_EENCODING;
    out->text = mem_alloc(sizeof *out->text + s.n);
    out->text->n = out->text->cap = (uint32_t)s.n;
    if (s.n)
        memcpy(out->text->p, s.p, s.n);
    return 0;
}

static int object_cell(struct schema_node *node, const struct schema_spec *spec,
                       union schema_cell *out)
{
    bool fits = node->kind == spec->kind;

    if (fits && spec->kind == SCHEMA_REF)
        fits = schema_type_is(node->type, spec->type);
    else if (fits)
        fits = node->child_kind == spec->child && node->child_type == spec->type;
    if (!fits)
        return ATR_ETYPE;
    out->node = node;
    return 0;
}

int schema_cell_make(struct schema_value v, const struct schema_spec *spec, union schema_cell *out)
{
    switch (spec->kind) {
    case SCHEMA_STRING:
        return v.kind == SCHEMA_VALUE_TEXT ? text_cell(v.text, out) : ATR_ETYPE;
    case SCHEMA_BOOLEAN:
        if (v.kind != SCHEMA_VALUE_BOOLEAN)
            return ATR_ETYPE;
        out->boolean = v.boolean;
        return 0;
    default:
        if (!schema_is_object(spec->kind))
            return numeric_cell(v, spec->kind, out);
        return v.kind == SCHEMA_VALUE_NODE ? object_cell(v.node, spec, out) : ATR_ETYPE;
    }
}

struct schema_spec schema_child_spec(const struct schema_node *container)
{
    return (struct schema_spec){ .kind = (enum schema_kind)container->child_kind,
                                 .type = container->child_type };
}

bool schema_cells_equal(unsigned kind, union schema_cell a, union schema_cell b)
{
    switch (kind) {
    case SCHEMA_STRING:
        return a.text->n == b.text->n && memcmp(a.text->p, b.text->p, a.text->n) == 0;
    case SCHEMA_BOOLEAN:
        return a.boolean == b.boolean;
    case SCHEMA_INT64:
    case SCHEMA_UINT64:
    case SCHEMA_BIGINT64:
    case SCHEMA_BIGUINT64:
        return a.uint == b.uint;
    default:
        if (schema_is_object(kind))
            return a.node == b.node;
        return a.number == b.number || (isnan(a.number) && isnan(b.number));
    }
}

void schema_cell_free(unsigned kind, union schema_cell cell)
{
    if (kind == SCHEMA_STRING)
        mem_free(cell.text);
}

struct schema_value schema_cell_value(unsigned kind, union schema_cell cell)
{
    switch (kind) {
    case SCHEMA_STRING:
        return schema_text((str){ cell.text->p, cell.text->n });
    case SCHEMA_BOOLEAN:
        return schema_boolean(cell.boolean);
    case SCHEMA_INT64:
    case SCHEMA_BIGINT64:
        return schema_integer(cell.integer);
    case SCHEMA_UINT64:
    case SCHEMA_BIGUINT64:
        return schema_unsigned(cell.uint);
    default:
        return schema_is_object(kind) ? schema_object(cell.node) : schema_number(cell.number);
    }
}

size_t schema_cell_bytes(unsigned kind, union schema_cell cell)
{
    return kind == SCHEMA_STRING ? sizeof *cell.text + cell.text->cap : 0;
}
