/* store/file.h - the centre's file: what its books know, in SQLite.
 *
 * Changes are gathered and written by store_file_commit() as one transaction, on SQLite's own
 * thread. The tables and the columns are the records of book.h; docs/store.md describes them.
 *
 * Whatever is wrong with the file is said in a sentence; it is never repaired by leaving something
 * out, and never removed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "store/book.h"

/* Tables beside those of a book, of the same kind. */
enum {
    FILE_GUESTS = BOOK_TABLES, /* key, offset (latest operation), value (answers): guest.h */
    FILE_TABLES
};

enum { FILE_SCHEMA = 1, FILE_APPLICATION_ID = 0x41747263 /* "Atrc" */ };

struct store_file;

struct store_file_options {
    const char *path;
    bool full; /* every commit is on the disk itself: nothing is lost with the power either */
    /* A row of the file, of which space; from store_file_open() alone. */
    int (*on_row)(void *user, str space, int table, const struct store_record *r);
    void *user;
};

struct store_file_facts {
    bool new_boot;     /* the machine has started since: times of CLOCK_BOOTTIME mean nothing */
    bool cut;          /* and the last commits may be missing */
    uint64_t revision; /* greater than any before, by far less than any later start gives */
};

/* Opens the file, alone (-EBUSY: another process has it), checks it and reads it all. Turns the
 * loop meanwhile. */
int store_file_open(struct store_file **out, struct loop *l, const struct store_file_options *o,
                    struct store_file_facts *facts, char *why) MUST_CHECK;

void store_file_put(struct store_file *f, str space, int table, const struct store_record *r);
/* See book_keeper. */
void store_file_del(struct store_file *f, str space, int table, str key, uint64_t offset);
/* The books have come to this revision. */
void store_file_revision(struct store_file *f, uint64_t revision);

bool store_file_changed(const struct store_file *f);
/* Writes what was gathered. One commit at a time. err: the file's affairs are over; why says. */
void store_file_commit(struct store_file *f, void (*fn)(void *user, int err, const char *why),
                       void *user);

/* Waits for the commit that is under way, whose fn is called; what is gathered is lost. */
void store_file_close(struct store_file *f);

#endif
