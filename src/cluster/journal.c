/* cluster/journal.c - see journal.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/journal.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/mem.h"

enum { HEAD_BYTES = 4096, ALIGN = 8 };
static const uint32_t REMOVED = UINT32_MAX;

struct journal_head {
    _Atomic uint32_t active; /* the half in use: 0 or 1 */
    _Atomic uint64_t used[2];
};

/* In shared memory, followed by the key and the value. */
struct record {
    uint32_t bytes;          /* with padding: a multiple of 8 */
    uint32_t key_n, value_n; /* value_n REMOVED: the key has no value any more */
    uint32_t reserved;
    char data[];
};

struct journal_record { /* ours, in journal.records */
    uint64_t at;        /* in the half in use */
    uint32_t bytes, key_n;
    char key[];
};

static uint8_t *half(const struct journal_head *head, size_t half_bytes, unsigned which)
{
    return (uint8_t *)(uintptr_t)head + HEAD_BYTES + which * half_bytes;
}

static size_t half_bytes_of(const struct board *b)
{
    return ((board_journal_bytes(b) - HEAD_BYTES) / 2) & ~(size_t)(HEAD_BYTES - 1);
}

/* --- Life --- */

/* The pages of memory that is not in use go back. */
static void give_back(void *p, size_t n)
{
    (void)madvise(p, n, MADV_REMOVE); /* where that is not possible, the next put writes over it */
}

int journal_open(struct journal *j, const struct board *b, unsigned slot)
{
    *j = (struct journal){ .head = board_map_journal(b, slot) };
    if (!j->head)
        return -errno;
    j->board = b;
    j->half_bytes = half_bytes_of(b);
    atomic_store(&j->head->used[0], 0);
    atomic_store(&j->head->used[1], 0);
    atomic_store(&j->head->active, 0);
    give_back(half(j->head, j->half_bytes, 0), 2 * j->half_bytes);
    return 0;
}

void journal_close(struct journal *j)
{
    struct journal_record *r;

    if (!j->board)
        return;
    for (uint32_t at = 0; (r = map_next(&j->records, &at));)
        mem_free(r);
    map_free(&j->records);
    board_unmap_journal(j->board, j->head);
    j->board = NULL;
}

/* --- Writing --- */

static void forget(struct journal *j, struct journal_record *r)
{
    map_remove(&j->records, str_n(r->key, r->key_n));
    j->live_bytes -= r->bytes;
    mem_free(r);
}

/* Copies what is valid into the other half, and goes on there. */
static void compact(struct journal *j)
{
    unsigned from = atomic_load(&j->head->active), to = 1 - from;
    uint8_t *source = half(j->head, j->half_bytes, from),
            *target = half(j->head, j->half_bytes, to);
    struct journal_record *r;
    uint64_t at = 0;

    for (uint32_t i = 0; (r = map_next(&j->records, &i));) {
        memcpy(target + at, source + r->at, r->bytes);
        r->at = at;
        at += r->bytes;
    }
    atomic_store(&j->head->used[to], at);
    atomic_store(&j->head->active, to);
    atomic_store(&j->head->used[from], 0);
    give_back(source, j->half_bytes);
    j->stats.compactions++;
}

/* Appends a record; there is room. Returns where it lies. */
static uint64_t append(struct journal *j, str key, uint32_t value_n, const str *parts, size_t count,
                       size_t bytes)
{
    unsigned active = atomic_load_explicit(&j->head->active, memory_order_relaxed);
    uint64_t at = atomic_load_explicit(&j->head->used[active], memory_order_relaxed);
    struct record *r = (struct record *)(half(j->head, j->half_bytes, active) + at);
    char *to = r->data;

    *r = (struct record){ .bytes = (uint32_t)bytes, .key_n = (uint32_t)key.n, .value_n = value_n };
    memcpy(to, key.p, key.n);
    to += key.n;
    for (size_t i = 0; i < count; to += parts[i].n, i++) {
        if (parts[i].n)
            memcpy(to, parts[i].p, parts[i].n);
    }
    atomic_store_explicit(&j->head->used[active], at + bytes, memory_order_release);
    return at;
}

/* Whether bytes more fit in place of some, after compacting if that helps. A quarter of a half
 * stays free: else a nearly full journal would be compacted at every put. */
static bool make_room(struct journal *j, size_t bytes, size_t instead)
{
    unsigned active = atomic_load(&j->head->active);

    if (j->live_bytes - instead + bytes > j->half_bytes / 4 * 3)
        return false;
    if (atomic_load(&j->head->used[active]) + bytes > j->half_bytes)
        compact(j);
    return true;
}

static size_t record_bytes(size_t key_n, size_t value_n)
{
    return (sizeof(struct record) + key_n + value_n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void journal_remove(struct journal *j, str key)
{
    struct journal_record *old = map_get(&j->records, key);
    size_t bytes = record_bytes(key.n, 0);

    if (!old)
        return;
    j->stats.removals++;
    forget(j, old);
    if (atomic_load(&j->head->used[atomic_load(&j->head->active)]) + bytes <= j->half_bytes)
        (void)append(j, key, REMOVED, NULL, 0, bytes);
    else
        compact(j); /* which leaves it behind */
}

int journal_put(struct journal *j, str key, const str *parts, size_t count)
{
    struct journal_record *r = map_get(&j->records, key);
    size_t value_n = 0, bytes;

    for (size_t i = 0; i < count; i++)
        value_n += parts[i].n;
    bytes = record_bytes(key.n, value_n);
    if (value_n >= REMOVED || bytes > j->half_bytes / 4 || !make_room(j, bytes, r ? r->bytes : 0)) {
        j->stats.refused++;
        journal_remove(j, key);
        return ATR_ELIMIT;
    }
    if (!r) {
        r = mem_alloc(sizeof *r + key.n);
        *r = (struct journal_record){ .key_n = (uint32_t)key.n };
        memcpy(r->key, key.p, key.n);
        map_put(&j->records, str_n(r->key, r->key_n), r);
    }
    j->live_bytes += bytes - r->bytes;
    r->bytes = (uint32_t)bytes;
    r->at = append(j, key, (uint32_t)value_n, parts, count, bytes);
    j->stats.puts++;
    return 0;
}

str journal_get(const struct journal *j, str key)
{
    const struct journal_record *mine = map_get(&j->records, key);
    const struct record *r;

    if (!mine)
        return (str){ 0 };
    r = (const struct record *)(half(j->head, j->half_bytes, atomic_load(&j->head->active)) +
                                mine->at);
    return str_n(r->data + r->key_n, r->value_n);
}

/* --- Reading what a dead process left --- */

/* The record at *at, which then stands behind it; NULL at the end, or where sense ends. */
static const struct record *next(const uint8_t *memory, uint64_t used, uint64_t *at)
{
    const struct record *r = (const struct record *)(memory + *at);
    uint64_t value_n;

    if (used - *at < sizeof *r || r->bytes > used - *at || r->bytes % ALIGN || r->bytes < sizeof *r)
        return NULL;
    value_n = r->value_n == REMOVED ? 0 : r->value_n;
    if (sizeof *r + r->key_n + value_n > r->bytes)
        return NULL;
    *at += r->bytes;
    return r;
}

int journal_each(const struct board *b, unsigned slot, void (*fn)(void *arg, str key, str value),
                 void *arg)
{
    struct journal_head *head = board_map_journal(b, slot);
    struct map latest = { 0 };
    const struct record *r;
    uint64_t used, at = 0;
    const uint8_t *memory;

    if (!head)
        return -errno;
    memory = half(head, half_bytes_of(b), atomic_load(&head->active) & 1);
    used = atomic_load(&head->used[atomic_load(&head->active) & 1]);
    if (used > half_bytes_of(b))
        used = 0;
    while ((r = next(memory, used, &at))) {
        map_remove(&latest, str_n(r->data, r->key_n));
        if (r->value_n != REMOVED)
            map_put(&latest, str_n(r->data, r->key_n), (void *)(uintptr_t)r);
    }
    for (uint32_t i = 0; (r = map_next(&latest, &i));)
        fn(arg, str_n(r->data, r->key_n), str_n(r->data + r->key_n, r->value_n));
    map_free(&latest);
    board_unmap_journal(b, head);
    return 0;
}
