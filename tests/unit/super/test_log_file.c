/* tests/unit/super/test_log_file.c - log files: shared, put aside, opened again, emptied, full
 * disks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "super/home.h"
#include "super/log_file.h"

static char folder[] = "/tmp/atrium-log-XXXXXX";
static char path[64];

static int begin(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/a.log", folder);
    return 0;
}

static int end(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void holds(const char *suffix, const char *text)
{
    struct buf b = { 0 };
    char name[80];

    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    assert_int_equal(home_read(name, &b), 0);
    buf_byte(&b, 0);
    assert_string_equal((const char *)b.data, text);
    buf_free(&b);
}

static void lines_go_where_they_fit(void **state)
{
    struct list files;
    char name[80];

    (void)state;
    list_init(&files);
    struct log_file *f = log_file_use(&files, path);
    assert_ptr_equal(log_file_use(&files, path), f);
    f->bytes_max = 8;
    f->keep = 2;
    log_file_append(f, STR("one\ntwo\nthree\nfour\nfive is too long\nsix\n"));
    holds("", "six\n");
    holds(".1", "five is too long\n");
    holds(".2", "four\n");
    (void)snprintf(name, sizeof name, "%s.3", path);
    assert_int_equal(access(name, F_OK), -1);
    /* Emptied by somebody else: there is room again, and nothing is put aside for it. */
    assert_int_equal(truncate(path, 0), 0);
    log_file_append(f, STR("7\n8\n9\n"));
    holds("", "7\n8\n9\n");
    holds(".1", "five is too long\n");
    log_file_leave(f);
    log_file_leave(f);
    assert_true(list_empty(&files));
}

static void without_keeping_the_file_is_emptied(void **state)
{
    struct list files;

    (void)state;
    list_init(&files);
    struct log_file *f = log_file_use(&files, path);
    log_file_empty(f);
    f->bytes_max = 4;
    log_file_append(f, STR("abc\n"));
    log_file_append(f, STR("def\n"));
    holds("", "def\n");
    log_file_leave(f);
}

static void a_full_disk_drops_lines_and_counts_them(void **state)
{
    struct list files;

    (void)state;
    list_init(&files);
    struct log_file *f = log_file_use(&files, "/dev/full");
    log_file_append(f, STR("a\nb\n"));
    assert_int_equal(f->dropped, 2);
    log_file_leave(f);
    f = log_file_use(&files, "/nowhere/at/all.log");
    log_file_append(f, STR("a\n"));
    assert_int_equal(f->dropped, 1);
    log_file_leave(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_go_where_they_fit),
                                        cmocka_unit_test(without_keeping_the_file_is_emptied),
                                        cmocka_unit_test(a_full_disk_drops_lines_and_counts_them) };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
