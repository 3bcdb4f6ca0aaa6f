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

typedef struct atr_cell {
    atr_cell_type type;
    int64_t integer;
    double real;
    atr_str bytes; /* of text and blobs */
} atr_cell;

typedef struct atr_rows {
    const char *const *columns;
    size_t column_count, row_count;
    const atr_cell *cells; /* row by row */
    int64_t changes, last_insert_id;
} atr_rows;

/* Opens (and creates) a database file in WAL mode; ":memory:" works. The file is opened on the
 * thread: a failure to open is reported by each query. Never NULL. */
ATR_API atr_sqlite *atr_sqlite_open(atr_app *app, atr_str path);
/* Finishes what was queued, then closes; callbacks of queued queries still run. */
ATR_API void atr_sqlite_close(atr_sqlite *db);

/* Runs one statement with positional parameters (copied), or with no parameters any number of
 * statements. fn is called once: err 0 and the rows of the (last) statement, or ATR_EDATABASE and
 * SQLite's message. ATR_ELIMIT when too many queries wait (then fn is not called). */
typedef void (*atr_sqlite_fn)(void *user, int err, const char *message, const atr_rows *rows);
ATR_API int atr_sqlite_query(atr_sqlite *db, atr_str sql, const atr_cell *params, size_t count,
                             atr_sqlite_fn fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
