/* base/map.c - Robin Hood hashing: a probe that has come further than an entry takes its place.
 *
 * Invariants
 *   - cap is 0 or a power of two, and at most 7/8 of it is in use;
 *   - along a run of used entries the distance from home grows by at most 1 per step, so a search
 * ends at the first entry that is nearer to its home than the search is to its own;
 *   - there are no tombstones: a removal shifts the rest of its run back by one.
 *
 * Start reading at find().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"

enum { MIN_CAP = 8 };
#define NOT_FOUND UINT32_MAX

static uint64_t hash_key[2];
static atomic_bool hash_key_ready;
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void make_hash_key(void)
{
    random_bytes(hash_key, sizeof hash_key);
    atomic_store_explicit(&hash_key_ready, true, memory_order_release);
}

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline uint64_t load_le64(const char *p)
{
    uint64_t word;

    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The last n < 8 bytes, without the call that a memcpy of unknown length would be. */
static inline uint64_t load_tail(const char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)p[i] << (i * 8);
    return word;
}

uint64_t map_hash_with(const uint64_t key[2], str in)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                      key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
    uint64_t word;
    size_t left = in.n;
    const char *p = in.p;

    for (; left >= 8; left -= 8, p += 8) {
        word = load_le64(p);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)in.n << 56 | load_tail(p, left);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t map_hash(str key)
{
    if (!atomic_load_explicit(&hash_key_ready, memory_order_acquire))
        pthread_once(&hash_key_once, make_hash_key);
    return map_hash_with(hash_key, key);
}

/* How far the entry at `at` is from where its hash wants it. */
static inline uint32_t distance(const struct map *m, uint32_t at)
{
    return (at - m->entries[at].hash) & (m->cap - 1);
}

static uint32_t find(const struct map *m, str key, uint32_t hash)
{
    uint32_t mask = m->cap - 1, at = hash & mask;

    if (m->cap == 0)
        return NOT_FOUND;
    for (uint32_t gone = 0; m->entries[at].key && distance(m, at) >= gone; gone++) {
        const struct map_entry *e = &m->entries[at];

        if (e->hash == hash && str_eq((str){ e->key, e->key_len }, key))
            return at;
        at = (at + 1) & mask;
    }
    return NOT_FOUND;
}

/* Places an entry whose key is not in the table; the table has room. */
static void place(struct map *m, struct map_entry e)
{
    uint32_t mask = m->cap - 1, at = e.hash & mask;

    for (uint32_t gone = 0; m->entries[at].key; gone++) {
        uint32_t theirs = distance(m, at);

        if (theirs < gone) {
            struct map_entry moved = m->entries[at];

            m->entries[at] = e;
            e = moved;
            gone = theirs;
        }
        at = (at + 1) & mask;
    }
    m->entries[at] = e;
}

static void resize(struct map *m, uint32_t cap)
{
    struct map old = *m;

    m->entries = cap ? mem_zalloc(cap * sizeof *m->entries) : NULL;
    m->cap = cap;
    for (uint32_t i = 0; i < old.cap; i++) {
        if (old.entries[i].key)
            place(m, old.entries[i]);
    }
    mem_free(old.entries);
}

void *map_get(const struct map *m, str key)
{
    uint32_t at;

    if (m->count == 0)
        return NULL;
    at = find(m, key, (uint32_t)map_hash(key));
    return at == NOT_FOUND ? NULL : m->entries[at].value;
}

void *map_put(struct map *m, str key, void *value)
{
    uint32_t hash = (uint32_t)map_hash(key), at;
    struct map_entry e = { key.p ? key.p : "", (uint32_t)key.n, hash, value };

    ASSERT(value);
    ASSERT(key.n <= UINT32_MAX);
    at = find(m, key, hash);
    if (at != NOT_FOUND) {
        void *old = m->entries[at].value;

        m->entries[at] = e; /* the key too: the old one may go with the old value */
        return old;
    }
    if (m->count + 1 > m->cap - m->cap / 8) {
        ASSERT(m->cap < 1u << 31);
        resize(m, m->cap ? m->cap * 2 : MIN_CAP);
    }
    place(m, e);
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, str key)
{
    uint32_t mask = m->cap - 1, at, next;
    void *old;

    if (m->count == 0)
        return NULL;
    at = find(m, key, (uint32_t)map_hash(key));
    if (at == NOT_FOUND)
        return NULL;
    old = m->entries[at].value;
    for (next = (at + 1) & mask; m->entries[next].key && distance(m, next) > 0;
         at = next, next = (next + 1) & mask)
        m->entries[at] = m->entries[next];
    m->entries[at] = (struct map_entry){ 0 };
    m->count--;
    /* Far from the point where it would grow again, so that no workload flips between the two. */
    if (m->cap > MIN_CAP && m->count < m->cap / 8)
        resize(m, m->cap / 4 > MIN_CAP ? m->cap / 4 : MIN_CAP);
    return old;
}

void map_free(struct map *m)
{
    mem_free(m->entries);
    *m = (struct map){ 0 };
}

void *map_next(const struct map *m, uint32_t *at)
{
    while (*at < m->cap) {
        const struct map_entry *e = &m->entries[(*at)++];

        if (e->key)
            return e->value;
    }
    return NULL;
}
