/* client/sqlite_run.c - runs one request against SQLite and keeps its rows.
 *
 * Invariants
 *   - a statement in the cache is reset and holds no bindings between requests;
 *   - a request that fails leaves no transaction open that it began itself, so that one faulty
 * script cannot make every later statement part of a transaction that nobody commits.
 *
 * Start reading at sqlite_runner_run().
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/sqlite_run.h"

#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"

int sqlite_request_fail(struct sqlite_request *r, int code, const char *message)
{
    str text = str_of(message);

    r->message = arena_alloc(&r->memory, text.n + 1);
    memcpy(r->message, text.p, text.n);
    r->message[text.n] = '\0';
    r->err = code;
    return code;
}

void sqlite_request_clear(struct sqlite_request *r)
{
    mem_free(r->rows.cells);
    r->rows = (struct sqlite_rows){ 0 };
    r->row_cap = r->bytes = 0;
}

static bool interrupted(const struct sqlite_runner *run)
{
    return __atomic_load_n(&run->interrupted, __ATOMIC_RELAXED);
}

/* SQLite's own busy handler would sleep through an interruption. */
static int on_busy(void *arg, int tries)
{
    enum { STEP_MS = 10 };
    const struct timespec nap = { .tv_nsec = STEP_MS * 1000000L };

    if (interrupted(arg) || tries >= SQLITE_BUSY_MS / STEP_MS)
        return 0;
    nanosleep(&nap, NULL);
    return 1;
}

static int on_progress(void *arg)
{
    return interrupted(arg);
}

static int fail_sqlite(struct sqlite_runner *run, struct sqlite_request *r)
{
    if (interrupted(run))
        return sqlite_request_fail(r, ATR_ECLOSED, "the database was closed");
    return sqlite_request_fail(r, ATR_EDATABASE, sqlite3_errmsg(run->handle));
}

static int open_file(struct sqlite_runner *run, struct sqlite_request *r)
{
    static const char setup[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    char message[512];

    if (run->handle)
        return 0;
    if (sqlite3_open_v2(run->path, &run->handle, flags, NULL) != SQLITE_OK) {
        snprintf(message, sizeof message, "cannot open %s: %s", run->path,
                 run->handle ? sqlite3_errmsg(run->handle) : "out of memory");
        sqlite3_close_v2(run->handle);
        run->handle = NULL;
        return sqlite_request_fail(r, ATR_EDATABASE, message);
    }
    sqlite3_busy_handler(run->handle, on_busy, run);
    sqlite3_progress_handler(run->handle, 10000, on_progress, run);
    /* A file that cannot be written stays in its journal mode and can still be read. */
    (void)sqlite3_exec(run->handle, setup, NULL, NULL, NULL);
    return 0;
}

static void forget(struct sqlite_statement *s)
{
    sqlite3_finalize(s->handle);
    mem_free(s->sql);
    *s = (struct sqlite_statement){ 0 };
}

static struct sqlite_statement *cache_find(struct sqlite_runner *run, str sql)
{
    for (size_t i = 0; i < SQLITE_CACHE; i++) {
        struct sqlite_statement *s = &run->cache[i];

        if (s->handle && s->len == sql.n && memcmp(s->sql, sql.p, sql.n) == 0)
            return s;
    }
    return NULL;
}

static struct sqlite_statement *cache_put(struct sqlite_runner *run, str sql, sqlite3_stmt *handle)
{
    struct sqlite_statement *least = &run->cache[0];

    for (size_t i = 1; i < SQLITE_CACHE; i++)
        if (run->cache[i].used < least->used)
            least = &run->cache[i];
    forget(least);
    *least = (struct sqlite_statement){ .handle = handle, .sql = str_dup(sql), .len = sql.n };
    return least;
}

static int bind_cell(sqlite3_stmt *st, int at, const struct sqlite_cell *c)
{
    switch (c->type) {
    case SQLITE_CELL_INTEGER:
        return sqlite3_bind_int64(st, at, c->integer);
    case SQLITE_CELL_REAL:
        return sqlite3_bind_double(st, at, c->real);
    case SQLITE_CELL_TEXT:
        return sqlite3_bind_text64(st, at, c->bytes.n ? c->bytes.p : "", c->bytes.n, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case SQLITE_CELL_BLOB: /* a NULL pointer would bind NULL */
        return sqlite3_bind_blob64(st, at, c->bytes.n ? c->bytes.p : "", c->bytes.n, SQLITE_STATIC);
    case SQLITE_CELL_NULL:
        break;
    }
    return sqlite3_bind_null(st, at);
}

static int bind_all(struct sqlite_runner *run, struct sqlite_request *r, sqlite3_stmt *st)
{
    int wanted = sqlite3_bind_parameter_count(st);
    char message[96];

    if ((size_t)wanted != r->param_count) {
        snprintf(message, sizeof message, "the statement takes %d parameters, %zu were given",
                 wanted, r->param_count);
        return sqlite_request_fail(r, ATR_EDATABASE, message);
    }
    for (size_t i = 0; i < r->param_count; i++)
        if (bind_cell(st, (int)i + 1, &r->params[i]) != SQLITE_OK)
            return fail_sqlite(run, r);
    return 0;
}

static str keep(struct sqlite_request *r, const void *p, size_t n)
{
    char *copy = arena_alloc(&r->memory, n + 1);

    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    r->bytes += n;
    return (str){ copy, n };
}

static void read_cell(struct sqlite_request *r, sqlite3_stmt *st, int at, struct sqlite_cell *c)
{
    *c = (struct sqlite_cell){ .type = SQLITE_CELL_NULL };
    switch (sqlite3_column_type(st, at)) {
    case SQLITE_INTEGER:
        c->type = SQLITE_CELL_INTEGER;
        c->integer = sqlite3_column_int64(st, at);
        break;
    case SQLITE_FLOAT:
        c->type = SQLITE_CELL_REAL;
        c->real = sqlite3_column_double(st, at);
        break;
    case SQLITE_TEXT: {
        const void *p = sqlite3_column_text(st, at);
        c->type = SQLITE_CELL_TEXT;
        c->bytes = keep(r, p, (size_t)sqlite3_column_bytes(st, at));
        break;
    }
    case SQLITE_BLOB: {
        const void *p = sqlite3_column_blob(st, at);
        c->type = SQLITE_CELL_BLOB;
        c->bytes = keep(r, p, (size_t)sqlite3_column_bytes(st, at));
        break;
    }
    default:
        break;
    }
}

static void read_columns(struct sqlite_request *r, sqlite3_stmt *st)
{
    size_t count = (size_t)sqlite3_column_count(st);

    sqlite_request_clear(r);
    r->rows.column_count = count;
    if (count == 0)
        return;
    r->rows.columns = arena_alloc(&r->memory, count * sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(st, (int)i);

        r->rows.columns[i] = (char *)(uintptr_t)keep(r, name, name ? strlen(name) : 0).p;
    }
}

static int read_row(struct sqlite_request *r, sqlite3_stmt *st)
{
    struct sqlite_rows *rows = &r->rows;
    size_t width = rows->column_count;

    if (width == 0)
        return 0;
    if (rows->row_count == r->row_cap) {
        r->row_cap = r->row_cap ? r->row_cap * 2 : 8;
        rows->cells = mem_realloc(rows->cells, r->row_cap * width * sizeof *rows->cells);
    }
    for (size_t i = 0; i < width; i++)
        read_cell(r, st, (int)i, &rows->cells[rows->row_count * width + i]);
    rows->row_count++;
    r->bytes += width * sizeof *rows->cells;
    if (r->bytes > SQLITE_RESULT_BYTES_MAX)
        return sqlite_request_fail(r, ATR_EDATABASE, "the result is too large (add a LIMIT)");
    return 0;
}

static int step_all(struct sqlite_runner *run, struct sqlite_request *r, sqlite3_stmt *st)
{
    int64_t changes = r->rows.changes, before = sqlite3_total_changes64(run->handle);
    int step, err;

    if ((err = bind_all(run, r, st)) < 0)
        return err;
    read_columns(r, st);
    while ((step = sqlite3_step(st)) == SQLITE_ROW)
        if ((err = read_row(r, st)) < 0)
            return err;
    if (step != SQLITE_DONE)
        return fail_sqlite(run, r);
    /* sqlite3_changes() still answers for an older statement when this one changed nothing. */
    if (sqlite3_total_changes64(run->handle) != before)
        changes += sqlite3_changes64(run->handle);
    r->rows.changes = changes;
    return 0;
}

/* Whether nothing but white space, semicolons and comments is left. */
static bool blank(const char *sql)
{
    for (;;) {
        sql += strspn(sql, " \t\r\n\f;");
        if (sql[0] == '-' && sql[1] == '-') {
            sql += strcspn(sql, "\n");
        } else if (sql[0] == '/' && sql[1] == '*') {
            const char *end = strstr(sql + 2, "*/");

            if (!end)
                return true; /* SQLite, too, ends an open comment at the end of the text */
            sql = end + 2;
        } else {
            return sql[0] == '\0';
        }
    }
}

/* One statement, or several: these are not cached, since a script of several runs once. */
static int run_sql(struct sqlite_runner *run, struct sqlite_request *r)
{
    const char *at = r->sql.p, *tail = at;
    struct sqlite_statement *cached = cache_find(run, r->sql);
    int err = 0;

    while (!err && !cached && !blank(at)) {
        sqlite3_stmt *st = NULL;

        if (sqlite3_prepare_v3(run->handle, at, -1, 0, &st, &tail) != SQLITE_OK)
            return fail_sqlite(run, r);
        if (at == r->sql.p && st && blank(tail)) {
            cached = cache_put(run, r->sql, st);
            break;
        }
        if (st && r->param_count)
            err =
                sqlite_request_fail(r, ATR_EDATABASE, "parameters go with a single statement only");
        else if (st) /* NULL: a comment */
            err = step_all(run, r, st);
        sqlite3_finalize(st);
        at = tail;
    }
    if (!cached)
        return err;
    cached->used = ++run->clock;
    err = step_all(run, r, cached->handle);
    sqlite3_reset(cached->handle);
    sqlite3_clear_bindings(cached->handle);
    return err;
}

static int run_steps(struct sqlite_runner *run, struct sqlite_request *r)
{
    int err;

    if (sqlite3_exec(run->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return fail_sqlite(run, r);
    for (size_t i = 0; i < r->step_count; i++) {
        r->sql = r->steps[i].sql;
        r->params = (struct sqlite_cell *)(uintptr_t)r->steps[i].params;
        r->param_count = r->steps[i].count;
        if ((err = run_sql(run, r)) < 0)
            return err;
        sqlite_request_clear(r);
    }
    if (sqlite3_exec(run->handle, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return fail_sqlite(run, r);
    return 0;
}

void sqlite_runner_run(struct sqlite_runner *run, struct sqlite_request *r)
{
    if (interrupted(run)) {
        sqlite_request_fail(r, ATR_ECLOSED, "the database was closed");
        return;
    }
    if (r->sql.n && memchr(r->sql.p, '\0', r->sql.n)) {
        sqlite_request_fail(r, ATR_EDATABASE, "the SQL text holds a zero byte");
        return;
    }
    if (open_file(run, r) < 0)
        return;
    int idle = sqlite3_get_autocommit(run->handle);
    if ((r->steps ? run_steps(run, r) : run_sql(run, r)) < 0) {
        sqlite_request_clear(r);
        if (idle && !sqlite3_get_autocommit(run->handle))
            (void)sqlite3_exec(run->handle, "ROLLBACK", NULL, NULL, NULL);
        return;
    }
    r->rows.last_insert_id = sqlite3_last_insert_rowid(run->handle);
}

void sqlite_runner_close(struct sqlite_runner *run)
{
    for (size_t i = 0; i < SQLITE_CACHE; i++)
        forget(&run->cache[i]);
    sqlite3_close_v2(run->handle);
    run->handle = NULL;
}
