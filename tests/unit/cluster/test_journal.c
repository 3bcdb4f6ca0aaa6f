/* tests/unit/cluster/test_journal.c - what was put is there when its writer is dead.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/journal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rng.h"
#include "test.h"

static struct board board;
static struct journal journal;
static char found[4096];
static int count;

static int set_up(void **state)
{
    char why[ATR_WHY_MAX];
    int fd = board_create(&(struct board_options){ 4096, 4096, 64 * 1024 }, why);

    (void)state;
    assert_int_equal(board_open(&board, fd, why), 0);
    assert_int_equal(journal_open(&journal, &board, 0), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    journal_close(&journal);
    journal_close(&journal);
    board_close(&board);
    return 0;
}

static int put(const char *key, const char *value)
{
    str part = str_of(value);

    return journal_put(&journal, str_of(key), &part, 1);
}

static void find(void *arg, str key, str value)
{
    size_t n = strlen(found);

    (void)arg;
    count++;
    snprintf(found + n, sizeof found - n, "%.*s=%.*s ", STR_ARG(key),
             (int)(value.n < 20 ? value.n : 20), value.p);
}

static const char *read_all(void)
{
    found[0] = 0;
    count = 0;
    assert_int_equal(journal_each(&board, 0, find, NULL), 0);
    return found;
}

static void test_puts_replaces_removes(void **state)
{
    str parts[] = { STR("two"), STR(""), STR("parts") };

    (void)state;
    assert_string_equal(read_all(), "");
    assert_int_equal(put("a", "1"), 0);
    assert_string_equal(read_all(), "a=1 ");
    assert_int_equal(put("a", "2"), 0);
    assert_int_equal(put("b", ""), 0);
    journal_remove(&journal, STR("b"));
    journal_remove(&journal, STR("never"));
    assert_int_equal(journal_put(&journal, STR("a"), parts, 3), 0);
    assert_string_equal(read_all(), "a=twoparts ");
    journal_remove(&journal, STR("a"));
    assert_string_equal(read_all(), "");
    assert_int_equal(journal.live_bytes, 0);
}

/* Many more puts than the memory holds, against a model. */
static void test_goes_on_for_ever(void **state)
{
    enum { KEYS = 40 };
    static char values[KEYS][256];
    struct rng rng = { 7 };

    (void)state;
    for (int i = 0; i < 20000; i++) {
        unsigned k = (unsigned)rng_below(&rng, KEYS);
        char key[8];
        snprintf(key, sizeof key, "k%u", k);
        if (rng_below(&rng, 4) == 0) {
            journal_remove(&journal, str_of(key));
            values[k][0] = 0;
            continue;
        }
        size_t n = 1 + rng_below(&rng, 200);
        memset(values[k], 'a' + i % 26, n);
        values[k][n] = 0;
        assert_int_equal(put(key, values[k]), 0);
    }
    assert_true(journal.stats.compactions > 10);
    int expected = 0;
    for (int k = 0; k < KEYS; k++)
        expected += values[k][0] != 0;
    read_all();
    assert_int_equal(count, expected);
    for (int k = 0; k < KEYS; k++) {
        char text[64];
        snprintf(text, sizeof text, "k%d=%.20s ", k, values[k]);
        if (values[k][0])
            assert_non_null(strstr(found, text));
        snprintf(text, sizeof text, "k%d", k);
        str value = journal_get(&journal, str_of(text));
        assert_true(value.p ? str_eq(value, str_of(values[k])) : values[k][0] == 0);
    }
}

/* A value that does not fit leaves none, rather than an old one. */
static void test_full(void **state)
{
    char key[16], value[1001];
    int err = 0, i = 0;

    (void)state;
    memset(value, 'v', 1000);
    value[1000] = 0;
    for (; i < 1000 && err == 0; i++) {
        snprintf(key, sizeof key, "key%d", i);
        err = put(key, value);
    }
    assert_int_equal(err, ATR_ELIMIT);
    assert_true(i > 10);
    read_all();
    assert_int_equal(count, i - 1);
    assert_int_equal(put("key0", "small"), 0);
    for (int k = 0; k < i; k++) {
        snprintf(key, sizeof key, "key%d", k);
        journal_remove(&journal, str_of(key));
    }
    assert_string_equal(read_all(), "");
    assert_int_equal(put("again", value), 0);
    assert_true(journal.stats.refused >= 1);
}

static void check_pair(void *arg, str key, str value)
{
    (void)arg;
    assert_int_equal(key.n, 4);
    assert_int_equal(value.n % 8, 0);
    for (size_t i = 0; i < value.n; i++)
        assert_int_equal(value.p[i], value.p[0]);
    count++;
}

/* Killed at some moment of its work, it has left whole values. */
static void test_writers_are_killed(void **state)
{
    (void)state;
    for (int round = 0; round < 25; round++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            struct journal own;
            struct rng rng = { (uint64_t)round };
            char value[512], key[8];
            if (journal_open(&own, &board, 3) < 0)
                _exit(1);
            for (int i = 0;; i++) {
                size_t n = 8 * rng_below(&rng, 60);
                memset(value, 'a' + i % 26, n);
                snprintf(key, sizeof key, "k%03u", (unsigned)rng_below(&rng, 50));
                (void)!journal_put(&own, str_of(key), &(str){ value, n }, 1);
            }
        }
        usleep(300 + (unsigned)round * 331);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        count = 0;
        assert_int_equal(journal_each(&board, 3, check_pair, NULL), 0);
        assert_true(count <= 50);
    }
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_puts_replaces_removes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writers_are_killed, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
