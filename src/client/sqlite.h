/* client/sqlite.h - one SQLite database on a thread of its own, driven from a loop.
 *
 * Requests go over a queue to the thread, results come back through an eventfd watched by the loop;
 * callbacks run on the loop, in the order of the requests. The only thread in a worker; it shares
 * nothing but the two queues.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLIENT_SQLITE_H
#define CLIENT_SQLITE_H

#include "net/loop.h"

#include "base/str.h"

enum {
    SQLITE_QUEUE_MAX = 4096,            /* requests that have not been answered */
    SQLITE_RESULT_BYTES_MAX = 64 << 20, /* of one result; more is an error */
    SQLITE_BUSY_MS = 5000,              /* how long to wait for another process's lock */
    SQLITE_CLOSE_GRACE_MS = 2000        /* what sqlite_close(db, true) allows for the queue */
};

enum sqlite_type {
    SQLITE_CELL_NULL,
    SQLITE_CELL_INTEGER,
    SQLITE_CELL_REAL,
    SQLITE_CELL_TEXT,
    SQLITE_CELL_BLOB
};

struct sqlite_cell {
    enum sqlite_type type;
    int64_t integer;
    double real;
    str bytes;
};

struct sqlite_rows {
    char **columns;
    size_t column_count, row_count;
    struct sqlite_cell *cells; /* row by row; bytes live in the result */
    int64_t changes, last_insert_id;
};

struct sqlite;
/* err 0 with rows, or a negative code with SQLite's message. Both are borrowed. */
typedef void (*sqlite_fn)(void *user, int err, const char *message, const struct sqlite_rows *rows);

/* Never NULL: the file is opened on the thread by the first request, and by each later one until it
 * succeeds; a failure is that request's. Path ":memory:" works. */
struct sqlite *sqlite_open(struct loop *l, str path);

/* Calls fn from the loop just before db is freed. */
void sqlite_on_closed(struct sqlite *db, void (*fn)(void *user), void *user);

/* Runs what is queued to its end, calls the callbacks still owed (from the loop, or here when
 * `now`), joins the thread, frees. `now` grants the queue SQLITE_CLOSE_GRACE_MS, then interrupts
 * the running statement and answers the rest with ATR_ECLOSED; it may follow a close that was not
 * `now`, until on_closed was called. */
void sqlite_close(struct sqlite *db, bool now);

/* Runs one statement with positional parameters, or with none any number of statements (the rows
 * are the last one's). ATR_ELIMIT when too many requests wait, ATR_ECLOSED after sqlite_close().
 * Strings and blobs are copied. */
int sqlite_query(struct sqlite *db, str sql, const struct sqlite_cell *params, size_t count,
                 sqlite_fn fn, void *user) MUST_CHECK;

struct sqlite_step {
    str sql; /* one statement */
    const struct sqlite_cell *params;
    size_t count;
};
/* Runs the steps as one transaction: all of them take effect, or none. No rows. */
int sqlite_transaction(struct sqlite *db, const struct sqlite_step *steps, size_t count,
                       sqlite_fn fn, void *user) MUST_CHECK;

#endif
