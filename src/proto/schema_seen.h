/* proto/schema_seen.h - what a view notes of each object: private to schema_view*.c and its root.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_SEEN_H
#define PROTO_SCHEMA_SEEN_H

#include "proto/schema_encode.h"
#include "proto/schema_view.h"

#define SCHEMA_MARK (UINT32_C(1) << 31) /* of SCHEMA_TAG; below it the bits of tags */

/* A value of a container that the client has through the view. */
struct schema_shown {
    uint32_t index; /* of a map: on the wire */
    uint32_t ref;
};

/* An object that was added, or of which the client has something through the view. */
struct schema_seen {
    struct list in_view;
    struct schema_node *node;
    uint32_t marks;  /* 0: not added */
    bool on_way;     /* something in it was, and so it stays in sight until it is removed */
    uint64_t pass;   /* of the last encoding that found it visible */
    bool whole;      /* of a container that shows all: the client has what was there last */
    bool stale;      /* of the same: it has something else, and must be emptied first */
    uint64_t fields; /* of an instance: which the client has */
    uint32_t *refs;  /* of an instance: per field with an object, which the client has; or NULL */
    struct schema_shown *shown; /* of a container that shows some, in order */
    uint32_t shown_count, shown_cap;
    uint32_t next_index; /* of a set or collection: values that the client was ever given */
};

struct schema_edge {
    struct schema_node *child;
    uint32_t next; /* edge of the same holder; UINT32_MAX: none */
};

struct schema_view {
    struct schema_root *root;
    struct map seen; /* by node */
    struct list order;
    struct schema_edge *edges; /* of this encoding: from holders to what is visible in them */
    uint32_t edge_count, edge_cap;
    struct schema_shown *spare; /* a list that nobody uses */
    uint32_t spare_cap;
    bool begun, changed; /* changed: marks, since the last encoding */
    uint32_t patch;      /* the root's, that it was last encoded in */
    size_t bytes;
};

struct schema_seen *schema_seen_find(const struct schema_view *view,
                                     const struct schema_node *node); /* NULL: none */
struct schema_seen *schema_seen_get(struct schema_view *view, struct schema_node *node);
void schema_seen_drop(struct schema_view *view, struct schema_seen *seen);
/* The client has nothing of it (any more). */
void schema_seen_forget(struct schema_seen *seen);
void schema_seen_show(struct schema_view *view, struct schema_seen *seen,
                      struct schema_shown shown);

/* The root says so: the object left; it has another reference, or what is in it has. */
void schema_views_drop(struct schema_root *root, struct schema_node *node);
void schema_views_forget(struct schema_root *root, struct schema_node *node);
void schema_views_stale(struct schema_root *root, struct schema_node *container);
/* A patch is committed: views that it was not encoded for have to begin anew. */
void schema_views_check(struct schema_root *root);

#endif
