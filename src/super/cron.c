/* super/cron.c - see cron.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/cron.h"

#include <time.h>

#include "super/units.h"

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEARS_MAX = 9, EVERY_MS_MIN = 1000 };

static const struct field {
    unsigned min, max;
    const char *names; /* three letters each; NULL: none */
} fields[] = { { 0, 59, NULL },
               { 0, 23, NULL },
               { 1, 31, NULL },
               { 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
               { 0, 7, "sunmontuewedthufrisat" } };

static const struct nickname {
    str name;
    const char *meaning;
} nicknames[] = {
    { { STR_PARTS("@hourly") }, "0 * * * *" },   { { STR_PARTS("@daily") }, "0 0 * * *" },
    { { STR_PARTS("@midnight") }, "0 0 * * *" }, { { STR_PARTS("@weekly") }, "0 0 * * 0" },
    { { STR_PARTS("@monthly") }, "0 0 1 * *" },  { { STR_PARTS("@yearly") }, "0 0 1 1 *" }
};

static int read_value(const struct field *f, str text, unsigned *out)
{
    uint64_t n;

    for (unsigned i = 0; f->names && f->names[3 * i]; i++)
        if (str_ieq(text, str_n(f->names + 3 * i, 3))) {
            *out = f->min + i;
            return 0;
        }
    if (str_to_u64(text, f->max, &n) < 0 || n < f->min)
        return ATR_ESYNTAX;
    *out = (unsigned)n;
    return 0;
}

/* One part of a list: "*", "5", "1-5", with a step behind it or not. */
static int read_part(const struct field *f, str part, uint64_t *bits)
{
    str range = part, from, to, value;
    unsigned low = f->min, high = f->max;
    uint64_t step = 1;

    (void)str_cut(&range, '/', &value);
    if (range.p && (str_to_u64(range, 59, &step) < 0 || step == 0))
        return ATR_ESYNTAX;
    to = value;
    (void)str_cut(&to, '-', &from);
    if (!str_eq(value, STR("*"))) {
        if (read_value(f, from, &low) < 0)
            return ATR_ESYNTAX;
        if (to.p ? read_value(f, to, &high) < 0 : !range.p)
            high = low;
        if (to.p && (high < low || (high == low && !str_eq(from, to))))
            return ATR_ESYNTAX;
    }
    for (unsigned n = low; n <= high; n += (unsigned)step)
        *bits |= UINT64_C(1) << n;
    return 0;
}

static int read_fields(struct cron *c, str text)
{
    str rest = text, word, list, part;
    unsigned n = 0;
    bool any[5];

    while (str_cut(&rest, ' ', &word)) {
        if (!word.n)
            continue;
        if (n == 5)
            return ATR_ESYNTAX;
        any[n] = word.p[0] == '*';
        for (list = word; str_cut(&list, ',', &part);)
            if (read_part(&fields[n], part, &c->fields[n]) < 0)
                return ATR_ESYNTAX;
        n++;
    }
    if (n != 5)
        return ATR_ESYNTAX;
    if (c->fields[WEEKDAY] & 1U << 7) /* Sunday has two numbers */
        c->fields[WEEKDAY] |= 1;
    c->either_day = !any[DAY] && !any[WEEKDAY];
    return cron_next(c, 0) < 0 ? ATR_ESYNTAX : 0;
}

int cron_parse(struct cron *c, str given)
{
    str text = str_trim(given);
    bool every = str_starts(text, STR("@every "));
    int64_t ms;

    *c = (struct cron){ 0 };
    if (text.n == 0 || str_eq(text, STR("0")))
        return 0;
    for (size_t i = 0; i < sizeof nicknames / sizeof *nicknames; i++)
        if (str_eq(text, nicknames[i].name))
            text = str_of(nicknames[i].meaning);
    if (every)
        text = str_trim(str_n(text.p + 7, text.n - 7));
    if (text.p[text.n - 1] > '9' && units_ms(text, INT64_C(366) * 86400000, &ms) == 0 &&
        ms >= EVERY_MS_MIN) {
        c->every_ms = ms;
        return 1;
    }
    return every || read_fields(c, text) < 0 ? ATR_ESYNTAX : 1;
}

static bool is_in(const struct cron *c, int field, int value)
{
    return c->fields[field] >> value & 1;
}

static bool is_day(const struct cron *c, const struct tm *t)
{
    bool day = is_in(c, DAY, t->tm_mday), weekday = is_in(c, WEEKDAY, t->tm_wday);

    return c->either_day ? day || weekday : day && weekday;
}

/* Moves t to the next minute that could be it. False: this one is. */
static bool skip(const struct cron *c, struct tm *t)
{
    if (!is_in(c, MONTH, t->tm_mon + 1))
        t->tm_mon++, t->tm_mday = 1, t->tm_hour = t->tm_min = 0;
    else if (!is_day(c, t))
        t->tm_mday++, t->tm_hour = t->tm_min = 0;
    else if (!is_in(c, HOUR, t->tm_hour))
        t->tm_hour++, t->tm_min = 0;
    else if (!is_in(c, MINUTE, t->tm_min))
        t->tm_min++;
    else
        return false;
    return true;
}

int64_t cron_next(const struct cron *c, int64_t after_ms)
{
    time_t at = (time_t)(after_ms / 1000), last;
    struct tm t;
    int year;

    if (c->every_ms)
        return after_ms + c->every_ms;
    at += 60 - at % 60;
    if (!localtime_r(&at, &t))
        return -1;
    year = t.tm_year;
    while (skip(c, &t)) {
        last = at;
        t.tm_isdst = -1;
        at = mktime(&t);
        if (at <= last) { /* where clocks are put forward: the hour is not there */
            at = last + 3600;
            at -= at % 60;
            if (!localtime_r(&at, &t))
                return -1;
        }
        if (t.tm_year > year + YEARS_MAX) /* 30 February */
            return -1;
    }
    return (int64_t)at * 1000;
}
