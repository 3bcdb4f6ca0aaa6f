/* cluster/ring.c - see ring.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/ring.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/random.h"

enum { ALIGN = 8, ENTRIES_SHARE = 8 /* an entry takes at most this part of the bytes */ };

static_assert(sizeof(struct ring_entry) % ALIGN == 0, "data is aligned");

static size_t head_size(void)
{
    return (sizeof(struct ring_head) + 63) & ~(size_t)63;
}

size_t ring_head_bytes(uint64_t entries_max)
{
    return head_size() + entries_max * sizeof(uint64_t);
}

int ring_create(struct ring_head *head, uint64_t bytes, uint64_t entries_max)
{
    pthread_mutexattr_t a;
    int err;

    ASSERT(bytes && (bytes & (bytes - 1)) == 0);
    ASSERT(entries_max >= ENTRIES_SHARE && (entries_max & (entries_max - 1)) == 0);
    head->bytes = bytes;
    head->entries_max = entries_max;
    do {
        head->epoch = random_u64();
    } while (head->epoch == 0);
    atomic_store(&head->first, 1);
    if ((err = pthread_mutexattr_init(&a)) != 0)
        return -err;
    (void)pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    err = pthread_mutex_init(&head->lock, &a);
    pthread_mutexattr_destroy(&a);
    return -err;
}

void ring_view(struct ring *r, struct ring_head *head, uint8_t *memory)
{
    r->head = head;
    r->index = (_Atomic uint64_t *)((uint8_t *)head + head_size());
    r->memory = memory;
}

size_t ring_data_max(const struct ring *r)
{
    return r->head->bytes / ENTRIES_SHARE - sizeof(struct ring_entry);
}

static uint64_t position(const struct ring *r, uint64_t number)
{
    uint64_t at = number & (r->head->entries_max - 1);

    return atomic_load_explicit(&r->index[at], memory_order_relaxed);
}

static struct ring_entry *entry_at(const struct ring *r, uint64_t pos)
{
    return (struct ring_entry *)(r->memory + (pos & (r->head->bytes - 1)));
}

/* --- Writing --- */

static void lock(struct ring_head *h)
{
    int err = pthread_mutex_lock(&h->lock);

    if (err == EOWNERDEAD) { /* what it had not published never was */
        err = pthread_mutex_consistent(&h->lock);
        atomic_fetch_add(&h->repairs, 1);
    }
    ASSERT(err == 0);
}

/* Where the next entry begins: positions grow for ever, their low bits say where. */
static uint64_t end_of(const struct ring *r, uint64_t last)
{
    uint64_t pos = last ? position(r, last) : 0;

    return last ? pos + entry_at(r, pos)->bytes : 0;
}

/* Gives up the oldest until `bytes` more fit behind `end`, and one more number. */
static void make_room(struct ring *r, uint64_t first, uint64_t last, uint64_t end, uint64_t bytes)
{
    uint64_t was = first;

    while (first <= last && (end + bytes - position(r, first) > r->head->bytes ||
                             last + 1 - first >= r->head->entries_max))
        first++;
    if (first != was) {
        atomic_store_explicit(&r->head->first, first, memory_order_release);
        /* No byte of what was given up changes before everybody can see that it was. */
        atomic_thread_fence(memory_order_release);
    }
}

/* An entry's data, or SIZE_MAX when it is too large. */
static size_t data_bytes(const struct ring *r, const struct ring_note *note)
{
    size_t n = 0;

    for (size_t i = 0; i < note->part_count; i++) {
        if (note->parts[i].n > ring_data_max(r) - n)
            return SIZE_MAX;
        n += note->parts[i].n;
    }
    return n;
}

static void write_data(const struct ring_note *note, uint8_t *to, uint64_t number)
{
    uint8_t *at = to;

    for (size_t i = 0; i < note->part_count; at += note->parts[i].n, i++) {
        if (note->parts[i].n)
            memcpy(at, note->parts[i].p, note->parts[i].n);
    }
    if (note->stamp)
        note->stamp(to + note->stamp_at, number);
}

int ring_publish(struct ring *r, const struct ring_note *note, uint64_t *number)
{
    struct ring_head *h = r->head;
    size_t n = data_bytes(r, note), bytes;
    uint64_t first, last, pos;
    struct ring_entry *to;

    if (n == SIZE_MAX)
        return ATR_ELIMIT;
    bytes = (sizeof *to + n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    lock(h);
    first = atomic_load_explicit(&h->first, memory_order_relaxed);
    last = atomic_load_explicit(&h->last, memory_order_relaxed);
    pos = end_of(r, last);
    make_room(r, first, last, pos, bytes);
    to = entry_at(r, pos);
    *to = (struct ring_entry){ .bytes = (uint32_t)bytes,
                               .data_n = (uint32_t)n,
                               .origin = note->origin,
                               .to = note->to,
                               .kind = note->kind,
                               .flags = note->flags,
                               .time_ms = note->time_ms };
    write_data(note, to->data, last + 1);
    atomic_store_explicit(&r->index[(last + 1) & (h->entries_max - 1)], pos, memory_order_relaxed);
    atomic_store_explicit(&h->last, last + 1, memory_order_release);
    pthread_mutex_unlock(&h->lock);
    *number = last + 1;
    return 0;
}

/* --- Reading --- */

bool ring_holds(const struct ring *r, uint64_t number)
{
    atomic_thread_fence(memory_order_acquire); /* what was read, was read before this */
    return number >= ring_first(r) && number <= ring_last(r);
}

const struct ring_entry *ring_at(const struct ring *r, uint64_t number)
{
    uint64_t pos;

    if (!ring_holds(r, number))
        return NULL;
    pos = position(r, number);
    return ring_holds(r, number) ? entry_at(r, pos) : NULL;
}

enum ring_next ring_next(const struct ring *r, uint64_t *cursor, const struct ring_entry **out,
                         uint64_t *missed)
{
    uint64_t first;

    *missed = 0;
    if (*cursor >= ring_last(r))
        return RING_EMPTY;
    if ((*out = ring_at(r, *cursor + 1))) {
        ++*cursor;
        return RING_ENTRY;
    }
    first = ring_first(r);
    *missed = first - 1 - *cursor;
    *cursor = first - 1;
    return RING_MISSED;
}

str ring_data(const struct ring *r, const struct ring_entry *e)
{
    size_t n = *(const volatile uint32_t *)&e->data_n, most = ring_data_max(r);

    return str_n(e->data, n < most ? n : most);
}
