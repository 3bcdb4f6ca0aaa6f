/* net/backlog.h - output that waits behind the queue of a connection that does not keep up, in
 * parcels: what belongs together goes out together, or not at all.
 *
 * A parcel that may be dropped can have a key: of such, all with one key are dropped in one go. The
 * oldest that may be dropped is found without a search, the parcels of a key by one look-up.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_BACKLOG_H
#define NET_BACKLOG_H

#include "base/list.h"
#include "base/map.h"
#include "base/msg.h"

enum { BACKLOG_KEY_MAX = 1024 }; /* bytes of a key that count: longer ones are alike behind that */

/* One packet: a message and its attachments. Made once for all its recipients. */
struct parcel {
    struct msg *const *msgs;
    uint32_t count;
    bool droppable; /* a policy may drop it; else nothing does */
    size_t bytes;   /* of all msgs */
    uint64_t space; /* keys of different spaces are different */
    str key;        /* empty: none */
};

static inline struct parcel parcel_of(struct msg *const *msgs, size_t count)
{
    struct parcel p = { .msgs = msgs, .count = (uint32_t)count };

    for (size_t i = 0; i < count; i++)
        p.bytes += msgs[i]->len;
    return p;
}

struct backlog_unit {
    struct list link;        /* in backlog->units */
    struct list same;        /* in key->units */
    struct backlog_key *key; /* NULL: none */
    uint32_t bytes, count;
    uint8_t class; /* of the slab */
    uint8_t tag;   /* whatever was given to backlog_push() */
    bool droppable;
    struct msg *msgs[]; /* a reference each */
};

struct backlog {
    struct list units;           /* in the order they came */
    struct backlog_unit *oldest; /* the first that may be dropped; NULL: none */
    struct map keys;             /* of struct backlog_key */
    size_t bytes, droppable_bytes;
    uint32_t count;
};

void backlog_init(struct backlog *b);
void backlog_fini(struct backlog *b); /* drops everything */

void backlog_push(struct backlog *b, const struct parcel *p, uint8_t tag);
static inline const struct backlog_unit *backlog_first(const struct backlog *b) /* NULL: empty */
{
    return list_empty(&b->units) ? NULL : container_of(b->units.next, struct backlog_unit, link);
}
/* Takes the first unit out; it is the caller's, to be freed. NULL: empty. */
struct backlog_unit *backlog_pop(struct backlog *b);
void backlog_unit_free(struct backlog_unit *u);

/* What is dropped is told before it is freed. */
typedef void (*backlog_dropped)(const struct backlog_unit *u);
/* Drops the oldest that may be dropped; false: there is none. */
bool backlog_drop_oldest(struct backlog *b, backlog_dropped tell);
/* Drops all of a key. */
void backlog_drop_key(struct backlog *b, uint64_t space, str key, backlog_dropped tell);

#endif
