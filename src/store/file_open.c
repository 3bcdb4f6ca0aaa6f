/* store/file_open.c - opening the centre's file: one question after the other, each waited for.
 *
 *   lock > check > migrate > take a block of revisions > read every table
 *
 * Invariants
 *   - nothing is read of a file that is damaged, newer, or another program's;
 *   - a block of revisions is on the disk before any of it is used.
 *
 * Start reading at open_all().
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/file_parts.h"

enum { ROWS_OF_A_READ = 1024, LEAST_ROWS = 3 };

/* --- Asking --- */

static void on_answer(void *user, int err, const char *message, const struct sqlite_rows *rows)
{
    struct store_file *f = user;

    f->waiting = false;
    f->err = err;
    if (err)
        err_why(f->why, err, "%s: %s", f->path, message);
    else if (f->on_rows)
        f->on_rows(f, rows);
}

static int wait_for(struct store_file *f)
{
    int err;

    f->waiting = true;
    while (f->waiting)
        if ((err = loop_turn(f->loop, -1)) < 0)
            return err_why(f->why, err, "%s: %s", f->path, err_text(err));
    return f->err;
}

static int ask(struct store_file *f, const char *sql, const struct sqlite_cell *params, size_t n,
               void (*on_rows)(struct store_file *f, const struct sqlite_rows *rows))
{
    int err;

    f->on_rows = on_rows;
    if ((err = sqlite_query(f->db, str_of(sql), params, n, on_answer, f)) < 0)
        return err_why(f->why, err, "%s: %s", f->path, err_text(err));
    return wait_for(f);
}

/* --- What it must be --- */

/* The file is this process's as long as it holds the lock on a file beside it: SQLite's own lock
 * would make the other one wait first. */
static int lock(struct store_file *f)
{
    struct buf name = { 0 };
    int err = 0;

    buf_format(&name, "%s.lock", f->path);
    buf_byte(&name, '\0');
    f->lock_fd = open((const char *)name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->lock_fd < 0)
        err = err_why(f->why, -errno, "cannot open %s: %s", (const char *)name.data,
                      err_text(-errno));
    else if (flock(f->lock_fd, LOCK_EX | LOCK_NB) < 0)
        err = err_why(f->why, -EBUSY, "%s is in use by another centre", f->path);
    buf_free(&name);
    return err;
}

static void on_check(struct store_file *f, const struct sqlite_rows *rows)
{
    str found = rows->row_count ? rows->cells[0].bytes : (str){ "", 0 }, line = found, part;

    if (str_eq(found, STR("ok")))
        return;
    while (str_cut(&found, '\n', &part)) /* "*** in database main ***", then what */
        line = part;
    f->err = err_why(f->why, ATR_EDATABASE, "%s is damaged: %.*s", f->path, STR_ARG(line));
}

static void on_version(struct store_file *f, const struct sqlite_rows *rows)
{
    int64_t version = rows->cells[0].integer, id = rows->cells[1].integer,
            table_count = rows->cells[2].integer;

    if (id != FILE_APPLICATION_ID && (version || id || table_count))
        f->err =
            err_why(f->why, ATR_EDATABASE, "%s is a database, but not one of a centre", f->path);
    else if (version > FILE_SCHEMA)
        f->err = err_why(f->why, ATR_EDATABASE,
                         "%s was written by a newer Atrium (schema %lld; this one knows %d)",
                         f->path, (long long)version, FILE_SCHEMA);
    f->table = (int)version;
}

/* What makes schema n + 1 of schema n. */
static void schema_1(struct buf *sql)
{
    for (int t = 0; t < FILE_TABLES; t++)
        file_create_statement(sql, &file_tables[t]);
    buf_format(sql, "CREATE TABLE meta (boot TEXT NOT NULL, reserved INTEGER NOT NULL);"
                    "INSERT INTO meta VALUES ('', 0);");
}
static void (*const migrations[FILE_SCHEMA])(struct buf *sql) = { schema_1 };

static int migrate(struct store_file *f)
{
    int err = ask(f,
                  "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)"
                  " FROM pragma_user_version, pragma_application_id",
                  NULL, 0, on_version);

    for (int from = f->table; !err && from < FILE_SCHEMA; from++) {
        struct buf sql = { 0 };

        buf_format(&sql, "BEGIN IMMEDIATE;");
        migrations[from](&sql);
        buf_format(&sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                   FILE_APPLICATION_ID, from + 1);
        buf_byte(&sql, '\0');
        err = ask(f, (const char *)sql.data, NULL, 0, NULL);
        buf_free(&sql);
    }
    return err;
}

/* --- What it says --- */

static str boot_id(char out[64])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, 63) : -1;

    if (fd >= 0)
        close(fd);
    return str_trim(str_n(out, n > 0 ? (size_t)n : 0));
}

static void on_meta(struct store_file *f, const struct sqlite_rows *rows)
{
    char id[64];

    if (rows->row_count != 1) {
        f->err = err_why(f->why, ATR_EDATABASE, "%s is damaged: it has no row in meta", f->path);
        return;
    }
    f->reserved = (uint64_t)rows->cells[1].integer;
    f->facts->new_boot = !str_eq(rows->cells[0].bytes, boot_id(id));
    f->facts->cut = f->facts->new_boot && rows->cells[0].bytes.n && !f->full;
    f->facts->revision = f->reserved;
}

/* Revisions of this life are above all of those before, whatever became of the last commits: the
 * block is on the disk before any of it is used. */
static int take_block(struct store_file *f)
{
    char id[64];
    str boot = boot_id(id);
    struct sqlite_cell cells[] = { { .type = SQLITE_CELL_TEXT, .bytes = boot }, { 0 } };
    int err;

    if ((err = ask(f, "SELECT boot, reserved FROM meta", NULL, 0, on_meta)) < 0)
        return err;
    f->reserved += FILE_BLOCK;
    cells[1] = file_integer(f->reserved);
    if ((err = ask(f, "PRAGMA synchronous = FULL", NULL, 0, NULL)) < 0 ||
        (err = ask(f, "UPDATE meta SET boot = ?, reserved = ?", cells, 2, NULL)) < 0)
        return err;
    return f->full ? 0 : ask(f, "PRAGMA synchronous = NORMAL", NULL, 0, NULL);
}

static void on_table(struct store_file *f, const struct sqlite_rows *rows)
{
    const struct file_table *t = &file_tables[f->table];
    size_t n = file_table_width(t);

    f->read = rows->row_count;
    for (size_t row = 0; row < rows->row_count && !f->err; row++) {
        const struct sqlite_cell *cell = &rows->cells[row * (n + 2)];
        struct store_record r = { 0 };

        for (size_t i = 0; i < n; i++) {
            void *at = (char *)&r + t->columns[i].at;

            if (t->columns[i].kind == 't')
                *(str *)at = cell[i + 2].bytes;
            else
                *(uint64_t *)at = (uint64_t)cell[i + 2].integer;
        }
        if (f->facts->new_boot)
            r.at_ms = 0;
        f->rowid = cell[0].integer;
        f->err = f->o->on_row(f->o->user, cell[1].bytes, f->table, &r);
        if (f->err)
            err_why(f->why, f->err,
                    "%s is damaged: row %lld of table %s does not go with the others", f->path,
                    (long long)f->rowid, t->name);
    }
}

/* In pieces, as large as a result may be. */
static int read_table(struct store_file *f, int table)
{
    size_t most = ROWS_OF_A_READ;
    struct buf sql = { 0 };
    int err;

    f->table = table;
    f->rowid = INT64_MIN;
    do {
        struct sqlite_cell after = { .type = SQLITE_CELL_INTEGER, .integer = f->rowid };

        buf_clear(&sql);
        buf_format(&sql, "SELECT rowid, * FROM \"%s\" WHERE rowid > ? ORDER BY rowid LIMIT %zu",
                   file_tables[table].name, most);
        buf_byte(&sql, '\0');
        err = ask(f, (const char *)sql.data, &after, 1, on_table);
        if (err == ATR_EDATABASE && after.integer == f->rowid && most > LEAST_ROWS) {
            most = most / 2 > LEAST_ROWS ? most / 2 : LEAST_ROWS; /* rows may be that large */
            f->read = most;
            err = 0;
        }
    } while (!err && f->read == most);
    buf_free(&sql);
    return err;
}

static int open_all(struct store_file *f)
{
    int err;

    if ((err = lock(f)) < 0)
        return err;
    f->db = sqlite_open(f->loop, str_of(f->path));
    if ((err = ask(f, "PRAGMA locking_mode = EXCLUSIVE", NULL, 0, NULL)) < 0 ||
        (err = ask(f, "PRAGMA quick_check(1)", NULL, 0, on_check)) < 0 || (err = migrate(f)) < 0 ||
        (err = take_block(f)) < 0)
        return err;
    for (int t = 0; t < FILE_TABLES && !err; t++)
        err = read_table(f, t);
    return err;
}

int store_file_open(struct store_file **out, struct loop *l, const struct store_file_options *o,
                    struct store_file_facts *facts, char *why)
{
    struct store_file *f = mem_zalloc(sizeof *f);
    int err;

    *f = (struct store_file){ .loop = l, .full = o->full, .why = why, .o = o, .facts = facts };
    f->path = str_dup(str_of(o->path));
    f->lock_fd = -1;
    for (int t = 0; t < FILE_TABLES; t++) {
        f->put_sql[t] = file_put_statement(&file_tables[t]);
        f->del_sql[t] = file_del_statement(t);
    }
    *facts = (struct store_file_facts){ 0 };
    if ((err = open_all(f)) < 0) {
        store_file_close(f);
        return err;
    }
    f->why = NULL;
    f->o = NULL;
    f->facts = NULL;
    *out = f;
    return 0;
}
