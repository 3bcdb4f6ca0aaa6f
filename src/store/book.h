/* store/book.h - what a store knows: keys, leases, nodes, logs, rooms and tickets of one
 * application, in memory, and what operations do to them.
 *
 * Pure: no I/O, no clock (the caller says what time it is), no loop. The memory store keeps a book
 * for itself; the centre keeps one per application, and writes down what changes (book_keeper).
 *
 * Order: operations take effect one after the other, as they are given to book_run().
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_BOOK_H
#define STORE_BOOK_H

#include "cluster/store.h"

/* What is written down of a book, as records. Numbers and columns: see file.c. */
enum book_table {
    BOOK_KEYS,
    BOOK_NODES,
    BOOK_LEASES,
    BOOK_LOGS,
    BOOK_ENTRIES,
    BOOK_ROOMS,
    BOOK_TICKETS,
    BOOK_TABLES
};

struct book_keeper { /* of changes, in order; records are borrowed */
    void (*put)(void *user, enum book_table t, const struct store_record *r);
    /* BOOK_ENTRIES: those of the log below offset; BOOK_LOGS: with all its entries. */
    void (*del)(void *user, enum book_table t, str key, uint64_t offset);
};

/* The answer to what `who` asked as number seq; body: the record, and then item_count items. */
typedef void (*book_answer)(void *user, void *who, uint64_t seq, int err, str body,
                            uint32_t item_count);

struct book_options {
    book_answer on_answer;
    const struct book_keeper *keeper; /* NULL: nothing is written down */
    void *user;                       /* of both */
    size_t bytes_max;                 /* of all that is in it; 0: BOOK_BYTES_MAX */
    uint64_t now_ms;
    uint64_t revision; /* of the latest change: the next has a greater one */
};
enum { BOOK_BYTES_MAX = 256 << 20, BOOK_OVERHEAD = 128 /* counted for each thing in it */ };

struct book;

struct book *book_new(const struct book_options *o);
void book_free(struct book *b); /* those who wait are not answered */

/* The time is now_ms (CLOCK_BOOTTIME); earlier ones than before are ignored. What is due ends. */
void book_advance(struct book *b, uint64_t now_ms);
/* When something is due next (not later than it is); UINT64_MAX: never. */
uint64_t book_due_ms(const struct book *b);

/* Does it. on_answer is called once, from here or, when the operation waits for news, from another
 * call for the book. */
void book_run(struct book *b, void *who, uint64_t seq, enum store_op op,
              const struct store_record *q);
/* Waits no longer for an answer: all of who's, or seq 0 excepted, that one. */
void book_forget(struct book *b, void *who, uint64_t seq);

uint64_t book_revision(const struct book *b);

/* Puts back what the keeper was told of, table by table in their order, before anything else. Times
 * to live of what is held (leases, nodes, tickets) begin again; at_ms 0 for the others, too. */
int book_load(struct book *b, enum book_table t, const struct store_record *r) MUST_CHECK;
/* Changes to come have greater revisions than this. */
void book_begin_at(struct book *b, uint64_t revision);
/* Ends of logs may be missing: gives each a new generation. */
void book_logs_renumber(struct book *b);

#endif
