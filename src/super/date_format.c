/* super/date_format.c - see date_format.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/date_format.h"

#include <time.h>

struct moment {
    struct tm tm;
    int64_t wall_ms;
    unsigned ms;
};

static void zone(struct buf *out, const struct moment *m, const char *colon)
{
    long minutes = m->tm.tm_gmtoff / 60;
    long size = minutes < 0 ? -minutes : minutes;

    buf_format(out, "%c%02ld%s%02ld", minutes < 0 ? '-' : '+', size / 60, colon, size % 60);
}

static void name(struct buf *out, const struct moment *m, const char *strftime_word)
{
    char text[32];

    buf_append(out, text, strftime(text, sizeof text, strftime_word, &m->tm));
}

/* Writes the word that format begins with; returns its length, 0 when it is none. */
static size_t word(struct buf *out, const char *f, const struct moment *m)
{
    static const char *const words[] = { "YYYY", "YY",  "MMM", "MM", "DD", "ddd", "HH", "hh", "mm",
                                         "ss",   "SSS", "A",   "a",  "ZZ", "Z",   "X",  "x" };
    size_t n = 0, i = 0;
    int hour = m->tm.tm_hour % 12 ? m->tm.tm_hour % 12 : 12;

    while (i < sizeof words / sizeof *words && strncmp(f, words[i], n = strlen(words[i])) != 0)
        i++;
    switch (i) {
    case 0:
        buf_format(out, "%04d", m->tm.tm_year + 1900);
        break;
    case 1:
        buf_format(out, "%02d", m->tm.tm_year % 100);
        break;
    case 2:
        name(out, m, "%b");
        break;
    case 3:
        buf_format(out, "%02d", m->tm.tm_mon + 1);
        break;
    case 4:
        buf_format(out, "%02d", m->tm.tm_mday);
        break;
    case 5:
        name(out, m, "%a");
        break;
    case 6:
        buf_format(out, "%02d", m->tm.tm_hour);
        break;
    case 7:
        buf_format(out, "%02d", hour);
        break;
    case 8:
        buf_format(out, "%02d", m->tm.tm_min);
        break;
    case 9:
        buf_format(out, "%02d", m->tm.tm_sec);
        break;
    case 10:
        buf_format(out, "%03u", m->ms);
        break;
    case 11:
        buf_add(out, m->tm.tm_hour < 12 ? STR("AM") : STR("PM"));
        break;
    case 12:
        buf_add(out, m->tm.tm_hour < 12 ? STR("am") : STR("pm"));
        break;
    case 13:
        zone(out, m, "");
        break;
    case 14:
        zone(out, m, ":");
        break;
    case 15:
        buf_format(out, "%lld", (long long)(m->wall_ms / 1000));
        break;
    case 16:
        buf_format(out, "%lld", (long long)m->wall_ms);
        break;
    default:
        return 0;
    }
    return n;
}

void date_format(struct buf *out, const char *format, int64_t wall_ms)
{
    struct moment m = { .wall_ms = wall_ms, .ms = (unsigned)(wall_ms % 1000) };
    time_t seconds = (time_t)(wall_ms / 1000);

    localtime_r(&seconds, &m.tm);
    while (*format) {
        size_t n = 0;

        if (*format == '[' && strchr(format, ']')) {
            n = (size_t)(strchr(format, ']') - format) + 1;
            buf_append(out, format + 1, n - 2);
        } else if ((n = word(out, format, &m)) == 0) {
            buf_byte(out, (uint8_t)*format);
            n = 1;
        }
        format += n;
    }
}
