/* tests/unit/client/test_sqlite.c - the SQLite client: values, errors, order, limits, closing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "client/sqlite.h"

struct fixture {
    struct loop loop;
    struct sqlite *db;
    int answered, last_err, closed;
    char message[256];
    char text[1024]; /* the last rows, as "name=value,...;" */
};

static void note(struct fixture *f, const struct sqlite_rows *rows)
{
    size_t at = 0, room = sizeof f->text;

    f->text[0] = '\0';
    for (size_t i = 0; i < rows->row_count * rows->column_count && at < room; i++) {
        const struct sqlite_cell *c = &rows->cells[i];
        const char *name = rows->columns[i % rows->column_count];

        if (c->type == SQLITE_CELL_NULL)
            at += (size_t)snprintf(f->text + at, room - at, "%s=null;", name);
        if (c->type == SQLITE_CELL_INTEGER)
            at +=
                (size_t)snprintf(f->text + at, room - at, "%s=%lld;", name, (long long)c->integer);
        if (c->type == SQLITE_CELL_REAL)
            at += (size_t)snprintf(f->text + at, room - at, "%s=%g;", name, c->real);
        if (c->type == SQLITE_CELL_TEXT)
            at += (size_t)snprintf(f->text + at, room - at, "%s='%.*s';", name, STR_ARG(c->bytes));
        if (c->type == SQLITE_CELL_BLOB)
            at += (size_t)snprintf(f->text + at, room - at, "%s=<%zu>;", name, c->bytes.n);
    }
}

static void on_answer(void *user, int err, const char *message, const struct sqlite_rows *rows)
{
    struct fixture *f = user;

    f->answered++;
    f->last_err = err;
    f->message[0] = '\0';
    if (err) {
        assert_null(rows);
        snprintf(f->message, sizeof f->message, "%s", message);
        return;
    }
    assert_null(message);
    note(f, rows);
    snprintf(f->message, sizeof f->message, "%lld/%lld", (long long)rows->changes,
             (long long)rows->last_insert_id);
}

static void on_closed(void *user)
{
    ((struct fixture *)user)->closed++;
}

static int open_memory(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f || loop_init(&f->loop) < 0)
        return -1;
    f->db = sqlite_open(&f->loop, STR(":memory:"));
    sqlite_on_closed(f->db, on_closed, f);
    *state = f;
    return 0;
}

static int close_all(void **state)
{
    struct fixture *f = *state;

    if (!f->closed)
        sqlite_close(f->db, true);
    if (f->closed != 1)
        return -1;
    loop_fini(&f->loop);
    free(f);
    return 0;
}

static void wait_for(struct fixture *f, int answers)
{
    while (f->answered < answers)
        assert_true(loop_turn(&f->loop, 10000) >= 0);
}

static void ask(struct fixture *f, const char *sql, const struct sqlite_cell *params, size_t count)
{
    int before = f->answered;

    assert_int_equal(sqlite_query(f->db, str_of(sql), params, count, on_answer, f), 0);
    assert_int_equal(f->answered, before); /* never inside the call */
    wait_for(f, before + 1);
}

static void values_keep_their_types(void **state)
{
    struct fixture *f = *state;
    const struct sqlite_cell params[] = {
        { .type = SQLITE_CELL_NULL },
        { .type = SQLITE_CELL_INTEGER, .integer = INT64_MAX },
        { .type = SQLITE_CELL_REAL, .real = 0.5 },
        { .type = SQLITE_CELL_TEXT, .bytes = STR("h\xc3\xa9") },
        { .type = SQLITE_CELL_BLOB, .bytes = STR("\0\1\2") },
        { .type = SQLITE_CELL_TEXT },
        { .type = SQLITE_CELL_BLOB },
    };

    ask(f, "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g", params, 7);
    assert_int_equal(f->last_err, 0);
    assert_string_equal(f->text,
                        "a=null;b=9223372036854775807;c=0.5;d='h\xc3\xa9';e=<3>;f='';g=<0>;");
}

static void changes_and_ids_are_reported(void **state)
{
    struct fixture *f = *state;
    const struct sqlite_cell one = { .type = SQLITE_CELL_TEXT, .bytes = STR("x") };

    ask(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT UNIQUE)", NULL, 0);
    assert_string_equal(f->message, "0/0");
    ask(f, "INSERT INTO t(v) VALUES (?)", &one, 1);
    assert_string_equal(f->message, "1/1");
    ask(f, "SELECT v FROM t", NULL, 0); /* a query changes nothing */
    assert_string_equal(f->message, "0/1");
    ask(f, "INSERT INTO t(v) VALUES ('y'); INSERT INTO t(v) VALUES ('z');", NULL, 0);
    assert_string_equal(f->message, "2/3");
    ask(f, "INSERT INTO t(v) VALUES (?) RETURNING id, v", &(struct sqlite_cell){ .type = 0 }, 1);
    assert_string_equal(f->text, "id=4;v=null;");
}

static void errors_carry_the_message(void **state)
{
    struct fixture *f = *state;
    const struct sqlite_cell one = { .type = SQLITE_CELL_TEXT, .bytes = STR("x") };

    ask(f, "CREATE TABLE t(v TEXT UNIQUE)", NULL, 0);
    ask(f, "INSERT INTO t VALUES (?)", &one, 1);
    ask(f, "INSERT INTO t VALUES (?)", &one, 1);
    assert_int_equal(f->last_err, ATR_EDATABASE);
    assert_string_equal(f->message, "UNIQUE constraint failed: t.v");
    ask(f, "SELEC 1", NULL, 0);
    assert_string_equal(f->message, "near \"SELEC\": syntax error");
    ask(f, "SELECT ?", NULL, 0);
    assert_string_equal(f->message, "the statement takes 1 parameters, 0 were given");
    ask(f, "SELECT 1; SELECT ?", &one, 1);
    assert_string_equal(f->message, "parameters go with a single statement only");
    ask(f, "SELECT ?; -- a comment\n /* and more */ ;", &one, 1);
    assert_int_equal(f->last_err, 0);
    ask(f, " -- nothing", NULL, 0);
    assert_int_equal(f->last_err, 0);
    /* The statement that failed is usable again. */
    ask(f, "INSERT INTO t VALUES (?)", &(struct sqlite_cell){ .type = SQLITE_CELL_NULL }, 1);
    assert_int_equal(f->last_err, 0);
}

static void a_failed_script_leaves_no_transaction(void **state)
{
    struct fixture *f = *state;

    ask(f, "CREATE TABLE t(v UNIQUE)", NULL, 0);
    ask(f, "BEGIN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); COMMIT", NULL, 0);
    assert_int_equal(f->last_err, ATR_EDATABASE);
    ask(f, "SELECT count(*) AS n FROM t", NULL, 0);
    assert_string_equal(f->text, "n=0;");
    ask(f, "BEGIN", NULL, 0); /* would fail inside a transaction */
    assert_int_equal(f->last_err, 0);
    ask(f, "INSERT INTO t VALUES (1)", NULL, 0);
    ask(f, "INSERT INTO t VALUES (1)", NULL, 0); /* fails; the transaction is its owner's */
    ask(f, "COMMIT", NULL, 0);
    assert_int_equal(f->last_err, 0);
}

static void a_transaction_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct sqlite_cell one[] = { { .type = SQLITE_CELL_INTEGER, .integer = 1 },
                                 { .type = SQLITE_CELL_TEXT, .bytes = STR("x") } };
    struct sqlite_cell two[] = { { .type = SQLITE_CELL_INTEGER, .integer = 2 },
                                 { .type = SQLITE_CELL_BLOB, .bytes = STR("") } };
    const str insert = STR("INSERT INTO t VALUES (?, ?)");
    const struct sqlite_step steps[] = { { insert, one, 2 },
                                         { insert, two, 2 },
                                         { insert, one, 2 } };

    ask(f, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", NULL, 0);
    assert_int_equal(sqlite_transaction(f->db, steps, 2, on_answer, f), 0);
    wait_for(f, 2);
    assert_int_equal(f->last_err, 0);
    ask(f, "SELECT * FROM t", NULL, 0);
    assert_string_equal(f->text, "id=1;v='x';id=2;v=<0>;");
    ask(f, "DELETE FROM t", NULL, 0);
    assert_int_equal(sqlite_transaction(f->db, steps, 3, on_answer, f), 0);
    wait_for(f, 5);
    assert_int_equal(f->last_err, ATR_EDATABASE);
    assert_non_null(strstr(f->message, "UNIQUE"));
    ask(f, "SELECT count(*) AS n FROM t", NULL, 0);
    assert_string_equal(f->text, "n=0;");
}

static void the_cache_evicts(void **state)
{
    struct fixture *f = *state;
    char sql[64], expected[64];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            snprintf(sql, sizeof sql, "SELECT %d AS n", i);
            snprintf(expected, sizeof expected, "n=%d;", i);
            ask(f, sql, NULL, 0);
            assert_string_equal(f->text, expected);
        }
    }
}

static void the_queue_is_bounded(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < SQLITE_QUEUE_MAX; i++)
        assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, on_answer, f), 0);
    assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, on_answer, f), ATR_ELIMIT);
    wait_for(f, SQLITE_QUEUE_MAX);
    assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, on_answer, f), 0);
    wait_for(f, SQLITE_QUEUE_MAX + 1);
}

static void a_result_is_bounded(void **state)
{
    struct fixture *f = *state;

    ask(f,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100)"
        " SELECT zeroblob(1000000) FROM n",
        NULL, 0);
    assert_int_equal(f->last_err, ATR_EDATABASE);
    assert_string_equal(f->message, "the result is too large (add a LIMIT)");
}

static void closing_runs_the_queue(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 100; i++)
        assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, on_answer, f), 0);
    sqlite_close(f->db, false);
    assert_int_equal(f->answered, 0);
    assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, on_answer, f), ATR_ECLOSED);
    while (!f->closed)
        assert_true(loop_turn(&f->loop, 10000) >= 0);
    assert_int_equal(f->answered, 100);
    assert_int_equal(f->last_err, 0);
}

static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                              " SELECT count(*) FROM n";

static void closing_now_interrupts(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, on_answer, f), 0);
    assert_int_equal(sqlite_query(f->db, STR(endless), NULL, 0, on_answer, f), 0);
    assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, on_answer, f), 0);
    sqlite_close(f->db, false);
    sqlite_close(f->db, true); /* impatience after patience */
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->answered, 3);
    assert_int_equal(f->last_err, ATR_ECLOSED);
}

static void closes_inside(void *user, int err, const char *message, const struct sqlite_rows *rows)
{
    struct fixture *f = user;

    on_answer(user, err, message, rows);
    if (f->answered == 1)
        sqlite_close(f->db, true);
}

static void a_callback_may_close(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++)
        assert_int_equal(sqlite_query(f->db, STR("SELECT 1"), NULL, 0, closes_inside, f), 0);
    while (!f->closed)
        assert_true(loop_turn(&f->loop, 10000) >= 0);
    assert_int_equal(f->answered, 10);
}

static void an_unopenable_file_is_an_error_of_the_query(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/atrium-sqlite-XXXXXX", path[64];

    sqlite_close(f->db, true);
    assert_int_equal(f->closed, 1);
    f->closed = 0;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/none/a.db", folder);
    f->db = sqlite_open(&f->loop, str_of(path));
    sqlite_on_closed(f->db, on_closed, f);
    ask(f, "SELECT 1", NULL, 0);
    assert_int_equal(f->last_err, ATR_EDATABASE);
    assert_non_null(strstr(f->message, "unable to open database file"));
    assert_int_equal(rmdir(folder), 0);
}

static void data_survives_reopening(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/atrium-sqlite-XXXXXX", path[64];

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.db", folder);
    for (int round = 0; round < 2; round++) {
        sqlite_close(f->db, true);
        f->closed = 0;
        f->db = sqlite_open(&f->loop, str_of(path));
        sqlite_on_closed(f->db, on_closed, f);
        if (round == 0)
            ask(f, "CREATE TABLE t(v); INSERT INTO t VALUES ('kept')", NULL, 0);
    }
    ask(f, "SELECT v FROM t", NULL, 0);
    assert_string_equal(f->text, "v='kept';");
    ask(f, "PRAGMA journal_mode", NULL, 0);
    assert_string_equal(f->text, "journal_mode='wal';");
    sqlite_close(f->db, true);
    assert_int_equal(unlink(path), 0); /* and the last close removed the WAL */
    assert_int_equal(rmdir(folder), 0);
}

#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, open_memory, close_all)

TEST_MAIN(WITH_DB(values_keep_their_types), WITH_DB(changes_and_ids_are_reported),
          WITH_DB(errors_carry_the_message), WITH_DB(a_failed_script_leaves_no_transaction),
          WITH_DB(a_transaction_is_all_or_nothing), WITH_DB(the_cache_evicts),
          WITH_DB(the_queue_is_bounded), WITH_DB(a_result_is_bounded),
          WITH_DB(closing_runs_the_queue), WITH_DB(closing_now_interrupts),
          WITH_DB(a_callback_may_close), WITH_DB(an_unopenable_file_is_an_error_of_the_query),
          WITH_DB(data_survives_reopening))
