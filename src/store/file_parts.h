/* store/file_parts.h - inside a file of the centre: file.c gathers changes and commits them,
 * file_open.c checks, migrates and reads the file, file_tables.c says what its tables are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_FILE_PARTS_H
#define STORE_FILE_PARTS_H

#include "client/sqlite.h"
#include "store/file.h"

enum { FILE_COLUMNS_MAX = 16, FILE_BLOCK = 1 << 28 /* revisions that are reserved at once */ };

/* --- file_tables.c --- */
struct file_column {
    const char *name;
    char kind; /* 't'ext, 'c'ount, 'n'umber */
    size_t at;
};

struct file_table {
    const char *name;
    struct file_column columns[FILE_COLUMNS_MAX];
};
extern const struct file_table file_tables[FILE_TABLES];

size_t file_table_width(const struct file_table *t);
/* The statements, which the caller frees; that of a table which is made is added to b. */
char *file_put_statement(const struct file_table *t);
char *file_del_statement(int table);
void file_create_statement(struct buf *b, const struct file_table *t);

/* --- The file --- */

struct file_step { /* gathered; its cells' bytes are places in `bytes` */
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
    struct file_step *steps;
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

/* A cell for a statement. */
static inline struct sqlite_cell file_integer(uint64_t n)
{
    return (struct sqlite_cell){ .type = SQLITE_CELL_INTEGER, .integer = (int64_t)n };
}

#endif
