/* base/id.h - ids that name objects across owners: a slot and a generation.
 *
 * What scripts, timers of other layers and asynchronous replies keep instead of a pointer: a stale
 * id finds nothing. A zero id names nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

struct id_slot {
    void *object;  /* NULL while free */
    uint32_t gen;  /* odd while in use */
    uint32_t next; /* free list */
};

struct id_table {
    struct id_slot *slots;
    uint32_t cap, count, free; /* free: first free slot + 1; 0: none */
};

uint64_t id_add(struct id_table *t, void *object);   /* never 0 */
void *id_get(const struct id_table *t, uint64_t id); /* NULL: gone */
void id_remove(struct id_table *t, uint64_t id);     /* a stale id is a no-op */
void id_table_free(struct id_table *t);

#endif
