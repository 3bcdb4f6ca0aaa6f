/* proto/schema.h - the state of a room as @colyseus/schema has it: objects of declared types in a
 * tree, changes of which are sent as patches.
 *
 * Types are declared at run time and kept in a registry. Objects (struct schema_node) are instances
 * of a type, or containers: maps, arrays, sets and collections of primitives or of instances. A
 * root (struct schema_root) is one state: its object, everything that hangs on it, and what of that
 * has changed. schema_encode() writes the changes once for all clients, schema_encode_all() the
 * whole for one that joins; the bytes are understood by the decoders of schema 3, 4 and 5.
 *
 * The rules
 *   - An instance may hang in several places of one root; a container in one. Nothing may hang in
 *     itself, or deeper than SCHEMA_DEPTH_MAX.
 *   - Setting what is there already changes nothing. Only the last value before a patch is sent.
 *   - What leaves the tree and comes back before the next patch stays the same object for clients;
 *     later it is a new one.
 *   - A patch is schema_encode(), sent to all, then schema_commit(). A new client gets the whole
 *     state between two patches: schema_encode_all() refuses while changes are waiting, so what it
 *     gets and what follows fit.
 *   - Functions that fail change nothing.
 *
 * An object lives while somebody holds it (schema_new() does, schema_drop() ends that) or it hangs
 * in another.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { SCHEMA_FIELDS_MAX = 63, SCHEMA_DEPTH_MAX = 64 };

/* --- Types --- */

enum schema_kind {
    SCHEMA_NONE,
    SCHEMA_STRING,
    SCHEMA_NUMBER,
    SCHEMA_BOOLEAN,
    SCHEMA_INT8,
    SCHEMA_UINT8,
    SCHEMA_INT16,
    SCHEMA_UINT16,
    SCHEMA_INT32,
    SCHEMA_UINT32,
    SCHEMA_INT64,
    SCHEMA_UINT64,
    SCHEMA_FLOAT32,
    SCHEMA_FLOAT64,
    SCHEMA_BIGINT64,
    SCHEMA_BIGUINT64,
    SCHEMA_REF, /* an instance; the kinds from here on are of objects */
    SCHEMA_MAP,
    SCHEMA_ARRAY,
    SCHEMA_SET,
    SCHEMA_COLLECTION,
    SCHEMA_KINDS
};

struct schema_registry;
struct schema_type;
struct schema_node;
struct schema_root;
struct schema_view;

/* What a field, or the values of a container, can be. */
struct schema_spec {
    enum schema_kind kind;
    enum schema_kind child;   /* of containers: a primitive, or SCHEMA_REF */
    struct schema_type *type; /* of SCHEMA_REF, and of containers of it */
    int32_t tag;              /* 0: for every client; SCHEMA_TAG: for views that have the object;
                               * above: bits, for views that have it with one of them */
};
enum { SCHEMA_TAG = -1 };

/* "number", "int8", "ref", "map", ...; SCHEMA_NONE when there is no such kind. */
enum schema_kind schema_kind_named(str name);
str schema_kind_name(enum schema_kind kind);

struct schema_registry *schema_registry_new(void);
/* No object of its types is left. NULL is fine. */
void schema_registry_free(struct schema_registry *r);

/* A type without fields of its own; of parent (or NULL) it has all. Lives as long as the registry.
 */
struct schema_type *schema_define(struct schema_registry *r, str name, struct schema_type *parent);
/* Adds a field; returns its index. ATR_ELIMIT: there are SCHEMA_FIELDS_MAX already; ATR_EEXISTS:
 * the name is taken; ATR_ESTATE: the type has instances or heirs already; ATR_ETYPE: no sense in
 * spec. */
int schema_field(struct schema_type *type, str name, const struct schema_spec *spec) MUST_CHECK;

str schema_type_name(const struct schema_type *type);
struct schema_type *schema_type_parent(const struct schema_type *type);
unsigned schema_field_count(const struct schema_type *type);
/* ATR_EUNKNOWN: none of that name. */
int schema_field_index(const struct schema_type *type, str name);
str schema_field_name(const struct schema_type *type, unsigned index);
const struct schema_spec *schema_field_spec(const struct schema_type *type, unsigned index);

/* --- Values --- */

enum schema_value_kind {
    SCHEMA_VALUE_NONE, /* not there, null */
    SCHEMA_VALUE_NUMBER,
    SCHEMA_VALUE_INTEGER,  /* for int64 and bigint64, and what fits of others */
    SCHEMA_VALUE_UNSIGNED, /* for uint64 and biguint64, and what fits of others */
    SCHEMA_VALUE_BOOLEAN,
    SCHEMA_VALUE_TEXT, /* UTF-8 */
    SCHEMA_VALUE_NODE
};

struct schema_value {
    enum schema_value_kind kind;
    union {
        double number;
        int64_t integer;
        uint64_t uint;
        bool boolean;
        str text; /* when read: valid until the value changes */
        struct schema_node *node;
    };
};

static inline struct schema_value schema_number(double n)
{
    return (struct schema_value){ .kind = SCHEMA_VALUE_NUMBER, .number = n };
}
static inline struct schema_value schema_integer(int64_t n)
{
    return (struct schema_value){ .kind = SCHEMA_VALUE_INTEGER, .integer = n };
}
static inline struct schema_value schema_unsigned(uint64_t n)
{
    return (struct schema_value){ .kind = SCHEMA_VALUE_UNSIGNED, .uint = n };
}
static inline struct schema_value schema_boolean(bool value)
{
    return (struct schema_value){ .kind = SCHEMA_VALUE_BOOLEAN, .boolean = value };
}
static inline struct schema_value schema_text(str s)
{
    return (struct schema_value){ .kind = SCHEMA_VALUE_TEXT, .text = s };
}
static inline struct schema_value schema_object(struct schema_node *node)
{
    return (struct schema_value){ .kind = SCHEMA_VALUE_NODE, .node = node };
}

/* Every function below that takes a value to be stored may answer:
 *   ATR_ETYPE      another kind than declared; an instance of another type
 *   ATR_ERANGE     a number that the kind cannot hold (what follows its point is cut off)
 *   ATR_EENCODING  a text that is not UTF-8
 *   ATR_ESTATE     an object that hangs in another root; a container that hangs somewhere already
 *   ATR_EREFUSED   an object that would hang in itself
 *   ATR_ELIMIT     too deep, or over a limit of the root */

/* --- Objects --- */

struct schema_node *schema_new(struct schema_type *type); /* every field is unset */
/* A container of what spec says; its tag does not matter. */
struct schema_node *schema_new_container(const struct schema_spec *spec);
struct schema_node *schema_hold(struct schema_node *node);
void schema_drop(struct schema_node *node); /* NULL is fine */

enum schema_kind schema_kind_of(const struct schema_node *node);
struct schema_type *schema_type_of(const struct schema_node *node); /* NULL: a container */
/* Number of clients' reference; 0 also when it hangs in no root. */
uint32_t schema_ref(const struct schema_node *node);
bool schema_attached(const struct schema_node *node);

/* --- Fields of an instance --- */

/* SCHEMA_VALUE_NONE unsets. ATR_EUNKNOWN: no such index. */
int schema_set(struct schema_node *node, unsigned index, struct schema_value value) MUST_CHECK;
/* The same for a number, which is what changes most: faster. */
int schema_set_number(struct schema_node *node, unsigned index, double n) MUST_CHECK;
struct schema_value schema_get(const struct schema_node *node, unsigned index);

/* --- Containers --- */

uint32_t schema_count(const struct schema_node *container);
void schema_clear(struct schema_node *container);

/* Maps. SCHEMA_VALUE_NONE removes. The order is that of insertion. */
int schema_map_set(struct schema_node *map, str key, struct schema_value value) MUST_CHECK;
struct schema_value schema_map_get(const struct schema_node *map, str key);
/* Walks: for (uint32_t at = 0; schema_map_next(map, &at, &key, &value);). */
bool schema_map_next(const struct schema_node *map, uint32_t *at, str *key,
                     struct schema_value *value);

/* Arrays. ATR_ERANGE also for an index above the count (of set and remove: from it on). */
int schema_array_set(struct schema_node *array, uint32_t index,
                     struct schema_value value) MUST_CHECK;
int schema_array_insert(struct schema_node *array, uint32_t index,
                        struct schema_value value) MUST_CHECK;
int schema_array_push(struct schema_node *array, struct schema_value value) MUST_CHECK;
int schema_array_remove(struct schema_node *array, uint32_t index, uint32_t count) MUST_CHECK;
int schema_array_move(struct schema_node *array, uint32_t from, uint32_t to) MUST_CHECK;
void schema_array_reverse(struct schema_node *array);
/* order[i] is the index of the value that comes to i: each index once, else ATR_ERANGE. */
int schema_array_permute(struct schema_node *array, const uint32_t *order) MUST_CHECK;
struct schema_value schema_array_get(const struct schema_node *array, uint32_t index);

/* Sets and collections. Adding to a set what it has answers 0 as well. */
int schema_list_add(struct schema_node *list, struct schema_value value) MUST_CHECK;
/* The first that is equal. ATR_EUNKNOWN: none. */
int schema_list_remove(struct schema_node *list, struct schema_value value) MUST_CHECK;
bool schema_list_has(const struct schema_node *list, struct schema_value value);
struct schema_value schema_list_get(const struct schema_node *list, uint32_t at);

/* --- A state --- */

struct schema_limits {
    uint32_t nodes_max; /* objects in the tree; 0: no limit */
    size_t bytes_max;   /* their memory; 0: no limit */
};

/* Takes types that are reachable from the object's type: others cannot hang in it. The object is
 * held until the root is freed. ATR_ESTATE: it hangs in something. */
int schema_root_new(struct schema_node *node, const struct schema_limits *limits,
                    struct schema_root **out) MUST_CHECK;
void schema_root_free(struct schema_root *root); /* NULL is fine */

uint32_t schema_root_nodes(const struct schema_root *root);
size_t schema_root_bytes(const struct schema_root *root);

/* Whether something has changed since schema_commit(). */
bool schema_changed(const struct schema_root *root);

/* Appends what has changed since the last schema_commit(), as every client gets it; nothing when
 * that is nothing. Until schema_commit() nothing may be changed. */
void schema_encode(struct schema_root *root, struct buf *out);
/* What has changed so far, clients have: encoded, or not wanted by anybody. (A state that nobody
 * looks at wants this too, now and then: what left it is kept until then.) */
void schema_commit(struct schema_root *root);
/* Appends everything, for a new client. ATR_ESTATE while changes wait for schema_commit(). */
int schema_encode_all(struct schema_root *root, struct buf *out) MUST_CHECK;
/* The same for a client that comes back with what it knew, from which things may have gone: its
 * containers are emptied first. */
int schema_encode_resumed(struct schema_root *root, struct buf *out) MUST_CHECK;

/* Appends the types, for JOIN_ROOM. generation: 0 for a form that all decoders read, or that of
 * schema 3 and 4 (16, 17) or 5 (18) alone. */
void schema_reflect(const struct schema_root *root, unsigned generation, struct buf *out);

#endif
