/* store/book_seats.c - rooms, the index of those with space, and tickets.
 *
 *   type -> filter -> three heaps of rooms that take somebody, one per order
 *
 * Invariants
 *   - a room is in the heaps of its bucket when it takes somebody, else in none;
 *   - taken = clients + the seats of its tickets; only clients are written down with the room;
 *   - a room without a node is orphaned, and its timer runs.
 *
 * Start reading at book_seat_reserve().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/random.h"
#include "cluster/seats.h"
#include "store/book_parts.h"

enum { ORDERS = SEAT_EMPTIEST + 1, TICKET_CHARS = 20, SCAN_MAX = 10000 };

struct room_type {
    struct map buckets; /* filter -> struct bucket */
    str name;
};

struct bucket {
    struct room_type *type;
    struct heap heaps[ORDERS];
    uint32_t room_count; /* with space or without */
    str filter;
};

struct room_entry {
    struct tree_node in_rooms; /* its key: type, zero byte, id */
    struct book *book;
    struct bucket *bucket;
    struct heap_node in_heaps[ORDERS];
    struct node *node;   /* NULL: orphaned */
    struct list in_node; /* self-linked then */
    struct timer orphan;
    struct list tickets;
    uint64_t born, version, max, clients, taken, flags, node_epoch, fence_epoch;
    str id, type; /* in the key */
    char *texts;  /* memory of: */
    str node_id, fence, filter, metadata;
    size_t bytes;
};

struct ticket {
    struct list in_room;
    struct room_entry *room;
    struct timer expiry;
    uint64_t count, ttl_ms;
    size_t bytes;
    str id, value;
};

/* --- The index --- */

static uint64_t space(const struct room_entry *r)
{
    if (!r->max)
        return UINT64_MAX;
    return r->max > r->taken ? r->max - r->taken : 0;
}

static const struct room_entry *room_in(const struct heap_node *n, enum seat_order order)
{
    return (const struct room_entry *)(const void *)((const char *)(n - order) -
                                                     offsetof(struct room_entry, in_heaps));
}

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
    if (space(a) != space(b))
        return space(a) > space(b);
    return a->taken != b->taken ? a->taken < b->taken : older(a, b);
}
static bool (*const before[ORDERS])(const struct room_entry *a, const struct room_entry *b) = {
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

static bool takes_somebody(const struct room_entry *r)
{
    return r->node && !(r->flags & ROOM_LOCKED) && space(r) > 0;
}

/* The room has changed. */
static void reindex(struct room_entry *r)
{
    bool in = takes_somebody(r) && !(r->flags & ROOM_PRIVATE);

    for (int i = 0; i < ORDERS; i++) {
        if (!in)
            heap_remove(&r->bucket->heaps[i], &r->in_heaps[i]);
        else if (!r->in_heaps[i].at)
            heap_add(&r->bucket->heaps[i], &r->in_heaps[i]);
        else
            heap_moved(&r->bucket->heaps[i], &r->in_heaps[i]);
    }
}

static void leave_bucket(struct room_entry *r)
{
    struct bucket *k = r->bucket;
    struct room_type *t = k->type;

    for (int i = 0; i < ORDERS; i++)
        heap_remove(&k->heaps[i], &r->in_heaps[i]);
    r->bucket = NULL;
    if (--k->room_count)
        return;
    for (int i = 0; i < ORDERS; i++)
        heap_free(&k->heaps[i]);
    map_remove(&t->buckets, k->filter);
    mem_free(k);
    if (t->buckets.count)
        return;
    map_remove(&r->book->types, t->name);
    map_free(&t->buckets);
    mem_free(t);
}

static void join_bucket(struct room_entry *r)
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

/* --- Tickets --- */

static void ticket_free(struct ticket *t)
{
    struct book *b = t->room->book;

    b->bytes -= t->bytes;
    timer_stop(&b->timers, &t->expiry);
    list_remove(&t->in_room);
    map_remove(&b->tickets, t->id);
    mem_free(t);
}

/* Its seats are free again. */
static void ticket_void(struct ticket *t)
{
    struct room_entry *r = t->room;

    book_del(r->book, BOOK_TICKETS, t->id, 0);
    r->taken -= t->count;
    ticket_free(t);
    reindex(r);
}

static void on_ticket_expiry(struct timer *timer)
{
    struct ticket *t = container_of(timer, struct ticket, expiry);

    t->room->book->stats.void_tickets++;
    ticket_void(t);
}

static struct ticket *ticket_new(struct room_entry *r, const struct store_record *q)
{
    struct ticket *t = mem_zalloc(sizeof *t + q->key.n + q->value.n);
    char *at = (char *)(t + 1);

    t->room = r;
    t->count = q->count;
    t->ttl_ms = q->ttl_ms;
    t->id = book_copy(&at, q->key);
    t->value = book_copy(&at, q->value);
    t->bytes = t->id.n + t->value.n + BOOK_OVERHEAD;
    r->book->bytes += t->bytes;
    r->taken += t->count;
    list_init(&t->in_room);
    list_append(&r->tickets, &t->in_room);
    timer_init(&t->expiry, on_ticket_expiry);
    book_timer(r->book, &t->expiry, t->ttl_ms);
    map_put(&r->book->tickets, t->id, t);
    return t;
}

/* --- Rooms --- */

static struct room_entry *find(struct book *b, str id)
{
    return map_get(&b->room_ids, id);
}

static void room_free(struct room_entry *r)
{
    struct book *b = r->book;

    while (!list_empty(&r->tickets)) {
        struct ticket *t = container_of(r->tickets.next, struct ticket, in_room);

        book_del(b, BOOK_TICKETS, t->id, 0);
        b->stats.void_tickets++;
        ticket_free(t);
    }
    leave_bucket(r);
    if (r->node)
        r->node->room_count--;
    list_remove(&r->in_node);
    timer_stop(&b->timers, &r->orphan);
    tree_remove(&b->rooms, &r->in_rooms);
    map_remove(&b->room_ids, r->id);
    b->bytes -= r->bytes;
    mem_free(r->texts);
    mem_free(r);
}

static void remove_room(struct room_entry *r)
{
    book_del(r->book, BOOK_ROOMS, r->id, 0);
    room_free(r);
}

static void on_orphan(struct timer *t)
{
    remove_room(container_of(t, struct room_entry, orphan));
}

static void orphan(struct room_entry *r)
{
    if (r->node)
        r->node->room_count--;
    r->node = NULL;
    list_remove(&r->in_node);
    book_timer(r->book, &r->orphan, SEATS_ORPHAN_MS);
    r->book->stats.orphaned++;
}

void book_rooms_orphan(struct book *b, struct node *n)
{
    (void)b;
    while (!list_empty(&n->rooms)) {
        struct room_entry *r = container_of(n->rooms.next, struct room_entry, in_node);

        orphan(r);
        reindex(r);
    }
}

static struct room_entry *room_new(struct book *b, const struct store_record *q, uint64_t born)
{
    size_t key = q->type.n + 1 + q->key.n;
    struct room_entry *r = mem_zalloc(sizeof *r + key);
    char *at = (char *)(r + 1);

    r->book = b;
    r->born = born;
    r->type = book_copy(&at, q->type);
    *at++ = '\0';
    r->id = book_copy(&at, q->key);
    r->in_rooms.key = str_n(r + 1, key);
    r->bytes = key + 2 * BOOK_OVERHEAD;
    b->bytes += r->bytes;
    list_init(&r->in_node);
    list_init(&r->tickets);
    timer_init(&r->orphan, on_orphan);
    tree_add(&b->rooms, &r->in_rooms);
    map_put(&b->room_ids, r->id, r);
    return r;
}

/* Everything that room_put() says, but `taken`. */
static void describe(struct room_entry *r, const struct store_record *q, struct node *n)
{
    size_t texts = q->node.n + q->fence.n + q->filter.n + q->value.n;
    char *memory = mem_alloc(texts ? texts : 1), *at = memory;

    if (r->bucket)
        leave_bucket(r);
    r->book->bytes += texts - (r->node_id.n + r->fence.n + r->filter.n + r->metadata.n);
    r->bytes += texts - (r->node_id.n + r->fence.n + r->filter.n + r->metadata.n);
    r->node_id = book_copy(&at, q->node);
    r->fence = book_copy(&at, q->fence);
    r->filter = book_copy(&at, q->filter);
    r->metadata = book_copy(&at, q->value);
    mem_free(r->texts);
    r->texts = memory;
    r->node_epoch = q->node_epoch;
    r->fence_epoch = q->fence_epoch;
    r->max = q->max;
    r->flags = q->flags & (ROOM_LOCKED | ROOM_PRIVATE | ROOM_UNLISTED);
    if (r->node != n) {
        if (r->node)
            r->node->room_count--;
        list_remove(&r->in_node);
        r->node = n;
        if (n) {
            list_append(&n->rooms, &r->in_node);
            n->room_count++;
        }
    }
    timer_stop(&r->book->timers, &r->orphan);
    join_bucket(r);
}

static void keep(const struct room_entry *r)
{
    book_put(r->book, BOOK_ROOMS,
             &(struct store_record){ .key = r->id,
                                     .type = r->type,
                                     .node = r->node_id,
                                     .node_epoch = r->node_epoch,
                                     .filter = r->filter,
                                     .value = r->metadata,
                                     .max = r->max,
                                     .taken = r->clients,
                                     .flags = r->flags,
                                     .fence = r->fence,
                                     .fence_epoch = r->fence_epoch,
                                     .version = r->version,
                                     .epoch = r->born });
}

/* Whether node n may have the room that is there. */
static int may_take(const struct room_entry *r, const struct store_record *q, const struct node *n)
{
    bool guarded = r->fence.n && str_eq(r->fence, q->fence);

    if (r->fence.n && (r->node == n || !r->node || guarded) &&
        (!guarded || q->fence_epoch < r->fence_epoch))
        return ATR_EFENCED;
    if (r->node && r->node != n && !(guarded && q->fence_epoch > r->fence_epoch))
        return ATR_EEXISTS;
    return str_eq(r->type, q->type) ? 0 : ATR_ESTATE;
}

static int check_put(struct book *b, const struct store_record *q, struct room_entry *r,
                     struct node *n)
{
    int err;

    if (!q->key.n || !seats_filter_valid(q->filter))
        return ATR_ERANGE;
    if (!n) {
        b->stats.fenced++;
        return ATR_EFENCED;
    }
    if ((err = book_fence(b, q)) < 0 || (r && (err = may_take(r, q, n)) < 0))
        return err;
    return book_room_for(b, q->key.n + q->type.n + q->node.n + q->fence.n + q->filter.n +
                                q->value.n + 2 * BOOK_OVERHEAD);
}

void book_room_put(struct book *b, const struct store_record *q)
{
    struct node *n = book_node(b, q->node, q->node_epoch);
    struct room_entry *r = find(b, q->key);

    if (book_fail(b, check_put(b, q, r, n)) < 0)
        return;
    uint64_t version = book_next_revision(b);
    if (!r)
        r = room_new(b, q, version);
    describe(r, q, n);
    r->version = version;
    if (q->flags & ROOM_SET_TAKEN) {
        r->taken += q->taken - r->clients;
        r->clients = q->taken;
    }
    reindex(r);
    keep(r);
    b->out.r.version = r->version;
    b->out.r.taken = r->taken;
}

/* The node's room, or NULL with the answer made. */
static struct room_entry *own_room(struct book *b, str id, const struct store_record *q)
{
    struct room_entry *r = find(b, id);

    if (r && r->node && r->node == book_node(b, q->node, q->node_epoch))
        return r;
    book_fail(b, ATR_EUNKNOWN);
    return NULL;
}

void book_room_drop(struct book *b, const struct store_record *q)
{
    struct room_entry *r = own_room(b, q->key, q);

    if (r)
        remove_room(r);
}

static void show(const struct room_entry *r, struct store_record *out)
{
    out->type = r->type;
    out->node = r->node_id;
    out->node_epoch = r->node_epoch;
    out->address = r->node ? r->node->address : (str){ 0 };
    out->epoch = r->fence_epoch;
    out->value = r->metadata;
    out->max = r->max;
    out->taken = r->taken;
    out->version = r->version;
    out->flags = r->flags | (r->node ? 0 : ROOM_ORPHANED);
}

static bool is_wanted(const struct room_entry *r, const struct store_record *q)
{
    if (!(q->flags & ROOM_HIDDEN) && (!r->node || r->flags & (ROOM_PRIVATE | ROOM_UNLISTED)))
        return false;
    if (q->flags & ROOM_FREE && !takes_somebody(r))
        return false;
    return (!q->node.n || str_eq(q->node, r->node_id)) && seats_filter_has(r->filter, q->filter);
}

static bool list_room(struct book *b, const struct store_record *q, const struct room_entry *r)
{
    struct store_record item = { .key = r->id, .filter = r->filter };

    show(r, &item);
    return book_item(b, q, &item);
}

void book_room_list(struct book *b, const struct store_record *q)
{
    struct room_entry *r = q->key.n ? find(b, q->key) : NULL;
    str prefix = { 0 }, last = q->after;
    unsigned scanned = 0;

    if (q->key.n) {
        if (r && is_wanted(r, q) && (!q->type.n || str_eq(q->type, r->type)))
            (void)list_room(b, q, r);
        return;
    }
    if (q->type.n) {
        buf_add(&b->out.text, q->type);
        buf_byte(&b->out.text, '\0');
        prefix = buf_str(&b->out.text);
    }
    struct tree_node *at =
        str_cmp(last, prefix) > 0 ? tree_after(&b->rooms, last) : tree_from(&b->rooms, prefix);
    for (; at && str_starts(at->key, prefix); at = tree_after(&b->rooms, at->key)) {
        r = container_of(at, struct room_entry, in_rooms);
        if (++scanned > SCAN_MAX || (is_wanted(r, q) && !list_room(b, q, r))) {
            b->out.r.flags |= STORE_MORE;
            b->out.r.after = last;
            return;
        }
        last = at->key;
    }
}

/* --- Seats --- */

/* The best room of the bucket that has so many seats: the first in the wanted order, or the one
 * with the most space. If not even that has them, none has. */
static struct room_entry *choose_in(const struct bucket *k, enum seat_order order, uint64_t count)
{
    const enum seat_order tries[] = { order, SEAT_EMPTIEST };

    for (int i = 0; i < 2; i++) {
        struct heap_node *n = heap_first(&k->heaps[tries[i]]);
        const struct room_entry *r = n ? room_in(n, tries[i]) : NULL;

        if (r && space(r) >= count)
            return (struct room_entry *)(uintptr_t)r;
    }
    return NULL;
}

static struct room_entry *choose(struct book *b, const struct store_record *q, uint64_t count)
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

static struct room_entry *given_room(struct book *b, const struct store_record *q, uint64_t count)
{
    struct room_entry *r = find(b, q->room);

    if (!r)
        book_fail(b, ATR_EUNKNOWN);
    else if (!r->node || r->flags & ROOM_LOCKED)
        book_fail(b, ATR_ESTATE);
    else if (space(r) < count)
        book_fail(b, ATR_ELIMIT);
    return b->out.err ? NULL : r;
}

void book_seat_reserve(struct book *b, const struct store_record *q)
{
    uint64_t count = q->count ? q->count : 1;
    char id[TICKET_CHARS];

    if (count > SEATS_COUNT_MAX || q->flags >= ORDERS || !seats_filter_valid(q->filter) ||
        q->value.n > STORE_NAME_BYTES_MAX) {
        book_fail(b, ATR_ERANGE);
        return;
    }
    if (book_fail(b, book_room_for(b, TICKET_CHARS + q->value.n + BOOK_OVERHEAD)) < 0)
        return;
    struct room_entry *r = q->room.n ? given_room(b, q, count) : choose(b, q, count);
    if (!r)
        return;
    random_name(id, sizeof id);
    struct store_record made = { .key = str_n(id, sizeof id),
                                 .room = r->id,
                                 .value = q->value,
                                 .count = count,
                                 .ttl_ms = q->ttl_ms ? q->ttl_ms : SEATS_TICKET_MS };
    struct ticket *t = ticket_new(r, &made);
    reindex(r);
    book_put(b, BOOK_TICKETS, &made);
    show(r, &b->out.r);
    b->out.r.key = t->id;
    b->out.r.room = r->id;
}

void book_seat_confirm(struct book *b, const struct store_record *q)
{
    struct ticket *t = map_get(&b->tickets, q->key);
    struct room_entry *r = t ? t->room : NULL;

    if (!t || !str_eq(r->id, q->room)) {
        book_fail(b, ATR_EUNKNOWN);
        return;
    }
    if (q->epoch < r->fence_epoch) {
        b->stats.fenced++;
        book_fail(b, ATR_EFENCED);
        return;
    }
    buf_add(&b->out.text, t->value);
    b->out.r.value = buf_str(&b->out.text);
    b->out.r.room = r->id;
    b->out.r.count = t->count;
    b->out.r.taken = r->taken;
    r->clients += t->count;
    book_del(b, BOOK_TICKETS, t->id, 0);
    ticket_free(t);
    keep(r);
}

void book_seat_cancel(struct book *b, const struct store_record *q)
{
    struct ticket *t = map_get(&b->tickets, q->key);

    if (!t)
        book_fail(b, ATR_EUNKNOWN);
    else
        ticket_void(t);
}

void book_seat_leave(struct book *b, const struct store_record *q)
{
    struct room_entry *r = own_room(b, q->key, q);

    if (!r)
        return;
    uint64_t left = q->count < r->clients ? q->count : r->clients;
    r->clients -= left;
    r->taken -= left;
    reindex(r);
    keep(r);
    b->out.r.taken = r->taken;
}

/* --- Loading, freeing --- */

int book_room_load(struct book *b, const struct store_record *r)
{
    struct node *n = book_node(b, r->node, r->node_epoch);

    if (find(b, r->key) || !seats_filter_valid(r->filter))
        return ATR_EDATABASE;
    struct room_entry *room = room_new(b, r, r->epoch);
    describe(room, r, n);
    room->version = r->version;
    room->clients = room->taken = r->taken;
    if (!n)
        orphan(room);
    reindex(room);
    return 0;
}

int book_ticket_load(struct book *b, const struct store_record *r)
{
    struct room_entry *room = find(b, r->room);

    if (!room || !r->ttl_ms || map_get(&b->tickets, r->key))
        return ATR_EDATABASE;
    (void)ticket_new(room, r);
    reindex(room);
    return 0;
}

void book_rooms_free(struct book *b)
{
    struct tree_node *n;

    while ((n = tree_from(&b->rooms, (str){ 0 })))
        room_free(container_of(n, struct room_entry, in_rooms));
    map_free(&b->room_ids);
    map_free(&b->tickets);
    map_free(&b->types);
}
