/* base/id.c - ids: the generation above, the slot below.
 *
 * A generation is odd while its slot is in use and moves on at every change, so an id (whose
 * generation is odd, hence not 0) matches exactly one tenancy of its slot, until 2^31 tenancies
 * later.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/id.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/mem.h"

enum { FIRST_CAP = 16 };

static void grow(struct id_table *t)
{
    uint32_t cap = t->cap ? t->cap * 2 : FIRST_CAP;

    ASSERT(cap > t->cap);
    t->slots = mem_realloc(t->slots, cap * sizeof *t->slots);
    for (uint32_t i = cap; i-- > t->cap;) {
        t->slots[i] = (struct id_slot){ .next = t->free };
        t->free = i + 1;
    }
    t->cap = cap;
}

uint64_t id_add(struct id_table *t, void *object)
{
    uint32_t at;
    struct id_slot *slot;

    ASSERT(object);
    if (t->free == 0)
        grow(t);
    at = t->free - 1;
    slot = &t->slots[at];
    t->free = slot->next;
    slot->object = object;
    slot->gen++;
    t->count++;
    return (uint64_t)slot->gen << 32 | at;
}

/* The slot that id names now, or NULL. */
static struct id_slot *slot_of(const struct id_table *t, uint64_t id)
{
    uint32_t at = (uint32_t)id, gen = (uint32_t)(id >> 32);

    if (at >= t->cap || t->slots[at].gen != gen || gen % 2 == 0)
        return NULL;
    return &t->slots[at];
}

void *id_get(const struct id_table *t, uint64_t id)
{
    const struct id_slot *slot = slot_of(t, id);

    return slot ? slot->object : NULL;
}

void id_remove(struct id_table *t, uint64_t id)
{
    struct id_slot *slot = slot_of(t, id);

    if (!slot)
        return;
    slot->object = NULL;
    slot->gen++;
    slot->next = t->free;
    t->free = (uint32_t)(slot - t->slots) + 1;
    t->count--;
}

void id_table_free(struct id_table *t)
{
    mem_free(t->slots);
    *t = (struct id_table){ 0 };
}
