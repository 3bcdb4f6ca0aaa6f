/* base/map.h - a hash table from bytes to a pointer, seeded so that peers cannot aim collisions.
 *
 * Keys are borrowed: they must live (unchanged) as long as the entry, normally inside the value.
 * Open addressing, SipHash-1-3 with a random key per process. Grows, and shrinks down to 8 entries;
 * who wants those back too calls map_free() on the empty map. The order of a walk is unspecified.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/str.h"

struct map_entry {
    const char *key; /* NULL: free */
    uint32_t key_len, hash;
    void *value;
};

struct map {
    struct map_entry *entries; /* NULL while empty */
    uint32_t count, cap;       /* cap is 0 or a power of two */
};

void *map_get(const struct map *m, str key); /* NULL: none */
/* Adds or replaces; returns the value it replaced, or NULL. value is not NULL. */
void *map_put(struct map *m, str key, void *value);
void *map_remove(struct map *m, str key); /* the value removed, or NULL */
void map_free(struct map *m);             /* the table only, not the values */

/* Walks: for (uint32_t at = 0; (v = map_next(m, &at));). The table must not change meanwhile. */
void *map_next(const struct map *m, uint32_t *at);

/* SipHash-1-3 under the process key. */
uint64_t map_hash(str key);
/* The same under a key of the caller's: one round per word, three to finish. */
uint64_t map_hash_with(const uint64_t key[2], str in);

#endif
