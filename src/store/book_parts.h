/* store/book_parts.h - inside a book. A file per kind of thing: book_kv.c, book_lease.c (and
 * nodes), book_log.c, book_rooms.c and book_seats.c (book_rooms.h); book.c holds them together.
 *
 * Each operation is a function that reads the request and fills the answer in b->out; a change is
 * told to the keeper in the same call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_BOOK_PARTS_H
#define STORE_BOOK_PARTS_H

#include "base/map.h"
#include "base/tree.h"
#include "base/wheel.h"
#include "store/book.h"

/* Who waits for what. */
enum topic_kind { TOPIC_LEASE, TOPIC_LOG };

struct book_out { /* the answer being made */
    int err;
    struct store_record r;  /* its texts must live until the operation's function has returned */
    struct buf items, text; /* text: for texts that live nowhere else */
    uint32_t item_count;
    bool wait; /* there is no answer yet */
};

struct book_stats { /* STORE_STATS: see docs/store.md */
    uint64_t operations, expired, fenced, refused, trimmed, lost_reads, orphaned, void_tickets;
};

struct book {
    struct book_options o;
    uint64_t now_ms, revision;
    struct wheel timers;
    size_t bytes;
    struct tree keys;    /* of struct key */
    struct tree nodes;   /* of struct node */
    struct map leases;   /* name -> struct lease */
    struct map logs;     /* name -> struct log */
    struct tree rooms;   /* of struct room_entry, by type and id */
    struct map room_ids; /* id -> struct room_entry */
    struct map types;    /* type -> struct room_type */
    struct map tickets;  /* id -> struct ticket */
    struct map topics;   /* kind and name -> struct topic */
    struct list waiters; /* of all topics */
    uint32_t waiter_count;
    struct book_stats stats;
    struct book_out out;
    struct buf scratch;
};

/* --- book.c --- */
static inline uint64_t book_next_revision(struct book *b)
{
    return ++b->revision;
}
/* Whether `more` bytes more are allowed: 0, or ATR_ELIMIT. */
int book_room_for(struct book *b, size_t more);
void book_put(struct book *b, enum book_table t, const struct store_record *r);
void book_del(struct book *b, enum book_table t, str key, uint64_t offset);
/* Adds an item to the answer; false when the page is full, and it was not added. */
bool book_item(struct book *b, const struct store_record *q, const struct store_record *item);
void book_timer(struct book *b, struct timer *t, uint64_t ttl_ms);
/* What is left of a timer: 0 when it is not running, else at least 1. */
uint64_t book_left(const struct book *b, const struct timer *t);
/* Something about this changed: those who wait for it ask again. */
void book_news(struct book *b, enum topic_kind kind, str name);
/* 0, or ATR_EFENCED when the request's fence is not held by its epoch. */
int book_fence(struct book *b, const struct store_record *q);
static inline int book_fail(struct book *b, int err)
{
    return b->out.err = err;
}
/* A copy of a text behind the struct that it belongs to; moves *at on. */
str book_copy(char **at, str text);

/* --- The operations --- */
void book_kv_get(struct book *b, const struct store_record *q);
void book_kv_set(struct book *b, const struct store_record *q);
void book_kv_del(struct book *b, const struct store_record *q);
void book_kv_incr(struct book *b, const struct store_record *q);
void book_kv_expire(struct book *b, const struct store_record *q);
void book_kv_list(struct book *b, const struct store_record *q);
int book_kv_load(struct book *b, const struct store_record *r);
void book_kv_free(struct book *b);

void book_node_join(struct book *b, const struct store_record *q);
void book_node_beat(struct book *b, const struct store_record *q);
void book_node_leave(struct book *b, const struct store_record *q);
void book_node_list(struct book *b, const struct store_record *q);
int book_node_load(struct book *b, const struct store_record *r);

struct node {
    struct tree_node in_book;
    struct book *book;
    struct timer expiry;
    uint64_t epoch, ttl_ms;
    struct list leases, rooms; /* bound to it */
    uint32_t room_count;
    size_t bytes;
    str address, metadata;
};
struct node *book_node(struct book *b, str id, uint64_t epoch); /* NULL: dead */

struct lease {
    struct book *book;
    struct timer expiry; /* not running when bound to a node */
    struct list in_node; /* self-linked when not */
    struct node *node;   /* NULL: has a time to live of its own */
    uint64_t epoch, ttl_ms;
    size_t bytes;
    str name, owner, value;
};
void book_lease_acquire(struct book *b, const struct store_record *q);
void book_lease_renew(struct book *b, const struct store_record *q);
void book_lease_release(struct book *b, const struct store_record *q);
void book_lease_get(struct book *b, const struct store_record *q);
int book_lease_load(struct book *b, const struct store_record *r);
void book_leases_free(struct book *b); /* and nodes */

void book_log_append(struct book *b, const struct store_record *q);
void book_log_read(struct book *b, const struct store_record *q);
void book_log_drop(struct book *b, const struct store_record *q);
int book_log_load(struct book *b, const struct store_record *r);
int book_entry_load(struct book *b, const struct store_record *r);
void book_logs_free(struct book *b);

void book_room_put(struct book *b, const struct store_record *q);
void book_room_drop(struct book *b, const struct store_record *q);
void book_room_list(struct book *b, const struct store_record *q);
void book_seat_reserve(struct book *b, const struct store_record *q);
void book_seat_confirm(struct book *b, const struct store_record *q);
void book_seat_cancel(struct book *b, const struct store_record *q);
void book_seat_leave(struct book *b, const struct store_record *q);
int book_room_load(struct book *b, const struct store_record *r);
int book_ticket_load(struct book *b, const struct store_record *r);
void book_rooms_orphan(struct book *b, struct node *n); /* it is dead */
void book_rooms_free(struct book *b);

#endif
