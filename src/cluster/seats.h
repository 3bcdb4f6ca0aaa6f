/* cluster/seats.h - rooms, and seats in them: choosing a room and reserving the seat are one step.
 *
 * A room is registered by the node that runs it, under an id that no other room has. Reserving
 * gives a ticket, which holds the seat for a time; the node confirms it when its client has come,
 * and says when a client has left.
 *
 * Rooms with space are indexed by type and filter, so that the cost of choosing one grows with the
 * logarithm of their number. A request names some fields of the filter: rooms are looked for under
 * each different filter that has those, so its cost grows with the number of different filters of
 * the type.
 *
 * A room may be guarded by a lease (`fence`): the next holder may take the room over, with its
 * tickets, and the last one is refused. When a room's node dies the room is orphaned: it can be
 * listed and taken over by any node, but has no seats to give; nobody having come for it within
 * SEATS_ORPHAN_MS, it is removed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_SEATS_H
#define CLUSTER_SEATS_H

#include "cluster/store.h"

enum {
    SEATS_ORPHAN_MS = 60000,
    SEATS_TICKET_MS = 15000, /* a ticket's time, when none is given */
    SEATS_FILTER_MAX = 32,   /* fields of a filter */
    SEATS_COUNT_MAX = 1000   /* seats of one ticket */
};

enum room_flags {
    ROOM_LOCKED = 1,     /* takes nobody */
    ROOM_PRIVATE = 2,    /* only who knows its id */
    ROOM_UNLISTED = 4,   /* as above, but can be reserved as any other */
    ROOM_ORPHANED = 8,   /* of answers */
    ROOM_SET_TAKEN = 16, /* of room_put(): `taken` is how many clients there are */
    ROOM_FREE = 32,      /* of room_list(): those that take somebody */
    ROOM_HIDDEN = 64     /* of room_list(): private, unlisted and orphaned ones too */
};

enum seat_order { SEAT_OLDEST, SEAT_FULLEST, SEAT_EMPTIEST };

struct room {
    str id, type, node;
    uint64_t node_epoch;
    str filter, metadata; /* see seats_filter_add() */
    uint64_t max;         /* seats; 0: any number */
    uint64_t flags, taken;
    str fence; /* a lease; empty: none */
    uint64_t fence_epoch;
};

/* Registers a room, or changes the node's own: everything but `taken`, unless ROOM_SET_TAKEN ->
 * taken, version. ATR_EEXISTS: another one has the id, with its node; ATR_EFENCED: the node is
 * dead, or the lease is somebody else's. */
struct store_call *room_put(struct store *s, const struct room *r, store_fn fn, void *user);
/* ATR_EUNKNOWN: there is none of this node. Its tickets are void. */
struct store_call *room_drop(struct store *s, str id, str node, uint64_t node_epoch, store_fn fn,
                             void *user);

struct room_query {
    str id;           /* this one alone; empty: any */
    str type, filter; /* empty: any */
    str node;         /* empty: of any */
    uint64_t flags;
    str after;
    uint64_t count;
};
/* -> items: key (id), type, node, node_epoch, address, epoch (its lease's), filter, value
 * (metadata), max, taken, flags, version; `after` and STORE_MORE. */
struct store_call *room_list(struct store *s, const struct room_query *q, store_fn fn, void *user);

struct seat_wish {
    str room;         /* this one; empty: one of: */
    str type, filter; /* a room that has these fields, and perhaps others */
    enum seat_order order;
    uint64_t count;  /* seats, all in one room; 0: 1 */
    uint64_t ttl_ms; /* of the ticket; 0: SEATS_TICKET_MS */
    str value;       /* for the node, at most STORE_NAME_BYTES_MAX */
};
/* -> key (the ticket), room, node, node_epoch, address, epoch (the room's lease's), value (the
 * room's metadata), taken, max. ATR_EUNKNOWN: there is no such room, or none with space. Of a given
 * room: ATR_ELIMIT when it is full, ATR_ESTATE when it is locked or orphaned. */
struct store_call *seat_reserve(struct store *s, const struct seat_wish *w, store_fn fn,
                                void *user);

/* The client has come: the ticket is used up -> room, value, count, taken. epoch: of the room's
 * lease, by who confirms; 0 without. ATR_EUNKNOWN: it is void; ATR_EFENCED: the room is somebody
 * else's. */
static inline struct store_call *seat_confirm(struct store *s, str ticket, str room, uint64_t epoch,
                                              store_fn fn, void *user)
{
    return store_begin(s,
                       &(struct store_request){
                           .op = STORE_SEAT_CONFIRM,
                           .r = { .key = ticket, .room = room, .epoch = epoch } },
                       fn, user);
}
/* Gives the seats back. ATR_EUNKNOWN: the ticket is void. */
static inline struct store_call *seat_cancel(struct store *s, str ticket, store_fn fn, void *user)
{
    return store_begin(s,
                       &(struct store_request){ .op = STORE_SEAT_CANCEL, .r = { .key = ticket } },
                       fn, user);
}
/* count clients have left the node's room -> taken. */
static inline struct store_call *seat_leave(struct store *s, str room, str node,
                                            uint64_t node_epoch, uint64_t count, store_fn fn,
                                            void *user)
{
    return store_begin(
        s,
        &(struct store_request){
            .op = STORE_SEAT_LEAVE,
            .r = { .key = room, .node = node, .node_epoch = node_epoch, .count = count } },
        fn, user);
}

/* --- Filters: fields with values, in one text. Rooms of a type give their fields in one order. ---
 */
void seats_filter_add(struct buf *filter, str name, str value);
/* Cuts the first field off; false at the end, or where it is malformed (*bad). */
bool seats_filter_next(str *filter, str *name, str *value, bool *bad);
/* Whether every field of `wanted` is in `filter`. */
bool seats_filter_has(str filter, str wanted);
bool seats_filter_valid(str filter);

#endif
