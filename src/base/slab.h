/* base/slab.h - free lists by size class (powers of two, 32 bytes to 4 KiB) for short-lived blocks
 * of the hot path. Blocks above the largest class come from the heap. Per thread, so no locks.
 *
 * The caches are bounded: a class keeps at most SLAB_KEEP_BYTES of free blocks. A block goes back
 * to the thread it came from; a thread that ends calls slab_trim() first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_KEEP_BYTES = 1 << 20, SLAB_BIG = 255 };

/* A block of at least n bytes; *class is what slab_free() wants back. */
void *slab_alloc(size_t n, uint8_t *class) __attribute__((returns_nonnull));
void slab_free(void *p, uint8_t class);
size_t slab_size(uint8_t class); /* bytes of a block of that class */
void slab_trim(void);            /* frees every cached block of this thread */

#endif
