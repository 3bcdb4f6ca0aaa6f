/* proto/schema_encode.h - operations on their way to a buffer: for the files of the state encoder
 * that write them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_ENCODE_H
#define PROTO_SCHEMA_ENCODE_H

#include "proto/schema_internal.h"

/* What is written between two looks at the room: an operation, an index, a value that is no text.
 */
enum { SCHEMA_OP_MAX = 2 + 3 * SCHEMA_NUMBER_MAX };

struct schema_out {
    const struct schema_root *root;
    struct buf *buf; /* its len is not up to date: `at` is */
    uint8_t *at, *end;
    size_t start;     /* where this message begins */
    uint32_t current; /* the object that decoders stand at */
    bool started;     /* they stand somewhere: a switch to the root is needed, too */
};

void schema_out_begin(struct schema_out *o, const struct schema_root *root, struct buf *buf);
void schema_out_end(struct schema_out *o);
void schema_out_grow(struct schema_out *o, size_t n);

static inline void schema_out_room(struct schema_out *o, size_t n)
{
    if ((size_t)(o->end - o->at) < n)
        schema_out_grow(o, n);
}

/* Makes decoders stand at node, if they do not already. Makes room for an operation. */
static inline void schema_out_switch(struct schema_out *o, const struct schema_node *node)
{
    schema_out_room(o, 2 * SCHEMA_OP_MAX);
    if (o->started && o->current == node->ref)
        return;
    *o->at++ = SCHEMA_SWITCH;
    o->at = schema_put_uint(o->at, node->ref);
    o->current = node->ref;
    o->started = true;
}

/* Room for SCHEMA_OP_MAX is there before and after. declared: the type of objects, whose heirs say
 * what they are; NULL when the operation must not (its bit ADD is not set). */
void schema_out_value(struct schema_out *o, unsigned kind, union schema_cell cell,
                      const struct schema_type *declared);
/* An operation with an index and, unless it is DELETE, a value. */
void schema_out_item(struct schema_out *o, const struct schema_node *container, uint8_t op,
                     uint32_t index, union schema_cell cell);
void schema_out_key(struct schema_out *o, str key);

/* The fields of `bits`, as clients are to have them; `sent` says which they have a value of. */
void schema_out_fields(struct schema_out *o, const struct schema_struct *s, uint64_t bits,
                       uint64_t sent, uint64_t dropped);
/* Everything that is in a container. */
void schema_out_container(struct schema_out *o, const struct schema_node *node);
/* What changed in a container since it was last committed; with the switch to it, if anything. */
void schema_out_container_changes(struct schema_out *o, const struct schema_node *node);
/* An entry of a map. */
void schema_out_entry(struct schema_out *o, const struct schema_node *map,
                      const struct schema_entry *e, uint8_t op);
void schema_out_clear(struct schema_out *o);
/* A field with that operation. *untold: the object that was written before it without its class,
 * and is set so. Makes room by itself. */
void schema_out_field(struct schema_out *o, const struct schema_struct *s, unsigned index,
                      uint8_t op, const struct schema_node **untold);
/* What changed in an array; schema_encode_array.c. */
void schema_out_array_changes(struct schema_out *o, const struct schema_array *a);

#endif
