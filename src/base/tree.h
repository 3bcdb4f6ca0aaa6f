/* base/tree.h - an ordered table from bytes to a node: finding, and walking on from any key.
 *
 * Intrusive: nodes are embedded in their owners, which own the keys too. A treap whose priorities
 * come from the kernel, so that whoever chooses keys cannot make it deep. A walk holds no position
 * in the tree, only a key, and so survives any change.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct tree_node {
    struct tree_node *left, *right;
    uint64_t priority; /* a parent's is at least that of its children */
    str key;           /* borrowed: unchanged while the node is in a tree */
};

struct tree { /* zeroed: empty */
    struct tree_node *root;
    size_t count;
};

struct tree_node *tree_get(const struct tree *t, str key); /* NULL: none */
/* Adds a node with n->key set, which is not in the tree yet. */
void tree_add(struct tree *t, struct tree_node *n);
void tree_remove(struct tree *t, struct tree_node *n);

/* The first node whose key is key or comes behind it (tree_from), or comes behind it (tree_after).
 * Order: as memcmp, shorter first. NULL: none. */
struct tree_node *tree_from(const struct tree *t, str key);
struct tree_node *tree_after(const struct tree *t, str key);

#endif
