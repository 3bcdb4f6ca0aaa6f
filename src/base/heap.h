/* base/heap.h - a binary heap of embedded nodes: the least is at hand, any can be taken out.
 *
 * The owner gives the order, and says when a node's place in it may have changed. Adding, moving
 * and removing take time that grows with the logarithm of the count.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint32_t at; /* place in the heap, from 1; 0: in none */
};

struct heap {
    struct heap_node **nodes;
    uint32_t count, cap;
    /* Whether a comes before b. */
    bool (*before)(const struct heap_node *a, const struct heap_node *b);
};

#define HEAP(order) ((struct heap){ .before = (order) })

static inline struct heap_node *heap_first(const struct heap *h) /* NULL: empty */
{
    return h->count ? h->nodes[0] : NULL;
}
void heap_add(struct heap *h, struct heap_node *n);    /* n->at is 0 */
void heap_remove(struct heap *h, struct heap_node *n); /* a no-op when it is in none */
void heap_moved(struct heap *h, struct heap_node *n);  /* its place in the order has changed */
void heap_free(struct heap *h);                        /* the table only */

#endif
