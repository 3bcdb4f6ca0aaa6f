/* store/book_rooms.h - inside the rooms of a book: book_rooms.c has the rooms, book_room_index.c
 * finds one with space, book_seats.c gives its seats to tickets.
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
#ifndef STORE_BOOK_ROOMS_H
#define STORE_BOOK_ROOMS_H

#include "base/heap.h"
#include "cluster/seats.h"
#include "store/book_parts.h"

enum { SEAT_ORDERS = SEAT_EMPTIEST + 1 };

struct room_type {
    struct map buckets; /* filter -> struct bucket */
    str name;
};

struct bucket {
    struct room_type *type;
    struct heap heaps[SEAT_ORDERS];
    uint32_t room_count; /* with space or without */
    str filter;
};

struct room_entry {
    struct tree_node in_rooms; /* its key: type, zero byte, id */
    struct book *book;
    struct bucket *bucket;
    struct heap_node in_heaps[SEAT_ORDERS];
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

/* How many more it has seats for. */
static inline uint64_t book_room_space(const struct room_entry *r)
{
    if (!r->max)
        return UINT64_MAX;
    return r->max > r->taken ? r->max - r->taken : 0;
}

/* Whether it takes somebody. */
static inline bool book_room_takes(const struct room_entry *r)
{
    return r->node && !(r->flags & ROOM_LOCKED) && book_room_space(r) > 0;
}

/* --- book_rooms.c --- */
struct room_entry *book_room_find(struct book *b, str id);
/* The node's room, or NULL with the answer made. */
struct room_entry *book_room_own(struct book *b, str id, const struct store_record *q);
/* What an answer says of the room. */
void book_room_show(const struct room_entry *r, struct store_record *out);
/* Tells the keeper of the room. */
void book_room_keep(const struct room_entry *r);

/* --- book_room_index.c --- */
/* Into the bucket of its type and filter, which is made when it is the first; and out. */
void book_room_index(struct room_entry *r);
void book_room_unindex(struct room_entry *r);
/* The room has changed. */
void book_room_reindex(struct room_entry *r);
/* The best room that has so many seats, or NULL with the answer made. */
struct room_entry *book_room_choose(struct book *b, const struct store_record *q, uint64_t count);

/* --- book_seats.c --- */
/* The room goes, and its tickets with it. */
void book_tickets_void(struct room_entry *r);

#endif
