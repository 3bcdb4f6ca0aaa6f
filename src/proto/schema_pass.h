/* proto/schema_pass.h - one encoding of a view: private to schema_view_encode.c and
 * schema_view_pick.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_PASS_H
#define PROTO_SCHEMA_PASS_H

#include "proto/schema_seen.h"

#define SCHEMA_NO_EDGE UINT32_MAX

struct schema_pass {
    struct schema_view *view;
    struct schema_out out;
    uint64_t stamp;
    bool all;     /* not what changed: the client has nothing of it */
    bool resumed; /* but perhaps of earlier */
};

/* Found on the way up: it was added, or something in it. */
static inline bool schema_is_revealed(const struct schema_pass *p, const struct schema_node *node)
{
    return !node->shown && node->pass == p->stamp;
}

/* The client forgets what it has in a container. */
void schema_pass_clear(struct schema_pass *p, struct schema_node *node);
/* A container that shows some of its objects: what changed of these. */
void schema_pass_pick(struct schema_pass *p, struct schema_node *node, struct schema_seen *seen);

#endif
