/* http/date.c - dates without the C library's locale.
 *
 * Days are counted by the proleptic Gregorian calendar, with years that begin in March so that the
 * leap day comes last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/date.h"

#include <string.h>

static const char days[] = "ThuFriSatSunMonTueWed"; /* 1 January 1970 was a Thursday */
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

enum { DAY_S = 86400, ERA_YEARS = 400, ERA_DAYS = 146097, EPOCH_DAYS = 719468 };

static void digits(char *out, int64_t v, int n)
{
    while (n-- > 0) {
        out[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

void http_date_write(char out[HTTP_DATE_LEN], int64_t unix_s)
{
    if (unix_s < 0)
        unix_s = 0;
    int64_t day = unix_s / DAY_S, second = unix_s % DAY_S;
    int64_t since = day + EPOCH_DAYS; /* since 1 March of year 0 */
    int64_t era = since / ERA_DAYS, of_era = since % ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1;

    month = month < 10 ? month + 2 : month - 10; /* 0 is January */
    year += era * ERA_YEARS + (month < 2);
    memcpy(out, "Xxx, 00 Xxx 0000 00:00:00 GMT", HTTP_DATE_LEN);
    memcpy(out, days + day % 7 * 3, 3);
    digits(out + 5, of_month, 2);
    memcpy(out + 8, months + month * 3, 3);
    digits(out + 12, year, 4);
    digits(out + 17, second / 3600, 2);
    digits(out + 20, second / 60 % 60, 2);
    digits(out + 23, second % 60, 2);
}

/* Reads n digits; -1 when they are none. */
static int64_t number(const char *p, int n)
{
    int64_t v = 0;

    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static int64_t month_of(const char *p)
{
    for (int i = 0; i < 12; i++)
        if (memcmp(months + i * 3, p, 3) == 0)
            return i;
    return -1;
}

bool http_date_read(str text, int64_t *unix_s)
{
    static const char form[] = "xxx, dd xxx dddd dd:dd:dd GMT";
    const char *p = text.p;

    if (text.n != HTTP_DATE_LEN)
        return false;
    for (size_t i = 0; i < HTTP_DATE_LEN; i++)
        if (form[i] != 'x' && form[i] != 'd' && p[i] != form[i])
            return false;
    int64_t day = number(p + 5, 2), month = month_of(p + 8), year = number(p + 12, 4);
    int64_t hour = number(p + 17, 2), minute = number(p + 20, 2), second = number(p + 23, 2);
    if (day < 1 || day > 31 || month < 0 || year < 1970 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60)
        return false;

    int64_t march_year = month < 2 ? year - 1 : year;
    int64_t march_month = month < 2 ? month + 10 : month - 2;
    int64_t of_year = (153 * march_month + 2) / 5 + day - 1;
    int64_t since =
        march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + of_year;
    *unix_s = (since - EPOCH_DAYS) * DAY_S + hour * 3600 + minute * 60 + second;
    return true;
}
