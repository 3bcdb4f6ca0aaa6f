/* base/heap.c - see heap.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/heap.h"

#include "base/assert.h"
#include "base/mem.h"

static void put(struct heap *h, uint32_t index, struct heap_node *n)
{
    h->nodes[index] = n;
    n->at = index + 1;
}

static void up(struct heap *h, uint32_t index)
{
    struct heap_node *n = h->nodes[index];

    while (index && h->before(n, h->nodes[(index - 1) / 2])) {
        put(h, index, h->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(h, index, n);
}

static void down(struct heap *h, uint32_t index)
{
    struct heap_node *n = h->nodes[index];

    for (;;) {
        uint32_t child = index * 2 + 1;

        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->before(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!h->before(h->nodes[child], n))
            break;
        put(h, index, h->nodes[child]);
        index = child;
    }
    put(h, index, n);
}

void heap_add(struct heap *h, struct heap_node *n)
{
    ASSERT(n->at == 0);
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 8;
        h->nodes = mem_realloc(h->nodes, h->cap * sizeof *h->nodes);
    }
    h->nodes[h->count++] = n;
    up(h, h->count - 1);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    uint32_t index = n->at - 1;

    if (!n->at)
        return;
    ASSERT(h->nodes[index] == n);
    n->at = 0;
    struct heap_node *last = h->nodes[--h->count];
    if (last == n)
        return;
    put(h, index, last);
    heap_moved(h, last);
}

void heap_moved(struct heap *h, struct heap_node *n)
{
    up(h, n->at - 1);
    down(h, n->at - 1);
}

void heap_free(struct heap *h)
{
    mem_free(h->nodes);
    h->nodes = NULL;
    h->count = h->cap = 0;
}
