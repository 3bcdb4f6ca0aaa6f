/* base/arena.h - scratch memory that dies all at once: the loop resets one each iteration.
 *
 * Nothing longer-lived may point into it. Unused bytes are poisoned under AddressSanitizer. After a
 * reset one block is kept, so a warm loop allocates nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct arena_block;
struct arena {
    struct arena_block *block; /* newest first; NULL while unused */
    size_t used;               /* bytes of the newest block */
};

void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull)); /* aligned to 16 */
str arena_copy(struct arena *a, str s);
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
