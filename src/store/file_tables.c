/* store/file_tables.c - the tables of the centre's file. They are data: `file_tables` names the
 * columns, which are fields of the record; every statement is made from that.
 *
 * Invariant: what is here and what the migrations of file_open.c have made is the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/file_parts.h"

#define T(f)                                                                                       \
    {                                                                                              \
#f, 't', offsetof(struct store_record, f)                                                  \
    }
#define C(f)                                                                                       \
    {                                                                                              \
#f, 'c', offsetof(struct store_record, f)                                                  \
    }

/* The first column is the key, and in `entries` the second one too. A change here is a migration:
 * see file_open.c. */
const struct file_table file_tables[FILE_TABLES] = {
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

size_t file_table_width(const struct file_table *t)
{
    size_t n = 0;

    while (n < FILE_COLUMNS_MAX && t->columns[n].name)
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

char *file_put_statement(const struct file_table *t)
{
    struct buf b = { 0 };

    buf_format(&b, "INSERT OR REPLACE INTO \"%s\" VALUES (?", t->name);
    for (size_t i = 0; i < file_table_width(t); i++)
        buf_format(&b, ", ?");
    buf_format(&b, ")");
    return text_of(&b);
}

char *file_del_statement(int table)
{
    struct buf b = { 0 };

    buf_format(&b, "DELETE FROM \"%s\" WHERE space = ? AND \"key\" = ?%s", file_tables[table].name,
               table == BOOK_ENTRIES ? " AND \"offset\" < ?" : "");
    return text_of(&b);
}

void file_create_statement(struct buf *b, const struct file_table *t)
{
    buf_format(b, "CREATE TABLE \"%s\" (space BLOB NOT NULL", t->name);
    for (size_t i = 0; i < file_table_width(t); i++)
        buf_format(b, ", \"%s\" %s NOT NULL", t->columns[i].name,
                   t->columns[i].kind == 't' ? "BLOB" : "INTEGER");
    buf_format(b, ", PRIMARY KEY (space, \"key\"%s));",
               t == &file_tables[BOOK_ENTRIES] ? ", \"offset\"" : "");
}
