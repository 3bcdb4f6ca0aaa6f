/* base/slab.c - free lists by size class, last in first out so that warm blocks are reused first.
 *
 * A free block holds the link of its list. Under AddressSanitizer the rest of it is poisoned and
 * the link sits at its very end, so that touching the front of a freed block is reported.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/slab.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/poison.h"

enum { SMALLEST_SHIFT = 5, CLASSES = 8, LARGEST = 1 << (SMALLEST_SHIFT + CLASSES - 1) };

struct shelf {
    void *free; /* NULL: none cached */
    size_t bytes;
};
static _Thread_local struct shelf shelves[CLASSES];

static inline size_t size_of(uint8_t class)
{
    return (size_t)1 << (SMALLEST_SHIFT + class);
}

static inline void **link_of(void *block, uint8_t class)
{
#if POISON_ENABLED
    return (void **)(void *)((char *)block + size_of(class) - sizeof(void *));
#else
    (void)class;
    return block;
#endif
}

static inline uint8_t class_of(size_t n)
{
    if (n <= 1 << SMALLEST_SHIFT)
        return 0;
    return (uint8_t)(64 - SMALLEST_SHIFT - __builtin_clzll(n - 1));
}

size_t slab_size(uint8_t class)
{
    ASSERT(class < CLASSES);
    return size_of(class);
}

void *slab_alloc(size_t n, uint8_t *class)
{
    struct shelf *shelf;
    void *block;

    if (n > LARGEST) {
        *class = SLAB_BIG;
        return mem_alloc(n);
    }
    *class = class_of(n);
    shelf = &shelves[*class];
    block = shelf->free;
    if (!block)
        return mem_alloc(size_of(*class));
    shelf->free = *link_of(block, *class);
    shelf->bytes -= size_of(*class);
    unpoison(block, size_of(*class));
    return block;
}

void slab_free(void *p, uint8_t class)
{
    struct shelf *shelf;
    size_t size;

    if (class == SLAB_BIG) {
        mem_free(p);
        return;
    }
    ASSERT(class < CLASSES);
    size = size_of(class);
    shelf = &shelves[class];
    unpoison(p, size);
    if (shelf->bytes + size > SLAB_KEEP_BYTES) {
        mem_free(p);
        return;
    }
    *link_of(p, class) = shelf->free;
    shelf->free = p;
    shelf->bytes += size;
    poison(p, size - sizeof(void *));
}

void slab_trim(void)
{
    for (uint8_t class = 0; class < CLASSES; class ++) {
        struct shelf *shelf = &shelves[class];
        void *block;

        while ((block = shelf->free)) {
            shelf->free = *link_of(block, class);
            unpoison(block, size_of(class));
            mem_free(block);
        }
        shelf->bytes = 0;
    }
}
