/* base/arena.c - a chain of blocks, each at least twice the one before.
 *
 * Invariant: only the newest block has room; the older ones are kept for their contents alone.
 * Since each block is as large as all before it, an arena that is reset settles on a single block.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/poison.h"

/* Blocks above KEEP_BYTES are for one iteration only: a single large message shall not be kept for
 * ever. */
enum { ALIGN = 16, FIRST_BYTES = 16 * 1024, KEEP_BYTES = 1024 * 1024 };

struct arena_block {
    struct arena_block *older; /* NULL: the first */
    size_t size;               /* of data */
    alignas(ALIGN) uint8_t data[];
};

static void grow(struct arena *a, size_t n)
{
    size_t size = a->block ? a->block->size * 2 : FIRST_BYTES;
    struct arena_block *block;

    if (size > KEEP_BYTES)
        size = KEEP_BYTES;
    if (size < n)
        size = n;
    block = mem_alloc(sizeof *block + size);
    block->older = a->block;
    block->size = size;
    poison(block->data, size);
    a->block = block;
    a->used = 0;
}

static void block_free(struct arena_block *block)
{
    unpoison(block->data, block->size);
    mem_free(block);
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t taken = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    void *p;

    ASSERT(n <= PTRDIFF_MAX - ALIGN);
    if (!a->block || taken > a->block->size - a->used)
        grow(a, taken);
    p = a->block->data + a->used;
    a->used += taken;
    unpoison(p, n);
    return p;
}

str arena_copy(struct arena *a, str s)
{
    char *copy = arena_alloc(a, s.n);

    if (s.n)
        memcpy(copy, s.p, s.n);
    return (str){ copy, s.n };
}

/* Frees all blocks but the largest that is worth keeping. */
static void shrink(struct arena *a)
{
    struct arena_block *kept = NULL, *block = a->block;

    while (block) {
        struct arena_block *older = block->older;

        if (!kept && block->size <= KEEP_BYTES)
            kept = block;
        else
            block_free(block);
        block = older;
    }
    if (kept)
        kept->older = NULL;
    a->block = kept;
}

void arena_reset(struct arena *a)
{
    if (!a->block)
        return;
    if (a->block->older || a->block->size > KEEP_BYTES)
        shrink(a);
    if (a->block)
        poison(a->block->data, a->block->size);
    a->used = 0;
}

void arena_free(struct arena *a)
{
    while (a->block) {
        struct arena_block *older = a->block->older;

        block_free(a->block);
        a->block = older;
    }
    a->used = 0;
}
