/* client/sqlite_run.h - the half of the SQLite client that lives on its thread: opening, the cache
 * of prepared statements, running a request, gathering its rows.
 *
 * Knows neither loop nor queues. Everything here belongs to the thread, but `interrupted`, which
 * the loop's thread sets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLIENT_SQLITE_RUN_H
#define CLIENT_SQLITE_RUN_H

#include <sqlite3.h>

#include "base/arena.h"
#include "client/sqlite.h"

enum { SQLITE_CACHE = 64 }; /* prepared statements kept */

struct sqlite_statement {
    sqlite3_stmt *handle; /* NULL: a free place */
    char *sql;
    size_t len;
    uint64_t used; /* when, in requests: the least is evicted */
};

struct sqlite_runner {
    sqlite3 *handle; /* NULL until a request opened it */
    const char *path;
    uint64_t clock;  /* requests run */
    int interrupted; /* atomic: give up as soon as possible */
    struct sqlite_statement cache[SQLITE_CACHE];
};

struct sqlite_request {
    struct sqlite_request *next;
    sqlite_fn fn;
    void *user;
    str sql; /* terminated; lives behind the struct, as do the parameters' bytes */
    struct sqlite_cell *params;
    size_t param_count;
    struct sqlite_step *steps; /* NULL: sql is all; else each in turn becomes sql and params */
    size_t step_count;
    /* The answer. */
    int err;
    char *message; /* NULL without error; in memory */
    struct sqlite_rows rows;
    size_t row_cap, bytes;
    struct arena memory; /* of the bytes of cells and columns */
};

/* Fills the answer of r. */
void sqlite_runner_run(struct sqlite_runner *run, struct sqlite_request *r);
void sqlite_runner_close(struct sqlite_runner *run);

/* Makes the answer an error with a copy of message. Returns code. */
int sqlite_request_fail(struct sqlite_request *r, int code, const char *message);
/* Drops what was gathered so far. */
void sqlite_request_clear(struct sqlite_request *r);

#endif
