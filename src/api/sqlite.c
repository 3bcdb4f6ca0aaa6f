/* api/sqlite.c - databases of an application.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/app.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/sqlite.h"

/* Listed until its thread has gone: a close may still be under way when the application ends. */
struct atr_sqlite {
    struct list link; /* in app->databases */
    atr_app *app;
    struct sqlite *db;
};

struct query {
    struct sqlite_stats *stats;
    atr_sqlite_fn fn;
    void *user;
};

static void on_closed(void *user)
{
    atr_sqlite *s = user;

    list_remove(&s->link);
    mem_free(s);
}

atr_sqlite *atr_sqlite_open(atr_app *app, atr_str path)
{
    atr_sqlite *s = mem_alloc(sizeof *s);

    *s = (atr_sqlite){ .app = app, .db = sqlite_open(&app->loop, str_in(path)) };
    list_init(&s->link);
    list_append(&app->databases, &s->link);
    sqlite_on_closed(s->db, on_closed, s);
    return s;
}

void atr_sqlite_close(atr_sqlite *s)
{
    if (s)
        sqlite_close(s->db, false);
}

void databases_free(atr_app *app)
{
    while (!list_empty(&app->databases))
        sqlite_close(container_of(app->databases.next, atr_sqlite, link)->db, true);
}

static void arrived(void *user, int err, const char *message, const struct sqlite_rows *rows)
{
    /* Cells cross as they are. */
    static_assert(sizeof(struct sqlite_cell) == sizeof(atr_cell) &&
                      offsetof(struct sqlite_cell, bytes) == offsetof(atr_cell, bytes) &&
                      (int)SQLITE_CELL_BLOB == (int)ATR_CELL_BLOB,
                  "struct sqlite_cell and atr_cell have one layout");
    struct query q = *(struct query *)user;

    mem_free(user);
    q.stats->waiting--;
    if (err < 0)
        q.stats->failed++;
    else
        q.stats->done++;
    if (err < 0 && !q.fn)
        log_event(LOG_ERROR, "query-failed", "%s", message);
    if (!q.fn)
        return;
    if (err < 0) {
        q.fn(q.user, err, message, NULL);
        return;
    }
    atr_rows out = { (const char *const *)rows->columns, rows->column_count, rows->row_count,
                     (const atr_cell *)rows->cells,      rows->changes,      rows->last_insert_id };
    q.fn(q.user, 0, "", &out);
}

int atr_sqlite_query(atr_sqlite *s, atr_str sql, const atr_cell *params, size_t count,
                     atr_sqlite_fn fn, void *user)
{
    struct query *q = mem_alloc(sizeof *q);
    int err;

    *q = (struct query){ &s->app->sqlite, fn, user };
    q->stats->waiting++;
    err = sqlite_query(s->db, str_in(sql), (const struct sqlite_cell *)params, count, arrived, q);
    if (err < 0) {
        q->stats->waiting--;
        q->stats->refused++;
        mem_free(q);
    }
    return err;
}
