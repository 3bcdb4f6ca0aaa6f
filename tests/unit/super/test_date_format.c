/* tests/unit/super/test_date_format.c - times in the words of log_date_format.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>
#include <time.h>

#include "super/date_format.h"

static void is(const char *format, int64_t ms, const char *expected)
{
    struct buf b = { 0 };

    date_format(&b, format, ms);
    buf_byte(&b, 0);
    assert_string_equal((const char *)b.data, expected);
    buf_free(&b);
}

static void words(void **state)
{
    (void)state;
    setenv("TZ", "UTC0", 1);
    tzset();
    is("YYYY-MM-DD HH:mm:ss.SSS Z", 1700000000123, "2023-11-14 22:13:20.123 +00:00");
    is("YY/MM/DD hh:mm A a", 1700000000000, "23/11/14 10:13 PM pm");
    is("ddd DD MMM", 1700000000000, "Tue 14 Nov");
    is("X x", 1700000000123, "1700000000 1700000000123");
    is("[at] HH[h]", 1700000000000, "at 22h");
    is("", 0, "");
    is("T[", 0, "T[");
}

static void zones(void **state)
{
    (void)state;
    setenv("TZ", "XXX-5:30", 1);
    tzset();
    is("HH:mm Z ZZ", 1700000000000, "03:43 +05:30 +0530");
    setenv("TZ", "YYY3", 1);
    tzset();
    is("HH:mm Z", 1700000000000, "19:13 -03:00");
}

TEST_MAIN(cmocka_unit_test(words), cmocka_unit_test(zones))
