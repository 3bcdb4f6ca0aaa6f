/* base/tree.c - see tree.h.
 *
 * Adding splits the subtree of the first node with a lower priority at the new key; removing joins
 * the two subtrees of the node. Both go down one path.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/tree.h"

#include "base/assert.h"
#include "base/random.h"

struct tree_node *tree_get(const struct tree *t, str key)
{
    struct tree_node *n = t->root;
    int order;

    while (n && (order = str_cmp(key, n->key)) != 0)
        n = order < 0 ? n->left : n->right;
    return n;
}

/* Cuts the tree at n in two: what precedes the key goes to *before, what follows it to *behind. */
static void split(struct tree_node *n, str key, struct tree_node **before,
                  struct tree_node **behind)
{
    while (n) {
        if (str_cmp(n->key, key) < 0) {
            *before = n;
            before = &n->right;
            n = n->right;
        } else {
            *behind = n;
            behind = &n->left;
            n = n->left;
        }
    }
    *before = *behind = NULL;
}

void tree_add(struct tree *t, struct tree_node *n)
{
    struct tree_node **at = &t->root;

    n->priority = random_u64();
    while (*at && (*at)->priority >= n->priority) {
        int order = str_cmp(n->key, (*at)->key);

        ASSERT(order != 0);
        at = order < 0 ? &(*at)->left : &(*at)->right;
    }
    split(*at, n->key, &n->left, &n->right);
    *at = n;
    t->count++;
}

void tree_remove(struct tree *t, struct tree_node *n)
{
    struct tree_node **at = &t->root, *left = n->left, *right = n->right;

    while (*at != n) {
        ASSERT(*at);
        at = str_cmp(n->key, (*at)->key) < 0 ? &(*at)->left : &(*at)->right;
    }
    while (left && right) {
        if (left->priority >= right->priority) {
            *at = left;
            at = &left->right;
            left = left->right;
        } else {
            *at = right;
            at = &right->left;
            right = right->left;
        }
    }
    *at = left ? left : right;
    n->left = n->right = NULL;
    t->count--;
}

static struct tree_node *first_behind(const struct tree *t, str key, bool also_equal)
{
    struct tree_node *n = t->root, *found = NULL;

    while (n) {
        int order = str_cmp(key, n->key);

        if (order < 0 || (order == 0 && also_equal)) {
            found = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return found;
}

struct tree_node *tree_from(const struct tree *t, str key)
{
    return first_behind(t, key, true);
}

struct tree_node *tree_after(const struct tree *t, str key)
{
    return first_behind(t, key, false);
}
