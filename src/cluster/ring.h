/* cluster/ring.h - a bounded log in shared memory: what the workers of a machine tell each other,
 * in one order for all of them.
 *
 * Entries are numbered from 1 without gaps. Writers take a lock that survives the death of its
 * holder; readers take none: each keeps a cursor of its own, looks at an entry where it lies, and
 * asks afterwards whether it was still there (ring_holds()). The oldest entries make room for new
 * ones, so a writer never waits for a reader; who is too slow is told how much it missed.
 *
 * Since the oldest entries stay as long as there is room, the ring is also the history from which
 * clients that lost their connection are served.
 *
 * Invariants
 *   - an entry exists once `last` says so, which is written after everything else of it: a writer
 *     that dies before has written nothing, so the next one has nothing to repair but the lock;
 *   - `first` passes an entry before a byte of it, or of its place in the index, is written over:
 *     who finds first <= n after it looked at entry n has seen it whole;
 *   - entries do not wrap: the bytes are mapped twice, one behind the other.
 *
 * Start reading at ring_publish() and ring_next().
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_RING_H
#define CLUSTER_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* In shared memory. */
struct ring_head {
    pthread_mutex_t lock; /* robust, shared by processes: of writers */
    uint64_t bytes;       /* of the entries' memory: a power of two, whole pages */
    uint64_t entries_max; /* places of the index: a power of two */
    uint64_t epoch;       /* tells the numbers of this ring from those of any other; not 0 */
    /* Numbers of the oldest entry that may be read and of the latest; first == last + 1: none. */
    _Atomic uint64_t first, last;
    _Atomic uint64_t repairs; /* locks whose holder had died */
};

/* An entry as it lies in the ring: only what every reader needs to tell whether it concerns it. */
struct ring_entry {
    uint32_t bytes;   /* of the entry with its data and padding: a multiple of 8 */
    uint32_t data_n;  /* of the data */
    uint16_t origin;  /* the slot that wrote it */
    uint16_t to;      /* the slot it is for; RING_TO_ALL */
    uint16_t kind;    /* the writer's own */
    uint16_t flags;   /* the writer's own */
    uint64_t time_ms; /* CLOCK_MONOTONIC when it was written, which all processes share */
    uint8_t data[];
};

enum { RING_TO_ALL = 0xffff };

/* A process's view. */
struct ring {
    struct ring_head *head;
    _Atomic uint64_t *index; /* entry n begins at byte index[n & (entries_max - 1)] */
    uint8_t *memory;         /* mapped twice */
};

/* How much shared memory a ring of these sizes takes for its head and index, which lie together. */
size_t ring_head_bytes(uint64_t entries_max);

/* Makes an empty ring in zeroed memory. bytes: a power of two, at least a page; entries_max: a
 * power of two. Returns 0 or a negated errno. */
int ring_create(struct ring_head *head, uint64_t bytes, uint64_t entries_max) MUST_CHECK;
/* Views it: memory is where its bytes are mapped twice. */
void ring_view(struct ring *r, struct ring_head *head, uint8_t *memory);

/* The largest data of one entry. */
size_t ring_data_max(const struct ring *r);

/* To be written. */
struct ring_note {
    uint16_t origin, to, kind, flags;
    uint64_t time_ms;
    const str *parts; /* the data: one behind the other */
    size_t part_count;
    /* When not NULL: writes the entry's number into its data, at that byte of it, before anybody
     * can read it. Runs under the lock: it does nothing else. */
    void (*stamp)(uint8_t *at, uint64_t number);
    size_t stamp_at;
};

/* Appends an entry. Returns 0 with its number, or ATR_ELIMIT when its data is larger than
 * ring_data_max(). */
int ring_publish(struct ring *r, const struct ring_note *n, uint64_t *number) MUST_CHECK;

enum ring_next { RING_EMPTY, RING_ENTRY, RING_MISSED };

/* The entry behind *cursor, the number of the last one that was read, in place: *out points into
 * memory that may change at any time, so sizes in it are read once and checked, and what was
 * concluded counts only if ring_holds() says so afterwards. RING_MISSED: the next ones are gone,
 * *missed tells how many; the cursor stands before the oldest there is. */
enum ring_next ring_next(const struct ring *r, uint64_t *cursor, const struct ring_entry **out,
                         uint64_t *missed);
/* The entry of that number, or NULL: not there (any more). The same care applies. */
const struct ring_entry *ring_at(const struct ring *r, uint64_t number);
/* Whether an entry is still whole, so what was read of it was right. */
bool ring_holds(const struct ring *r, uint64_t number);
/* The data of an entry in place, its length checked against the ring's bounds. */
str ring_data(const struct ring *r, const struct ring_entry *e);

static inline uint64_t ring_first(const struct ring *r)
{
    return atomic_load_explicit(&r->head->first, memory_order_acquire);
}
static inline uint64_t ring_last(const struct ring *r)
{
    return atomic_load_explicit(&r->head->last, memory_order_acquire);
}

#endif
