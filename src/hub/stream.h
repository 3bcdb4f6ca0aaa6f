/* hub/stream.h - what was sent to the members of a hub lately, so that one who was away can be told
 * what it missed.
 *
 * An entry is a packet (references to the messages that were sent, and whom it went to) or the note
 * that a member joined or left a group. Entries are numbered from 1 without gaps; a packet costs
 * one block whatever the number of its recipients. Bounded by bytes and by time: the oldest go
 * first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HUB_STREAM_H
#define HUB_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "base/str.h"

struct hub_entry;

struct hub_stream {
    struct hub_entry **ring; /* entry n is at n & (cap - 1); NULL while empty */
    uint32_t cap, count;
    uint64_t last;                   /* number of the latest entry ever; 0: none yet */
    uint64_t dropped_ms;             /* time of the latest entry that was dropped; 0: none */
    size_t bytes, bytes_max;         /* memory of the entries and of the messages they hold */
    uint64_t dropped_for_want_bytes; /* entries that went before their time */
};

/* Whom a packet went to: hub_target by names, since members come and go. */
struct hub_audience {
    str only;   /* this member alone; groups then are none */
    str sender; /* left out */
    const str *groups;
    size_t group_count;
    const str *except;
    size_t except_count;
};

/* A member's view: the groups it is in now (or was, when it left), its own name among them. */
struct hub_reader {
    str name;
    const str *groups;
    size_t group_count;
};

void hub_stream_init(struct hub_stream *s, size_t bytes_max);
void hub_stream_fini(struct hub_stream *s);

/* Appends a packet of n messages and takes references to them. Its number is s->last afterwards,
 * also when it is too large to be kept: who asks for what came before it then learns of the gap. */
void hub_stream_add(struct hub_stream *s, uint64_t now_ms, struct msg *const *msgs, size_t n,
                    const struct hub_audience *to);
/* Notes that a member joined or left a group while it may be sent to. */
void hub_stream_moved(struct hub_stream *s, uint64_t now_ms, str member, str group, bool joined);
/* Drops what is older. */
void hub_stream_expire(struct hub_stream *s, uint64_t before_ms);
void hub_stream_clear(struct hub_stream *s); /* drops everything; numbers go on */
/* When the oldest entry was made; 0: there is none. */
uint64_t hub_stream_oldest(const struct hub_stream *s);

/* Whether all that was sent after that number is here, but for what is older than since_ms. A
 * number that was never given is not. */
bool hub_stream_holds(const struct hub_stream *s, uint64_t after, uint64_t since_ms);
/* Calls fn, oldest first, for each packet after that number that went to the reader: the groups it
 * was in at the time of each are worked out from the notes. fn must not change the stream. Returns
 * how many; fn may be NULL. */
size_t hub_stream_each(const struct hub_stream *s, uint64_t after, const struct hub_reader *r,
                       void (*fn)(void *arg, struct msg *const *msgs, size_t n), void *arg);

#endif
