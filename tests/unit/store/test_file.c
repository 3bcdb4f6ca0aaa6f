/* tests/unit/store/test_file.c - the centre's file: what comes back, what another boot of the
 * machine means, and what is wrong with a file that is damaged.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "client/sqlite.h"
#include "test.h"

static struct loop loop;
static char folder[64], path[96], why[ATR_WHY_MAX];
static struct store_file *file;
static struct store_file_facts facts;
static struct buf seen; /* rows, as text */
static int row_error;

static int on_row(void *user, str space, int table, const struct store_record *r)
{
    (void)user;
    buf_format(&seen, "%.*s/%d/%.*s=%.*s:%llu@%llu\n", STR_ARG(space), table, STR_ARG(r->key),
               STR_ARG(r->value), (unsigned long long)r->offset, (unsigned long long)r->at_ms);
    return row_error;
}

static int reopen(bool full)
{
    buf_clear(&seen);
    return store_file_open(
        &file, &loop, &(struct store_file_options){ .path = path, .full = full, .on_row = on_row },
        &facts, why);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/atrium-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/c.db", folder);
    row_error = 0;
    return loop_init(&loop);
}

static int tear_down(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
    char name[128];

    (void)state;
    store_file_close(file);
    file = NULL;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(folder);
    buf_free(&seen);
    loop_fini(&loop);
    return 0;
}

static int committed;

static void on_committed(void *user, int err, const char *text)
{
    (void)user;
    assert_string_equal(text, "");
    assert_int_equal(err, 0);
    committed++;
}

static void commit(void)
{
    int before = committed;

    assert_true(store_file_changed(file));
    store_file_commit(file, on_committed, NULL);
    assert_false(store_file_changed(file));
    while (committed == before)
        assert_int_equal(loop_turn(&loop, -1), 0);
}

static void close_file(void)
{
    store_file_close(file);
    file = NULL;
}

static void put(int table, const char *key, const char *value, uint64_t offset, uint64_t at_ms)
{
    store_file_put(file, STR("app"), table,
                   &(struct store_record){ .key = str_of(key),
                                           .value = str_of(value),
                                           .offset = offset,
                                           .at_ms = at_ms });
}

static void rows_come_back(void **state)
{
    (void)state;
    assert_int_equal(reopen(false), 0);
    assert_int_equal(seen.len, 0);
    uint64_t revision = facts.revision;
    put(BOOK_KEYS, "a", "1", 0, 5);
    put(BOOK_KEYS, "b", "", 0, 0);
    put(BOOK_KEYS, "a", "2", 0, 7);
    put(BOOK_LOGS, "l", "", 4, 0);
    for (uint64_t i = 1; i <= 3; i++)
        put(BOOK_ENTRIES, "l", "e", i, i);
    put(BOOK_LOGS, "m", "", 2, 0);
    put(BOOK_ENTRIES, "m", "e", 1, 0);
    store_file_del(file, STR("app"), BOOK_ENTRIES, STR("l"), 3);
    store_file_del(file, STR("app"), BOOK_LOGS, STR("m"), 0);
    store_file_del(file, STR("app"), BOOK_KEYS, STR("none"), 0);
    commit();
    put(BOOK_KEYS, "c", "never committed", 0, 0);
    close_file();
    assert_int_equal(reopen(false), 0);
    assert_str(buf_str(&seen), "app/0/b=:0@0\napp/0/a=2:0@7\napp/3/l=:4@0\napp/4/l=e:3@3\n");
    assert_false(facts.new_boot);
    assert_false(facts.cut);
    assert_true(facts.revision > revision);
}

static void many_and_large_rows_come_back(void **state)
{
    enum { MANY = 3000, LARGE = 6, BYTES = 15 << 20 };
    char *big = mem_zalloc(BYTES), key[16];
    size_t lines = 0;

    (void)state;
    assert_int_equal(reopen(false), 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(BOOK_KEYS, key, "v", 0, 0);
    }
    commit();
    for (int i = 0; i < LARGE; i++) {
        snprintf(key, sizeof key, "big%d", i);
        store_file_put(file, STR("app"), FILE_GUESTS,
                       &(struct store_record){ .key = str_of(key), .value = { big, BYTES } });
        commit();
    }
    close_file();
    memset(big, 0, BYTES);
    assert_int_equal(reopen(false), 0);
    for (size_t i = 0; i < seen.len; i++)
        lines += seen.data[i] == '\n';
    assert_int_equal(lines, MANY + LARGE);
    mem_free(big);
}

static void one_process_has_it(void **state)
{
    struct store_file *other = NULL;
    struct store_file_facts f;

    (void)state;
    assert_int_equal(reopen(false), 0);
    assert_int_equal(store_file_open(&other, &loop,
                                     &(struct store_file_options){ .path = path, .on_row = on_row },
                                     &f, why),
                     -EBUSY);
    assert_non_null(strstr(why, "in use by another centre"));
    assert_null(other);
}

static bool altered;

static void on_altered(void *user, int err, const char *message, const struct sqlite_rows *rows)
{
    (void)user, (void)message, (void)rows;
    assert_int_equal(err, 0);
    altered = true;
}

static void another_boot(void)
{
    struct sqlite *db = sqlite_open(&loop, str_of(path));

    altered = false;
    assert_int_equal(
        sqlite_query(db, STR("UPDATE meta SET boot = 'before'"), NULL, 0, on_altered, NULL), 0);
    while (!altered)
        assert_int_equal(loop_turn(&loop, -1), 0);
    sqlite_close(db, true);
}

static void another_boot_means_other_times(void **state)
{
    (void)state;
    assert_int_equal(reopen(false), 0);
    assert_false(facts.cut); /* it is new */
    put(BOOK_KEYS, "a", "1", 0, 5);
    commit();
    close_file();
    another_boot();
    assert_int_equal(reopen(true), 0);
    assert_true(facts.new_boot);
    assert_false(facts.cut); /* every commit was on the disk */
    assert_str(buf_str(&seen), "app/0/a=1:0@0\n");
    close_file();
    another_boot();
    assert_int_equal(reopen(false), 0);
    assert_true(facts.cut);
    close_file();
    assert_int_equal(reopen(false), 0);
    assert_false(facts.new_boot);
}

/* Revisions are reserved in blocks, before they are used. */
static void revisions_are_reserved(void **state)
{
    (void)state;
    assert_int_equal(reopen(false), 0);
    uint64_t first = facts.revision;
    store_file_revision(file, first + 10);
    assert_false(store_file_changed(file));
    store_file_revision(file, first + (1 << 27) + 1);
    commit();
    close_file();
    assert_int_equal(reopen(false), 0);
    assert_true(facts.revision >= first + (1 << 28) + (1 << 27));
}

static void rows_that_do_not_fit_are_said(void **state)
{
    (void)state;
    assert_int_equal(reopen(false), 0);
    put(BOOK_TICKETS, "t", "", 0, 0);
    commit();
    close_file();
    row_error = ATR_EDATABASE;
    assert_int_equal(reopen(false), ATR_EDATABASE);
    assert_non_null(strstr(why, "c.db is damaged: row 1 of table tickets"));
    assert_null(file);
    row_error = 0;
    assert_int_equal(reopen(false), 0);
}

/* Bytes changed anywhere but in free space are noticed, or change nothing that is read. */
static void damage_is_said(void **state)
{
    int noticed = 0;

    (void)state;
    assert_int_equal(reopen(false), 0);
    for (int i = 0; i < 400; i++) {
        char key[16];

        snprintf(key, sizeof key, "key%d", i);
        put(BOOK_KEYS, key, "a value of some length, so that there are pages", 0, 0);
    }
    commit();
    close_file();
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    for (long page = 4096; page + 4096 <= size; page += 4096) {
        unsigned char head[16], bad[16];

        assert_int_equal(fseek(f, page, SEEK_SET), 0);
        assert_int_equal(fread(head, 1, sizeof head, f), sizeof head);
        memset(bad, 0xee, sizeof bad);
        assert_int_equal(fseek(f, page, SEEK_SET), 0);
        assert_int_equal(fwrite(bad, 1, sizeof bad, f), sizeof bad);
        fflush(f);
        if (reopen(false) < 0) {
            assert_non_null(strstr(why, "c.db"));
            noticed++;
        } else {
            close_file();
        }
        assert_int_equal(fseek(f, page, SEEK_SET), 0);
        assert_int_equal(fwrite(head, 1, sizeof head, f), sizeof head);
        fflush(f);
    }
    fclose(f);
    assert_int_equal(noticed, size / 4096 - 1);
    assert_int_equal(reopen(false), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TEST_MAIN(TEST(rows_come_back), TEST(many_and_large_rows_come_back), TEST(one_process_has_it),
          TEST(another_boot_means_other_times), TEST(revisions_are_reserved),
          TEST(rows_that_do_not_fit_are_said), TEST(damage_is_said))
