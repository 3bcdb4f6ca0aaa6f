/* store/memory.h - a store in this process's memory: for one process, and the reference for all
 * others.
 *
 * Everything that names it sees the same data only when it is the same object.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include "cluster/store.h"

struct store_memory;

/* The data. clock_ms: CLOCK_BOOTTIME, or a test's; NULL: the former. bytes_max 0: BOOK_BYTES_MAX.
 */
struct store_memory *store_memory_new(struct loop *l, uint64_t (*clock_ms)(void), size_t bytes_max);
/* Every store that was opened on it is closed. */
void store_memory_free(struct store_memory *m);

/* A store on that data, for store_close(). */
struct store *store_memory_open(struct store_memory *m);

/* Looks at the clock: what is due ends. The loop does it often enough by itself. */
void store_memory_tick(struct store_memory *m);

#endif
