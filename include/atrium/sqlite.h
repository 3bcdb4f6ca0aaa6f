/* atrium/sqlite.h - SQLite 3 off the loop: each database has a thread of its own, statements run
 * there in the order they were given, answers come back to the loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_SQLITE_H
#define ATRIUM_SQLITE_H

#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum atr_cell_type {
    ATR_CELL_NULL,
    ATR_CELL_INTEGER,
    ATR_CELL_REAL,
    ATR_CELL_TEXT,
    ATR_CELL_BLOB
} atr_cell_type;

/* A value; which member counts says type. */
typedef struct atr_cell {
    atr_cell_type type;
    int64_t integer;
    double real;
    atr_str bytes; /* of text and blobs */
} atr_cell;

/* Cells of parameters; the text is borrowed. A zeroed cell is NULL. */
static inline atr_cell atr_cell_text(const char *text)
{
    atr_cell c = { ATR_CELL_TEXT, 0, 0, atr_text(text) };

    return c;
}
static inline atr_cell atr_cell_integer(int64_t n)
{
    atr_cell c = { ATR_CELL_INTEGER, n, 0, { NULL, 0 } };

    return c;
}

typedef struct atr_rows {
    const char *const *columns;
    size_t column_count, row_count;
    const atr_cell *cells; /* row by row: cells[row * column_count + column] */
    int64_t changes;       /* rows that this query changed */
    int64_t last_insert_id;
} atr_rows;

/* Opens (and creates) a database file in WAL mode; ":memory:" works. The file is opened on the
 * thread: a failure to open is reported by each query. Never NULL. The path is copied. Ends with
 * atr_sqlite_close() or with app. */
ATR_API atr_sqlite *atr_sqlite_open(atr_app *app, atr_str path);
/* Finishes what was queued, then closes; callbacks of queued queries still run. db must not be used
 * any more. NULL is fine. */
ATR_API void atr_sqlite_close(atr_sqlite *db);

/* err 0 and the rows, message empty; or a code, a message and rows NULL. */
typedef void (*atr_sqlite_fn)(void *user, int err, const char *message, const atr_rows *rows);
/* Runs one statement with positional parameters (copied, like sql), or with no parameters any
 * number of statements. When 0 is returned, fn is called exactly once and never inside this call,
 * in the order of the queries: with the rows of the (last) statement, ATR_EDATABASE and SQLite's
 * message, or ATR_ECLOSED when the application ended first. fn NULL: nobody waits, an error is
 * logged. Without a call of fn: ATR_ELIMIT when too many queries wait, or a negated errno when the
 * thread cannot be started. */
ATR_API int atr_sqlite_query(atr_sqlite *db, atr_str sql, const atr_cell *params, size_t count,
                             atr_sqlite_fn fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
