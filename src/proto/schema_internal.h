/* proto/schema_internal.h - what the files of the state encoder share.
 *
 * Who hangs where: every place that an object hangs in is an *edge* from its holder. An object is
 * *live* while a live holder, or a root, has an edge to it; it then belongs to a root and has a
 * reference number. It is *public* while an edge from a public holder leads to it through a field
 * without a tag; only public objects are in what all clients share.
 *
 * Losing the last edge does nothing at once: the object is put on the root's list of the fallen,
 * and the next encoding looks whether it is still so (schema_settle). Thus what moves within the
 * tree keeps its number.
 *
 * `known` says that clients were told of the object, and then the fields below it what they were
 * told: it is reset when they have forgotten it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_INTERNAL_H
#define PROTO_SCHEMA_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "proto/schema.h"
#include "proto/schema_primitive.h"

/* Bytes of the wire. */
enum {
    SCHEMA_SWITCH = 0xff,
    SCHEMA_TYPE_ID = 0xd5,
    SCHEMA_ADD = 0x80,
    SCHEMA_REPLACE = 0x00,
    SCHEMA_DELETE = 0x40,
    SCHEMA_DELETE_AND_ADD = 0xc0,
    SCHEMA_CLEAR = 0x0a,
    SCHEMA_REVERSE = 0x0f,
    SCHEMA_DELETE_BY_REF = 0x21,
    SCHEMA_ADD_BY_REF = 0x81
};

struct schema_text {
    uint32_t n, cap;
    char p[];
};

/* A stored value; the kind that was declared says which. */
union schema_cell {
    double number;   /* number, float32, float64, and integers up to 32 bits */
    int64_t integer; /* int64, bigint64 */
    uint64_t uint;   /* uint64, biguint64 */
    bool boolean;
    struct schema_text *text;
    struct schema_node *node;
};

struct schema_field {
    struct schema_spec spec;
    str name; /* owned */
};

struct schema_type {
    struct schema_registry *registry;
    struct schema_type *parent;
    str name; /* owned */
    uint32_t serial;
    bool sealed;             /* has instances or heirs */
    uint8_t count, own;      /* fields, and those that the parent has not */
    uint64_t objects, texts; /* which fields are */
    uint64_t tagged;
    struct schema_field fields[SCHEMA_FIELDS_MAX];
};

struct schema_registry {
    struct schema_type **types;
    uint32_t count, cap;
    uint64_t stamp; /* of the last walk through objects of its types */
};

struct schema_node {
    uint8_t kind;
    uint8_t child_kind; /* of containers */
    struct schema_type *child_type;
    struct schema_type *type; /* of instances */
    struct schema_root *root; /* NULL unless live, or fallen since the last encoding */
    uint32_t ref;
    uint32_t handles;         /* of the application */
    uint32_t live, published; /* live edges to it, and the public of them */
    uint8_t height;           /* at least that of the tree below */
    uint8_t depth;            /* as the last check of a place found it */
    bool known;               /* to the clients that share patches */
    bool shown;               /* its edges count as public */
    bool queued, fallen;      /* in the root's lists */
    uint64_t stamp;           /* of the last walk that came here */
    uint64_t pass, emitted;   /* of the last view's that found it visible, that wrote it */
    uint32_t edges;           /* of that pass: to what is visible in it */
    uint32_t holder_count, holder_cap;
    struct schema_node *holder;   /* the only one, or */
    struct schema_node **holders; /* NULL unless there is room for more */
    struct list in_dirty, in_fallen;
    size_t bytes;
};

struct schema_struct {
    struct schema_node node;
    uint64_t present, dirty;
    uint64_t sent;    /* fields that clients have a value of */
    uint64_t dropped; /* of these: unset since the last patch, if only for a moment */
    union schema_cell cells[];
};

struct schema_entry {
    union schema_cell cell;
    uint32_t index; /* on the wire */
    uint32_t at;    /* in the order */
    bool known;     /* clients have the key */
    bool queued;    /* in the journal */
    bool gone;      /* removed since the last patch; still found, so that its index comes back */
    bool dropped;   /* was gone for a moment */
    uint32_t key_len;
    char key[];
};

struct schema_map {
    struct schema_node node;
    struct map keys;               /* of struct schema_entry */
    struct schema_entry **order;   /* by insertion; NULL where one was removed */
    uint32_t used, cap;            /* of order */
    uint32_t count;                /* entries that are not gone */
    struct schema_entry **journal; /* changed since the last patch */
    uint32_t journaled, journal_cap;
    uint32_t next_index;
    bool cleared; /* since the last patch, before what is in the journal */
};

struct schema_array {
    struct schema_node node;
    union schema_cell *items;
    uint32_t count, cap;
    uint32_t base;        /* how many clients have */
    uint64_t *changed;    /* bits: items below base that were replaced. While not reshaped */
    uint32_t changes;     /* bits that are set */
    uint32_t changed_cap; /* words */
    int32_t *origin;      /* while reshaped: where clients have each item, or -1 */
    uint32_t origin_cap;
    bool reshaped;
    bool cleared; /* since the last patch: base is 0 */
};

struct schema_list {
    struct schema_node node;
    union schema_cell *items;
    uint32_t count, cap;
    uint32_t base;       /* how many of the first clients have */
    uint32_t next_index; /* on the wire: values added to it by any client so far, or more */
    bool rewritten;      /* one that clients have was removed: all are sent anew */
};

struct schema_root {
    struct schema_node *node;
    struct schema_registry *registry;
    struct schema_limits limits;
    struct list dirty, fallen;
    uint32_t next_ref;
    uint32_t count;
    size_t bytes;
    int32_t *ids; /* by serial: the type's number on the wire, -1 for none */
    uint32_t ids_count;
    struct schema_type **types; /* by number */
    uint32_t types_count;
    struct buf preamble; /* containers to be emptied before the next patch */
    uint32_t patch;      /* how many were committed */
    struct schema_view **views;
    uint32_t view_count, view_cap;
};

#define SCHEMA_BIT(i) (UINT64_C(1) << (i))

static inline bool schema_is_object(unsigned kind)
{
    return kind >= SCHEMA_REF;
}
static inline struct schema_struct *schema_struct_of(const struct schema_node *n)
{
    return container_of(n, struct schema_struct, node);
}
static inline struct schema_map *schema_map_of(const struct schema_node *n)
{
    return container_of(n, struct schema_map, node);
}
static inline struct schema_array *schema_array_of(const struct schema_node *n)
{
    return container_of(n, struct schema_array, node);
}
static inline struct schema_list *schema_list_of(const struct schema_node *n)
{
    return container_of(n, struct schema_list, node);
}

/* --- schema_cell.c --- */

/* Checks a value and makes a cell of it; does not look at objects' places. */
int schema_cell_make(struct schema_value value, const struct schema_spec *spec,
                     union schema_cell *out) MUST_CHECK;
/* What a container's values are to be. */
struct schema_spec schema_child_spec(const struct schema_node *container);
bool schema_cells_equal(unsigned kind, union schema_cell a, union schema_cell b);
void schema_cell_free(unsigned kind, union schema_cell cell); /* texts; not objects */
struct schema_value schema_cell_value(unsigned kind, union schema_cell cell);
size_t schema_cell_bytes(unsigned kind, union schema_cell cell);

/* --- schema_node.c --- */

void schema_node_init(struct schema_node *node, unsigned kind, size_t bytes);
/* open: through a field without a tag, or in a container. */
void schema_edge_add(struct schema_node *holder, struct schema_node *child, bool open);
void schema_edge_remove(struct schema_node *holder, struct schema_node *child, bool open);
/* Memory that it took, or gave back. */
int schema_room(const struct schema_node *node, size_t bytes) MUST_CHECK; /* is there that much? */
void schema_account(struct schema_node *node, ptrdiff_t bytes);
void schema_queue(struct schema_node *node); /* it is live and has changed */
static inline void schema_touch(struct schema_node *node)
{
    if (!node->queued && node->root)
        schema_queue(node);
}
/* Into a root, with what hangs in it. */
void schema_adopt(struct schema_node *node, struct schema_root *root);
/* It may have no edge any more. */
void schema_fall(struct schema_node *node);
/* Calls visit for every edge. */
typedef void schema_visit(struct schema_node *holder, struct schema_node *child, bool open,
                          void *user);
void schema_each_child(struct schema_node *node, schema_visit *visit, void *user);
/* Looks at the fallen: what is still without an edge leaves the tree. */
void schema_settle(struct schema_root *root);

/* --- schema_place.c --- */

/* Whether child may hang in holder, and its root can take it. */
int schema_edge_check(struct schema_node *holder, struct schema_node *child) MUST_CHECK;

/* What a tree would add to a root; each object is counted once, its height anew. */
struct schema_measure {
    const struct schema_root *root; /* where it is to go; NULL: only heights are wanted */
    uint64_t stamp;
    uint32_t count;
    size_t bytes;
    unsigned height; /* internal */
    int err;
};
void schema_measure(struct schema_node *node, struct schema_measure *m);

/* For a walk that comes to each object once: it marks those where it was. */
static inline uint64_t schema_next_stamp(struct schema_registry *registry)
{
    return ++registry->stamp;
}

/* --- per kind: what clients have is forgotten; memory is freed (edges are gone already) --- */

void schema_struct_forget(struct schema_struct *s);
void schema_map_forget(struct schema_map *m);
void schema_array_forget(struct schema_array *a);
void schema_list_forget(struct schema_list *l);
void schema_struct_free(struct schema_struct *s);
void schema_map_free(struct schema_map *m);
void schema_array_free(struct schema_array *a);
void schema_list_free(struct schema_list *l);

/* --- what was encoded is what clients have --- */

void schema_map_sent(struct schema_map *m);
void schema_array_sent(struct schema_array *a);
/* Whether the value there, below base, was replaced; while the array is not reshaped. */
bool schema_array_is_changed(const struct schema_array *a, uint32_t index);
void schema_list_sent(struct schema_list *l);

/* --- schema_type.c --- */

bool schema_type_is(const struct schema_type *type, const struct schema_type *base);
/* Numbers the types that can hang in an object of that type. */
void schema_types_number(struct schema_root *root, struct schema_type *type);

#endif
