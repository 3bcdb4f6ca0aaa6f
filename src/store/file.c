/* store/file.c - see file.h. What changes is gathered as steps and cells, whose bytes are in one
 * buffer, and given to SQLite's thread as one transaction.
 *
 * Start reading at store_file_put() and store_file_commit(); opening is in file_open.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/file.h"

#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "store/file_parts.h"

/* --- Gathering --- */

static struct sqlite_cell *add_step(struct store_file *f, const char *sql, size_t cells)
{
    if (f->step_count == f->step_cap) {
        f->step_cap = f->step_cap ? f->step_cap * 2 : 64;
        f->steps = mem_realloc(f->steps, f->step_cap * sizeof *f->steps);
    }
    while (f->cell_count + cells > f->cell_cap) {
        f->cell_cap = f->cell_cap ? f->cell_cap * 2 : 256;
        f->cells = mem_realloc(f->cells, f->cell_cap * sizeof *f->cells);
    }
    f->steps[f->step_count++] = (struct file_step){ str_of(sql), f->cell_count, cells };
    f->cell_count += cells;
    return &f->cells[f->cell_count - cells];
}

/* Its bytes are a place until they are given to SQLite: the buffer may move. */
static struct sqlite_cell blob(struct store_file *f, str bytes)
{
    struct sqlite_cell c = { .type = SQLITE_CELL_BLOB, .integer = (int64_t)f->bytes.len };

    c.bytes.n = bytes.n;
    buf_add(&f->bytes, bytes);
    return c;
}

void store_file_put(struct store_file *f, str space, int table, const struct store_record *r)
{
    const struct file_table *t = &file_tables[table];
    size_t n = file_table_width(t);
    struct sqlite_cell *cell = add_step(f, f->put_sql[table], n + 1);

    *cell++ = blob(f, space);
    for (size_t i = 0; i < n; i++) {
        const void *at = (const char *)r + t->columns[i].at;

        *cell++ = t->columns[i].kind == 't' ? blob(f, *(const str *)at)
                                            : file_integer(*(const uint64_t *)at);
    }
}

void store_file_del(struct store_file *f, str space, int table, str key, uint64_t offset)
{
    struct sqlite_cell *cell;

    if (table == BOOK_LOGS)
        store_file_del(f, space, BOOK_ENTRIES, key, INT64_MAX);
    cell = add_step(f, f->del_sql[table], table == BOOK_ENTRIES ? 3 : 2);
    *cell++ = blob(f, space);
    *cell++ = blob(f, key);
    if (table == BOOK_ENTRIES)
        *cell = file_integer(offset);
}

static void reserve(struct store_file *f)
{
    f->reserved += FILE_BLOCK;
    *add_step(f, "UPDATE meta SET reserved = ?", 1) = file_integer(f->reserved);
}

void store_file_revision(struct store_file *f, uint64_t revision)
{
    if (revision + FILE_BLOCK / 2 > f->reserved)
        reserve(f);
}

bool store_file_changed(const struct store_file *f)
{
    return f->step_count > 0;
}

/* --- Committing --- */

static void on_committed(void *user, int err, const char *message, const struct sqlite_rows *rows)
{
    struct store_file *f = user;
    char why[ATR_WHY_MAX] = "";
    void (*fn)(void *, int, const char *) = f->committed;

    (void)rows;
    f->committed = NULL;
    if (err)
        err_why(why, err, "cannot write %s: %s", f->path, message);
    fn(f->commit_user, err, why);
}

/* The statements as SQLite's thread wants them. */
static int submit(struct store_file *f, sqlite_fn fn)
{
    struct sqlite_step *steps = mem_alloc((f->step_count ? f->step_count : 1) * sizeof *steps);

    for (size_t i = 0; i < f->cell_count; i++)
        if (f->cells[i].type == SQLITE_CELL_BLOB)
            f->cells[i].bytes.p = (const char *)f->bytes.data + f->cells[i].integer;
    for (size_t i = 0; i < f->step_count; i++)
        steps[i] = (struct sqlite_step){ f->steps[i].sql, &f->cells[f->steps[i].first_cell],
                                         f->steps[i].cell_count };
    int err = sqlite_transaction(f->db, steps, f->step_count, fn, f);
    mem_free(steps);
    f->step_count = f->cell_count = 0;
    buf_clear(&f->bytes);
    if (f->bytes.cap > 8 << 20)
        buf_free(&f->bytes);
    return err;
}

void store_file_commit(struct store_file *f, void (*fn)(void *user, int err, const char *why),
                       void *user)
{
    int err;

    ASSERT(!f->committed);
    f->committed = fn;
    f->commit_user = user;
    if ((err = submit(f, on_committed)) < 0)
        on_committed(f, err, err_text(err), NULL);
}

void store_file_close(struct store_file *f)
{
    if (!f)
        return;
    if (f->db)
        sqlite_close(f->db, true);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    for (int t = 0; t < FILE_TABLES; t++) {
        mem_free(f->put_sql[t]);
        mem_free(f->del_sql[t]);
    }
    mem_free(f->steps);
    mem_free(f->cells);
    buf_free(&f->bytes);
    mem_free(f->path);
    mem_free(f);
}
