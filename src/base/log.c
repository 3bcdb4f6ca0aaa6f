/* base/log.c - formats "level event key=value ..." without letting a value break the line.
 *
 * The format is cut at its spaces into fields, and a field at its first '=' into key and value. A
 * value is formatted on its own and quoted when it has to be, so that text from a peer can neither
 * end a line nor pass for another field. That is why conversions are read one by one here.
 *
 * Start reading at log_event().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"

#include <stdatomic.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"

enum { LINE_BYTES = 4096, VALUE_BYTES = 2048, SPEC_BYTES = 24 };

/* Text of bounded length; what does not fit is dropped and marked at the end. */
struct text {
    char *p;
    size_t len, max; /* max leaves room for the terminator */
    bool cut;
};

static void text_add(struct text *t, const char *p, size_t n)
{
    if (n > t->max - t->len) {
        n = t->max - t->len;
        t->cut = true;
    }
    memcpy(t->p + t->len, p, n);
    t->len += n;
}

static const char *const names[] = { "debug", "info", "warn", "error" };
static enum log_level least = LOG_INFO;
static log_sink sink;
static void *sink_user;
static enum log_format format_now = LOG_TEXT;
static _Atomic uint64_t written[LOG_ERROR + 1]; /* lines, by level; of all threads */

void log_set_sink(log_sink to, void *user)
{
    sink = to;
    sink_user = user;
}

void log_set_level(enum log_level level)
{
    least = level;
}

enum log_level log_get_level(void)
{
    return least;
}

void log_set_format(enum log_format format)
{
    format_now = format;
}

const char *log_level_name(enum log_level level)
{
    return names[level];
}

int log_level_parse(const char *name)
{
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return ATR_EUNKNOWN;
}

/* A whole line in one write, so that lines of several processes do not mix. */
static void to_stderr(char *line, size_t n)
{
    ssize_t done;

    line[n++] = '\n';
    do
        done = write(STDERR_FILENO, line, n);
    while (done < 0 && errno == EINTR);
}

static bool is_plain(str value, bool utf8)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f || (c >= 0x80 && !utf8))
            return false;
    }
    return value.n > 0;
}

static void add_value(struct text *line, str value)
{
    bool utf8 = utf8_valid(value.p, value.n);

    if (is_plain(value, utf8)) {
        text_add(line, value.p, value.n);
        return;
    }
    text_add(line, "\"", 1);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        char escape[8] = { '\\', (char)c };
        size_t n = 2;

        if (c == '\n')
            escape[1] = 'n';
        else if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8))
            n = (size_t)snprintf(escape, sizeof escape, "\\x%02x", c);
        else if (c != '"' && c != '\\') {
            escape[0] = (char)c;
            n = 1;
        }
        text_add(line, escape, n);
    }
    text_add(line, "\"", 1);
}

/* Whether value is a whole number that JSON takes as it is. */
static bool is_integer(str value)
{
    size_t i = value.n && value.p[0] == '-';

    if (value.n - i == 0 || value.n - i > 15 || (value.p[i] == '0' && value.n - i > 1))
        return false;
    for (; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
    }
    return true;
}

/* RFC 8259 section 7; bytes that are not UTF-8 become U+FFFD. */
static void add_json_string(struct text *line, str value)
{
    bool utf8 = utf8_valid(value.p, value.n);

    text_add(line, "\"", 1);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        char escape[8] = { (char)c };
        size_t n = 1;

        if (c == '"' || c == '\\')
            n = (size_t)snprintf(escape, sizeof escape, "\\%c", c);
        else if (c < ' ')
            n = (size_t)snprintf(escape, sizeof escape, "\\u%04x", c);
        else if (c >= 0x80 && !utf8)
            n = (size_t)snprintf(escape, sizeof escape, "\\ufffd");
        text_add(line, escape, n);
    }
    text_add(line, "\"", 1);
}

/* A member that does not fit whole is left out, so that the line stays JSON. */
static void add_json_member(struct text *line, str key, str value)
{
    size_t start = line->len;
    bool cut = line->cut;

    line->cut = false;
    text_add(line, ",", 1);
    add_json_string(line, key.n ? key : STR("text"));
    text_add(line, ":", 1);
    if (is_integer(value))
        text_add(line, value.p, value.n);
    else
        add_json_string(line, value);
    if (line->cut)
        line->len = start;
    line->cut |= cut;
}

static void begin_json(struct text *line, enum log_level level, const char *event)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    char head[80];
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(head, sizeof head, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &tm);
    text_add(line, head, n);
    n = (size_t)snprintf(head, sizeof head,
                         ".%03dZ\",\"level\":\"%s\",\"event\":", (int)(now_ms % 1000),
                         names[level]);
    text_add(line, head, n);
    add_json_string(line, str_of(event));
}

_Static_assert(sizeof(long) == 8 && sizeof(size_t) == 8, "long conversions are read as int64_t");

/* Formats the one conversion at *format, which begins with '%', and moves *format behind it. */
static void add_conversion(struct text *value, const char **format, va_list *args)
{
    char spec[SPEC_BYTES], out[VALUE_BYTES];
    size_t n = strspn(*format + 1, "-+ #0123456789.*hlzjt") + 2;
    const char *end = *format + n;
    int stars = 0, star[2] = { 0, 0 }, made;
    bool is_long = false;

    ASSERT(n < sizeof spec);
    memcpy(spec, *format, n);
    spec[n] = '\0';
    *format = end;
    for (size_t i = 1; i + 1 < n; i++) {
        is_long |= strchr("lzjt", spec[i]) != NULL;
        if (spec[i] == '*' && stars < 2)
            star[stars++] = va_arg(*args, int);
    }
#define FORMAT(arg)                                                                                \
    (stars == 2   ? snprintf(out, sizeof out, spec, star[0], star[1], arg)                         \
     : stars == 1 ? snprintf(out, sizeof out, spec, star[0], arg)                                  \
                  : snprintf(out, sizeof out, spec, arg))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    switch (spec[n - 1]) {
    case '%':
        made = snprintf(out, sizeof out, "%%");
        break;
    case 's':
        made = FORMAT(va_arg(*args, const char *));
        break;
    case 'p':
        made = FORMAT(va_arg(*args, void *));
        break;
    case 'e':
    case 'f':
    case 'g':
        made = FORMAT(va_arg(*args, double));
        break;
    default:
        ASSERT(strchr("diuxXoc", spec[n - 1]));
        made = is_long ? FORMAT(va_arg(*args, int64_t)) : FORMAT(va_arg(*args, int));
        break;
    }
#pragma GCC diagnostic pop
#undef FORMAT
    ASSERT(made >= 0);
    value->cut |= (size_t)made >= sizeof out;
    text_add(value, out, (size_t)made < sizeof out ? (size_t)made : sizeof out - 1);
}

static void put_field(struct text *line, str key, str value)
{
    if (format_now == LOG_JSON) {
        add_json_member(line, key, value);
        return;
    }
    text_add(line, " ", 1);
    text_add(line, key.p, key.n);
    text_add(line, "=", key.n > 0);
    add_value(line, value);
}

/* One field: up to the next space of the format, or its end. */
static void add_field(struct text *line, const char **format, va_list *args)
{
    char bytes[VALUE_BYTES], name[64];
    struct text value = { bytes, 0, sizeof bytes, false };
    struct text key = { name, 0, sizeof name, false };
    bool has_key = false;

    while (**format && **format != ' ') {
        char c = **format;

        if (c == '%') {
            add_conversion(&value, format, args);
            continue;
        }
        ++*format;
        text_add(&value, &c, 1);
        if (c == '=' && !has_key) {
            has_key = true;
            text_add(&key, value.p, value.len - 1);
            value.len = 0;
        }
    }
    put_field(line, str_n(key.p, key.len), str_n(value.p, value.len));
    line->cut |= value.cut;
}

/* The line's array has room for either ending behind LINE_BYTES. */
static void end_line(struct text *line)
{
    const char *end =
        format_now == LOG_JSON ? (line->cut ? ",\"cut\":true}" : "}") : (line->cut ? "..." : "");

    memcpy(line->p + line->len, end, strlen(end) + 1);
    line->len += strlen(end);
}

static void begin_line(struct text *line, enum log_level level, const char *event)
{
    if (format_now == LOG_JSON) {
        begin_json(line, level, event);
        return;
    }
    text_add(line, names[level], strlen(names[level]));
    text_add(line, " ", 1);
    text_add(line, event, strlen(event));
}

static void write_line(struct text *line, enum log_level level)
{
    end_line(line);
    atomic_fetch_add_explicit(&written[level], 1, memory_order_relaxed);
    if (sink)
        sink(sink_user, level, line->p);
    else
        to_stderr(line->p, line->len);
}

uint64_t log_count(enum log_level level)
{
    return atomic_load_explicit(&written[level], memory_order_relaxed);
}

void log_fields(enum log_level level, const char *event, const str (*fields)[2], size_t count)
{
    char bytes[LINE_BYTES + 16];
    struct text line = { bytes, 0, LINE_BYTES, false };

    if (level < least)
        return;
    begin_line(&line, level, event);
    for (size_t i = 0; i < count; i++)
        put_field(&line, fields[i][0], fields[i][1]);
    write_line(&line, level);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char bytes[LINE_BYTES + 16];
    struct text line = { bytes, 0, LINE_BYTES, false };
    va_list args;

    if (level < least)
        return;
    begin_line(&line, level, event);
    va_start(args, format);
    while (*format) {
        if (*format == ' ') {
            format++;
            continue;
        }
        add_field(&line, &format, &args);
    }
    va_end(args);
    write_line(&line, level);
}
