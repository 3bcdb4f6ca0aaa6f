/* client/sqlite.h - one SQLite database on a thread of its own, driven from a loop.
 *
 * Requests go over a queue to the thread, results come back through an eventfd watched by the loop;
 * callbacks run on the loop. The only thread in a worker; it shares nothing but the two queues.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLIENT_SQLITE_H
#define CLIENT_SQLITE_H

#include "net/loop.h"

#include "base/str.h"

enum sqlite_type { SQLITE_CELL_NULL, SQLITE_CELL_INTEGER, SQLITE_CELL_REAL, SQLITE_CELL_TEXT, SQLITE_CELL_BLOB };

struct sqlite_cell {
    enum sqlite_type type;
    int64_t integer;
    double real;
    str bytes;
};

struct sqlite_rows {
    char **columns;
    size_t column_count, row_count;
    struct sqlite_cell *cells;      /* row by row; bytes live in the result */
    int64_t changes, last_insert_id;
};

struct sqlite;
/* err 0 with rows, or a negative code with SQLite's message. Both are borrowed. */
typedef void (*sqlite_fn)(void *user, int err, const char *message, const struct sqlite_rows *rows);

struct sqlite *sqlite_open(struct loop *l, str path);
/* Runs what is queued to its end, calls the callbacks still owed (from the loop, or here when `now`),
 * joins the thread, frees. */
void sqlite_close(struct sqlite *db, bool now);
/* ATR_ELIMIT when too many requests wait. Strings and blobs are copied. */
int sqlite_query(struct sqlite *db, str sql, const struct sqlite_cell *params, size_t count, sqlite_fn fn, void *user) MUST_CHECK;

#endif
