/* tests/unit/http/test_date.c - the fixed form, there and back.
 *
 * SPDX-License-Identifier: MIT
 */
#include <time.h>

#include "test.h"

#include "http/date.h"

static void writes_known_dates(void **state)
{
    char out[HTTP_DATE_LEN];
    (void)state;

    http_date_write(out, 784111777);
    assert_str(str_n(out, sizeof out), "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110 5.6.7 */
    http_date_write(out, 0);
    assert_str(str_n(out, sizeof out), "Thu, 01 Jan 1970 00:00:00 GMT");
    http_date_write(out, 951782400);
    assert_str(str_n(out, sizeof out), "Tue, 29 Feb 2000 00:00:00 GMT");
    http_date_write(out, INT64_C(4107542399));
    assert_str(str_n(out, sizeof out), "Sun, 28 Feb 2100 23:59:59 GMT");
    http_date_write(out, INT64_C(4107542400));
    assert_str(str_n(out, sizeof out), "Mon, 01 Mar 2100 00:00:00 GMT");
    http_date_write(out, -5);
    assert_str(str_n(out, sizeof out), "Thu, 01 Jan 1970 00:00:00 GMT");
}

/* Every day of 430 years: as the C library has it, and read back. */
static void agrees_with_the_library(void **state)
{
    char out[HTTP_DATE_LEN], want[64];
    int64_t back;
    (void)state;

    for (int64_t s = 12345; s < INT64_C(86400) * 366 * 430; s += 86400 + 3601) {
        time_t t = (time_t)s;
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        assert_int_equal(strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &tm),
                         HTTP_DATE_LEN);
        http_date_write(out, s);
        assert_memory_equal(out, want, HTTP_DATE_LEN);
        assert_true(http_date_read(str_n(out, sizeof out), &back));
        assert_int_equal(back, s);
    }
}

static void refuses_other_forms(void **state)
{
    static const char *const bad[] = { "",
                                       "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994",
                                       "Sun, 06 Nov 1994 08:49:37 UTC",
                                       "Sun, 06 Nox 1994 08:49:37 GMT",
                                       "Sun, 00 Nov 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 24:49:37 GMT",
                                       "Sun, 06 Nov 1994 08:60:37 GMT",
                                       "Sun, 06 Nov 1994 08:49:61 GMT",
                                       "Sun, 06 Nov 1964 08:49:37 GMT",
                                       "Sun, 0x Nov 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 08:49:37 GMT " };
    int64_t s = 7;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(http_date_read(str_of(bad[i]), &s));
    assert_int_equal(s, 7);
}

TEST_MAIN(cmocka_unit_test(writes_known_dates), cmocka_unit_test(agrees_with_the_library),
          cmocka_unit_test(refuses_other_forms))
