/* base/mem.h - allocation that cannot fail, and a count of it.
 *
 * Out of memory aborts the worker (its supervisor starts another). Whatever a peer can grow has a
 * limit of its own and fails cleanly before that.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t n) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
void *mem_dup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
void mem_free(void *p); /* NULL is fine */

/* How many allocations (fresh or grown) this thread has made: tests of the hot path compare two
 * readings. */
uint64_t mem_count(void);

#endif
