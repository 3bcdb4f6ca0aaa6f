/* cluster/record.h - what operations of the store are asked with and answer with, and its bytes.
 *
 * One record type for all: an operation uses some of the fields (store.h, kv.h, lease.h, log.h and
 * seats.h say which), the others stay zero. A record's bytes are a MessagePack map from a field's
 * number to its value, without those that are zero; numbers that a reader does not know are
 * skipped, so that processes of neighbouring versions get along.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_RECORD_H
#define CLUSTER_RECORD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* A field's number is its place here: new ones are added at the end. */
#define STORE_FIELDS(TEXT, COUNT, NUMBER)                                                          \
    TEXT(key)          /* what it is about: a key, lease, log, node, room, ticket */               \
    TEXT(value)        /* any bytes */                                                             \
    TEXT(owner)        /* of a lease: who */                                                       \
    TEXT(node)         /* the node that a lease or a room is bound to */                           \
    TEXT(type)         /* of a room */                                                             \
    TEXT(filter)       /* of a room: see seats_filter_add() */                                     \
    TEXT(room)         /* of a ticket */                                                           \
    TEXT(address)      /* of a node */                                                             \
    TEXT(after)        /* of listings: where the page before ended */                              \
    TEXT(fence)        /* a lease that has to be held for this; empty: none */                     \
    COUNT(fence_epoch) /* by this epoch */                                                         \
    COUNT(node_epoch)                                                                              \
    COUNT(epoch)      /* of a lease, node, room or ticket */                                       \
    COUNT(version)    /* of a key or room: grows with every write */                               \
    COUNT(generation) /* of a log: a number for its numbering */                                   \
    COUNT(offset)     /* in a log, from 1 */                                                       \
    COUNT(first)      /* the oldest offset of a log; with none left, the next */                   \
    COUNT(ttl_ms)     /* 0: for ever */                                                            \
    COUNT(age_ms)     /* of a log's entries at most; of an entry */                                \
    COUNT(wait_ms)    /* how long to wait for news; 0: not */                                      \
    COUNT(count)      /* at most so many; or how many */                                           \
    COUNT(bytes)      /* at most so many */                                                        \
    COUNT(flags)                                                                                   \
    COUNT(taken) /* seats, reserved ones included */                                               \
    COUNT(max)   /* seats; 0: any number */                                                        \
    NUMBER(number)                                                                                 \
    COUNT(at_ms) /* CLOCK_BOOTTIME, in files alone: when it was written, or ends */

struct store_record {
#define TEXT(name)   str name;
#define COUNT(name)  uint64_t name;
#define NUMBER(name) int64_t name;
    STORE_FIELDS(TEXT, COUNT, NUMBER)
#undef TEXT
#undef COUNT
#undef NUMBER
};

void store_record_write(struct buf *out, const struct store_record *r);

/* Reads the record that *in begins with and cuts it off; texts point into it. ATR_ESYNTAX when
 * there is none, or a field has the wrong type: *in is unchanged then. */
int store_record_read(str *in, struct store_record *r) MUST_CHECK;

#endif
