/* tests/unit/super/test_cron.c - times that come, in a time zone with summer time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "super/cron.h"

static int64_t at(const char *text)
{
    struct tm t = { .tm_isdst = -1 };

    assert_int_equal(sscanf(text, "%d-%d-%d %d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday,
                            &t.tm_hour, &t.tm_min, &t.tm_sec),
                     6);
    t.tm_year -= 1900;
    t.tm_mon--;
    return (int64_t)mktime(&t) * 1000;
}

static void comes(const char *cron, const char *after, const char *expected)
{
    struct cron c;
    char text[32];
    struct tm t;

    assert_int_equal(cron_parse(&c, str_of(cron)), 1);
    time_t next = (time_t)(cron_next(&c, at(after)) / 1000);
    assert_true(strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", localtime_r(&next, &t)) > 0);
    assert_string_equal(text, expected);
}

static void fields_lists_ranges_and_steps(void **state)
{
    (void)state;
    comes("* * * * *", "2026-11-28 01:30:00", "2026-11-28 01:31:00");
    comes("* * * * *", "2026-11-28 23:59:59", "2026-11-29 00:00:00");
    comes("0 3 * * *", "2026-11-28 03:00:00", "2026-11-29 03:00:00");
    comes("0 3 * * *", "2026-11-28 02:59:59", "2026-11-28 03:00:00");
    comes("*/15 * * * *", "2026-11-28 01:46:00", "2026-11-28 02:00:00");
    comes("5/20 * * * *", "2026-11-28 01:30:00", "2026-11-28 01:45:00");
    comes("10-20/5,50 9-17 * * *", "2026-11-28 17:20:00", "2026-11-28 17:50:00");
    comes("10-20/5,50 9-17 * * *", "2026-11-28 17:50:00", "2026-11-29 09:10:00");
    comes("30 4 1,15 * *", "2026-12-15 04:30:00", "2027-01-01 04:30:00");
    comes("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00");
    comes("  0   12 * jan  * ", "2026-11-28 00:00:00", "2027-01-01 12:00:00");
    comes("@hourly", "2026-11-28 01:30:00", "2026-11-28 02:00:00");
    comes("@weekly", "2026-11-28 01:30:00", "2026-11-29 00:00:00");
    comes("12h", "2026-11-28 01:30:15", "2026-11-28 13:30:15");
    comes("@every 90s", "2026-11-28 01:30:15", "2026-11-28 01:31:45");
}

static void days_of_the_week(void **state)
{
    (void)state;
    /* 28 November 2026 is a Saturday. */
    comes("0 0 * * 0", "2026-11-28 00:00:00", "2026-11-29 00:00:00");
    comes("0 0 * * 7", "2026-11-28 00:00:00", "2026-11-29 00:00:00");
    comes("0 0 * * mon-FRI", "2026-11-28 00:00:00", "2026-11-30 00:00:00");
    comes("0 0 * * 5-7", "2026-11-29 00:00:00", "2026-12-04 00:00:00");
    /* Both days: either. One of them *: the other. */
    comes("0 0 13 * fri", "2026-11-28 00:00:00", "2026-12-04 00:00:00");
    comes("0 0 13 * fri", "2026-12-11 00:00:00", "2026-12-13 00:00:00");
    comes("0 0 13 * *", "2026-11-28 00:00:00", "2026-12-13 00:00:00");
}

static void clocks_that_are_put_forward_and_back(void **state)
{
    (void)state;
    /* Zurich: 2026-03-29 02:00 -> 03:00, 2026-10-25 03:00 -> 02:00. */
    comes("30 2 * * *", "2026-03-28 12:00:00", "2026-03-30 02:30:00");
    comes("0 3 * * *", "2026-03-28 12:00:00", "2026-03-29 03:00:00");
    comes("0 * * * *", "2026-03-29 01:30:00", "2026-03-29 03:00:00");
    comes("0 12 * * *", "2026-10-24 12:00:00", "2026-10-25 12:00:00");
    comes("0 4 * * *", "2026-10-25 01:30:00", "2026-10-25 04:00:00");
}

static void what_is_no_time(void **state)
{
    static const char *const bad[] = {
        "* * * *",    "* * * * * *",  "60 * * * *", "* 24 * * *",       "* * 0 * *",
        "* * 32 * *", "* * * 13 *",   "* * * * 8",  "*/0 * * * *",      "5-1 * * * *",
        "x * * * *",  "1,,2 * * * *", "1- * * * *", "0 0 30 2 *",       "@never",
        "10",         "999ms",        "@every",     "@every 1 * * * *", "-1h",
        "* * * * mo", "99999999h"
    };
    struct cron c;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (cron_parse(&c, str_of(bad[i])) >= 0)
            fail_msg("taken for a time: %s", bad[i]);
    assert_int_equal(cron_parse(&c, STR("")), 0);
    assert_int_equal(cron_parse(&c, STR("0")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_lists_ranges_and_steps),
        cmocka_unit_test(days_of_the_week),
        cmocka_unit_test(clocks_that_are_put_forward_and_back),
        cmocka_unit_test(what_is_no_time),
    };

    /* The rule itself, since not every machine has a data base of zones. */
    (void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    return cmocka_run_group_tests_name("super/cron", tests, NULL, NULL);
}
