/* store/file.c - see file.h. The tables are data: `tables` names the columns, which are fields of
 * the record; every statement is made from that.
 *
 * Start reading at store_file_open().
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "client/sqlite.h"

enum { COLUMNS_MAX = 16, ROWS_OF_A_READ = 1024, BLOCK = 1 << 28, LEAST_ROWS = 3 };

struct column {
    const char *name;
    char kind; /* 't'ext, 'c'ount, 'n'umber */
    size_t at;
};
#define T(f)                                                                                       \
    {                                                                                              \
#f, 't', offsetof(struct store_record, f)                                                  \
    }
#define C(f)                                                                                       \
    {                                                                                              \
#f, 'c', offsetof(struct store_record, f)                                                  \
    }

/* The first column is the key, and in `entries` the second one too. A change here is a migration:
 * see `migrations`. */
static const struct table {
    const char *name;
    struct column columns[COLUMNS_MAX];
} tables[FILE_TABLES] = {
    [BOOK_KEYS] = { "keys", { T(key), T(value), C(version), C(ttl_ms), C(at_ms) } },
    [BOOK_NODES] = { "nodes", { T(key), T(address), T(value), C(epoch), C(ttl_ms) } },
    [BOOK_LEASES] = { "leases",
                      { T(key), T(owner), T(node), C(node_epoch), T(value), C(epoch), C(ttl_ms) } },
    [BOOK_LOGS] = { "logs",
                    { T(key), C(generation), C(offset), C(count), C(bytes), C(age_ms),
                      C(ttl_ms) } },
    [BOOK_ENTRIES] = { "entries", { T(key), C(offset), T(value), C(at_ms) } },
    [BOOK_ROOMS] = { "rooms",
                     { T(key), T(type), T(node), C(node_epoch), T(filter), T(value), C(max),
                       C(taken), C(flags), T(fence), C(fence_epoch), C(version), C(epoch) } },
    [BOOK_TICKETS] = { "tickets", { T(key), T(room), T(value), C(count), C(ttl_ms) } },
    [FILE_GUESTS] = { "guests", { T(key), C(offset), T(value) } },
};

struct step { /* gathered; its cells' bytes are places in `bytes` */
    str sql;
    size_t first_cell, cell_count;
};

struct store_file {
    struct loop *loop;
    struct sqlite *db;
    char *path;
    int lock_fd;
    bool full, closed;
    char *put_sql[FILE_TABLES], *del_sql[FILE_TABLES];
    uint64_t reserved; /* revisions below that are ours */
    /* Gathered: */
    struct step *steps;
    struct sqlite_cell *cells;
    struct buf bytes;
    size_t step_count, step_cap, cell_count, cell_cap;
    void (*committed)(void *user, int err, const char *why);
    void *commit_user;
    /* While store_file_open() waits for an answer: */
    bool waiting;
    int err;
    char *why;
    void (*on_rows)(struct store_file *f, const struct sqlite_rows *rows);
    const struct store_file_options *o;
    struct store_file_facts *facts;
    int table;
    int64_t rowid;
    size_t read;
};

/* --- Statements --- */

static size_t width(const struct table *t)
{
    size_t n = 0;

    while (n < COLUMNS_MAX && t->columns[n].name)
        n++;
    return n;
}

static char *text_of(struct buf *b)
{
    char *text;

    buf_byte(b, '\0');
    text = (char *)b->data;
    *b = (struct buf){ 0 };
    return text;
}

static char *put_statement(const struct table *t)
{
    struct buf b = { 0 };

    buf_format(&b, "INSERT OR REPLACE INTO \"%s\" VALUES (?", t->name);
    for (size_t i = 0; i < width(t); i++)
        buf_format(&b, ", ?");
    buf_format(&b, ")");
    return text_of(&b);
}

static char *del_statement(int table)
{
    struct buf b = { 0 };

    buf_format(&b, "DELETE FROM \"%s\" WHERE space = ? AND \"key\" = ?%s", tables[table].name,
               table == BOOK_ENTRIES ? " AND \"offset\" < ?" : "");
    return text_of(&b);
}

static void create_statement(struct buf *b, const struct table *t)
{
    buf_format(b, "CREATE TABLE \"%s\" (space BLOB NOT NULL", t->name);
    for (size_t i = 0; i < width(t); i++)
        buf_format(b, ", \"%s\" %s NOT NULL", t->columns[i].name,
                   t->columns[i].kind == 't' ? "BLOB" : "INTEGER");
    buf_format(b, ", PRIMARY KEY (space, \"key\"%s));",
               t == &tables[BOOK_ENTRIES] ? ", \"offset\"" : "");
}

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
    f->steps[f->step_count++] = (struct step){ str_of(sql), f->cell_count, cells };
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

static struct sqlite_cell integer(uint64_t n)
{
    return (struct sqlite_cell){ .type = SQLITE_CELL_INTEGER, .integer = (int64_t)n };
}

void store_file_put(struct store_file *f, str space, int table, const struct store_record *r)
{
    const struct table *t = &tables[table];
    size_t n = width(t);
    struct sqlite_cell *cell = add_step(f, f->put_sql[table], n + 1);

    *cell++ = blob(f, space);
    for (size_t i = 0; i < n; i++) {
        const void *at = (const char *)r + t->columns[i].at;

        *cell++ =
            t->columns[i].kind == 't' ? blob(f, *(const str *)at) : integer(*(const uint64_t *)at);
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
        *cell = integer(offset);
}

static void reserve(struct store_file *f)
{
    f->reserved += BLOCK;
    *add_step(f, "UPDATE meta SET reserved = ?", 1) = integer(f->reserved);
}

void store_file_revision(struct store_file *f, uint64_t revision)
{
    if (revision + BLOCK / 2 > f->reserved)
        reserve(f);
}

bool store_file_changed(const struct store_file *f)
{
    return f->step_count > 0;
}

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

/* --- Opening: one question after the other, waited for --- */

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
        create_statement(sql, &tables[t]);
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
    f->reserved += BLOCK;
    cells[1] = integer(f->reserved);
    if ((err = ask(f, "PRAGMA synchronous = FULL", NULL, 0, NULL)) < 0 ||
        (err = ask(f, "UPDATE meta SET boot = ?, reserved = ?", cells, 2, NULL)) < 0)
        return err;
    return f->full ? 0 : ask(f, "PRAGMA synchronous = NORMAL", NULL, 0, NULL);
}

static void on_table(struct store_file *f, const struct sqlite_rows *rows)
{
    const struct table *t = &tables[f->table];
    size_t n = width(t);

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
                   tables[table].name, most);
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
        f->put_sql[t] = put_statement(&tables[t]);
        f->del_sql[t] = del_statement(t);
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
