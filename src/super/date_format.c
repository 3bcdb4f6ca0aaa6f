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

static void zone(struct buf *out, const struct moment *m)
{
    long minutes = m->tm.tm_gmtoff / 60;
    long size = minutes < 0 ? -minutes : minutes;

    buf_format(out, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', size / 60, size % 60);
}

/* The words, longer ones before those they begin with, and what they are to strftime(); NULL: it
 * does not know them. */
static const struct word {
    const char *text, *strftime;
} words[] = {
    { "YYYY", "%Y" }, { "YY", "%y" }, { "MMM", "%b" }, { "MM", "%m" }, { "DD", "%d" },
    { "ddd", "%a" },  { "HH", "%H" }, { "hh", "%I" },  { "mm", "%M" }, { "ss", "%S" },
    { "SSS", NULL },  { "A", "%p" },  { "a", NULL },   { "ZZ", "%z" }, { "Z", NULL },
    { "X", NULL },    { "x", NULL },
};

static void write_own(struct buf *out, const char *word, const struct moment *m)
{
    if (*word == 'S')
        buf_format(out, "%03u", m->ms);
    else if (*word == 'a')
        buf_add(out, m->tm.tm_hour < 12 ? STR("am") : STR("pm"));
    else if (*word == 'Z')
        zone(out, m);
    else
        buf_format(out, "%lld", (long long)(*word == 'X' ? m->wall_ms / 1000 : m->wall_ms));
}

/* Writes the word that format begins with; returns its length, 0 when it is none. */
static size_t word(struct buf *out, const char *format, const struct moment *m)
{
    char text[32];

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].text);

        if (strncmp(format, words[i].text, n) != 0)
            continue;
        if (words[i].strftime)
            buf_append(out, text, strftime(text, sizeof text, words[i].strftime, &m->tm));
        else
            write_own(out, words[i].text, m);
        return n;
    }
    return 0;
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
