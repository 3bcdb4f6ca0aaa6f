/* store/book_room_index.c - the rooms with space, in order: which one somebody gets who names a
 * type and a filter. See book_rooms.h.
 *
 * Every bucket has a heap per order, so that its best room is found without looking at the others.
 *
 * Start reading at book_room_choose().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "store/book_rooms.h"

static const struct room_entry *room_in(const struct heap_node *n, enum seat_order order)
{
    return (const struct room_entry *)(const void *)((const char *)(n - order) -
                                                     offsetof(struct room_entry, in_heaps));
}

/* --- Orders --- */

static bool older(const struct room_entry *a, const struct room_entry *b)
{
    return a->born < b->born;
}
static bool fuller(const struct room_entry *a, const struct room_entry *b)
{
    return a->taken != b->taken ? a->taken > b->taken : older(a, b);
}
static bool emptier(const struct room_entry *a, const struct room_entry *b)
{
    if (book_room_space(a) != book_room_space(b))
        return book_room_space(a) > book_room_space(b);
    return a->taken != b->taken ? a->taken < b->taken : older(a, b);
}
static bool (*const before[SEAT_ORDERS])(const struct room_entry *a, const struct room_entry *b) = {
    [SEAT_OLDEST] = older, [SEAT_FULLEST] = fuller, [SEAT_EMPTIEST] = emptier
};

static bool heap_older(const struct heap_node *a, const struct heap_node *b)
{
    return older(room_in(a, SEAT_OLDEST), room_in(b, SEAT_OLDEST));
}
static bool heap_fuller(const struct heap_node *a, const struct heap_node *b)
{
    return fuller(room_in(a, SEAT_FULLEST), room_in(b, SEAT_FULLEST));
}
static bool heap_emptier(const struct heap_node *a, const struct heap_node *b)
{
    return emptier(room_in(a, SEAT_EMPTIEST), room_in(b, SEAT_EMPTIEST));
}

/* --- Buckets --- */

void book_room_reindex(struct room_entry *r)
{
    bool in = book_room_takes(r) && !(r->flags & ROOM_PRIVATE);

    for (int i = 0; i < SEAT_ORDERS; i++) {
        if (!in)
            heap_remove(&r->bucket->heaps[i], &r->in_heaps[i]);
        else if (!r->in_heaps[i].at)
            heap_add(&r->bucket->heaps[i], &r->in_heaps[i]);
        else
            heap_moved(&r->bucket->heaps[i], &r->in_heaps[i]);
    }
}

void book_room_unindex(struct room_entry *r)
{
    struct bucket *k = r->bucket;
    struct room_type *t = k->type;

    for (int i = 0; i < SEAT_ORDERS; i++)
        heap_remove(&k->heaps[i], &r->in_heaps[i]);
    r->bucket = NULL;
    if (--k->room_count)
        return;
    for (int i = 0; i < SEAT_ORDERS; i++)
        heap_free(&k->heaps[i]);
    map_remove(&t->buckets, k->filter);
    mem_free(k);
    if (t->buckets.count)
        return;
    map_remove(&r->book->types, t->name);
    map_free(&t->buckets);
    mem_free(t);
}

void book_room_index(struct room_entry *r)
{
    struct room_type *t = map_get(&r->book->types, r->type);
    char *at;

    if (!t) {
        t = mem_zalloc(sizeof *t + r->type.n);
        at = (char *)(t + 1);
        t->name = book_copy(&at, r->type);
        map_put(&r->book->types, t->name, t);
    }
    struct bucket *k = map_get(&t->buckets, r->filter);
    if (!k) {
        k = mem_zalloc(sizeof *k + r->filter.n);
        at = (char *)(k + 1);
        k->filter = book_copy(&at, r->filter);
        k->type = t;
        k->heaps[SEAT_OLDEST] = HEAP(heap_older);
        k->heaps[SEAT_FULLEST] = HEAP(heap_fuller);
        k->heaps[SEAT_EMPTIEST] = HEAP(heap_emptier);
        map_put(&t->buckets, k->filter, k);
    }
    k->room_count++;
    r->bucket = k;
}

/* --- Choosing --- */

/* The best room of the bucket that has so many seats: the first in the wanted order, or the one
 * with the most space. If not even that has them, none has. */
static struct room_entry *choose_in(const struct bucket *k, enum seat_order order, uint64_t count)
{
    const enum seat_order tries[] = { order, SEAT_EMPTIEST };

    for (int i = 0; i < 2; i++) {
        struct heap_node *n = heap_first(&k->heaps[tries[i]]);
        const struct room_entry *r = n ? room_in(n, tries[i]) : NULL;

        if (r && book_room_space(r) >= count)
            return (struct room_entry *)(uintptr_t)r;
    }
    return NULL;
}

struct room_entry *book_room_choose(struct book *b, const struct store_record *q, uint64_t count)
{
    const struct room_type *t = map_get(&b->types, q->type);
    enum seat_order order = (enum seat_order)q->flags;
    struct room_entry *best = NULL;
    const struct bucket *k;

    for (uint32_t at = 0; t && (k = map_next(&t->buckets, &at));) {
        struct room_entry *r;

        if (!seats_filter_has(k->filter, q->filter) || !(r = choose_in(k, order, count)))
            continue;
        if (!best || before[order](r, best))
            best = r;
    }
    if (!best)
        book_fail(b, ATR_EUNKNOWN);
    return best;
}
