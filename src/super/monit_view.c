/* super/monit_view.c - see monit_view.h. Start reading at monit_view().
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/monit_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <wchar.h>

#include "base/mem.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/table.h"

#define BOLD    "\033[1m"
#define DIM     "\033[2m"
#define INVERSE "\033[7m"
#define PLAIN   "\033[0m"

enum { FACT_LINES = 5, OTHER_LINES = 5, LOG_LINES_MIN = 3, NAME_MIN = 12 };

/* The screen while it is written: a line that is full takes nothing more. */
struct page {
    struct buf *out;
    unsigned width, height, column, row;
};

/* --- Text --- */

/* The code point at p, of at most n bytes; *used of them. What is not UTF-8 is one byte each. */
static wchar_t decode(const uint8_t *p, size_t n, size_t *used)
{
    size_t need = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    uint32_t c = need == 1 ? *p : *p & (0x7fU >> need);

    *used = 1;
    if (!need || need > n)
        return 0xfffd;
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0xfffd;
        c = c << 6 | (p[i] & 0x3f);
    }
    if ((need == 3 && c < 0x800) || (need == 4 && c < 0x10000)) /* longer than it has to be */
        return 0xfffd;
    *used = need;
    return (wchar_t)c;
}

/* A sequence that a program wrote to colour its lines: how long it is. */
static size_t escape_bytes(const char *p, size_t n)
{
    size_t i = 2;

    if (n < 2 || p[1] != '[')
        return 1;
    while (i < n && (p[i] < '@' || p[i] > '~'))
        i++;
    return i < n ? i + 1 : n;
}

/* Control characters would move the cursor, or worse. */
static void put(struct page *p, str text)
{
    size_t used;

    for (size_t i = 0; i < text.n; i += used) {
        wchar_t c = decode((const uint8_t *)text.p + i, text.n - i, &used);
        int columns = c < ' ' || (c >= 0x7f && c < 0xa0) ? 0 : wcwidth(c);

        if (c == 27)
            used = escape_bytes(text.p + i, text.n - i);
        if (c == '\t')
            put(p, STR("    "));
        if (columns < 0)
            columns = 1; /* unknown to the C library */
        if ((columns == 0 && c < 0xa0) || p->column + (unsigned)columns > p->width)
            continue;
        if (c == 0xfffd)
            buf_byte(p->out, '?');
        else
            buf_append(p->out, text.p + i, used);
        p->column += (unsigned)columns;
    }
}

static void style(struct page *p, const char *sequence)
{
    buf_add(p->out, str_of(sequence));
}

static void put_format(struct page *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(struct page *p, const char *format, ...)
{
    struct buf b = { 0 };
    va_list args;

    va_start(args, format);
    buf_vformat(&b, format, args);
    va_end(args);
    put(p, buf_str(&b));
    buf_free(&b);
}

/* Spaces up to that column. */
static void pad(struct page *p, unsigned column)
{
    while (p->column < column && p->column < p->width) {
        buf_byte(p->out, ' ');
        p->column++;
    }
}

static void end_line(struct page *p)
{
    style(p, PLAIN);
    p->column = 0;
    if (++p->row < p->height)
        buf_byte(p->out, '\n');
}

static void rule(struct page *p, const char *title)
{
    style(p, DIM);
    put(p, STR("── "));
    style(p, PLAIN BOLD);
    put(p, str_of(title));
    style(p, PLAIN DIM);
    put(p, STR(" "));
    while (p->column < p->width)
        put(p, STR("─"));
    end_line(p);
}

/* --- Parts of the screen --- */

static str env_of(str i)
{
    return json_get(i, STR("pm2_env"));
}

static str own_of(str i)
{
    return json_get(i, STR("atrium"));
}

static void text_at(struct page *p, unsigned column, str object, const char *key)
{
    char *text = field_get_text(object, key);

    pad(p, column);
    put(p, str_of(text ? text : ""));
    mem_free(text);
}

static void head(struct page *p, const struct monit_facts *f)
{
    struct json_iter it;
    unsigned count = 0, online = 0;
    int64_t connections = 0;

    json_iter_init(&it, f->list);
    while (json_iter_next(&it)) {
        count++;
        online += field_is(env_of(it.value), "status", "online");
        connections += field_get_number(own_of(it.value), "connections", 0);
    }
    style(p, BOLD);
    put(p, STR("Atrium"));
    style(p, PLAIN);
    put_format(p, "  %u of %u online, %" PRId64 " connections  ", online, count, connections);
    style(p, DIM);
    put(p, str_of(f->home));
    end_line(p);
}

/* Columns behind the name, which takes what is left. */
static const struct column {
    const char *title;
    unsigned width;
} columns[] = { { "mode", 9 },  { "inst", 6 }, { "status", 17 }, { "cpu", 8 },   { "mem", 10 },
                { "conns", 8 }, { "lag", 8 },  { "↺", 5 },       { "uptime", 7 } };
enum { COLUMNS = sizeof columns / sizeof *columns, ID_WIDTH = 5 };

static unsigned name_width(const struct page *p)
{
    unsigned rest = ID_WIDTH;

    for (size_t i = 0; i < COLUMNS; i++)
        rest += columns[i].width;
    return p->width > rest + NAME_MIN ? p->width - rest : NAME_MIN;
}

static void heads(struct page *p)
{
    unsigned at = ID_WIDTH;

    style(p, DIM);
    put(p, STR(" id"));
    pad(p, at);
    put(p, STR("name"));
    at += name_width(p);
    for (size_t i = 0; i < COLUMNS; at += columns[i++].width) {
        pad(p, at);
        put(p, str_of(columns[i].title));
    }
    end_line(p);
}

static void figures(str i, char cells[COLUMNS][40])
{
    str env = env_of(i), own = own_of(i), monit = json_get(i, STR("monit"));
    bool runs = field_get_number(i, "pid", 0);
    double cpu = 0;

    (void)!json_number(json_get(monit, STR("cpu")), &cpu);
    (void)snprintf(cells[0], 40, "%s",
                   field_is(env, "exec_mode", "cluster_mode") ? "cluster" : "fork");
    (void)snprintf(cells[1], 40, "%" PRId64, field_get_number(own, "instance", 0));
    (void)snprintf(cells[3], 40, "%.1f%%", cpu);
    table_bytes(cells[4], 40, field_get_number(monit, "memory", 0));
    (void)snprintf(cells[5], 40, "%" PRId64, field_get_number(own, "connections", 0));
    (void)snprintf(cells[6], 40, "%" PRId64 "ms", field_get_number(own, "lag_ms", 0));
    (void)snprintf(cells[7], 40, "%" PRId64, field_get_number(env, "restart_time", 0));
    table_duration(cells[8], 40, runs ? field_get_number(own, "uptime_ms", 0) : 0);
}

static void row(struct page *p, str i, bool selected)
{
    char *status = field_get_text(env_of(i), "status");
    char cells[COLUMNS][40] = { { 0 } };
    unsigned at = ID_WIDTH, width = p->width;

    figures(i, cells);
    if (selected)
        style(p, INVERSE);
    put_format(p, " %" PRId64, field_get_number(i, "pm_id", 0));
    if (at + name_width(p) - 1 < width)
        p->width = at + name_width(p) - 1; /* a long name is cut */
    text_at(p, at, i, "name");
    p->width = width;
    at += name_width(p);
    for (size_t c = 0; c < COLUMNS; at += columns[c++].width) {
        pad(p, at);
        if (c == 2 && !selected)
            style(p, table_colour(status ? status : ""));
        put(p, str_of(c == 2 ? status : cells[c]));
        if (c == 2 && !selected)
            style(p, PLAIN);
    }
    pad(p, p->width);
    end_line(p);
    mem_free(status);
}

/* As many instances as fit, the selected one among them. */
static void rows(struct page *p, const struct monit_facts *f, unsigned room)
{
    size_t count = json_count(f->list), n = 0, from;
    struct json_iter it;

    from = f->selected >= room ? f->selected - room + 1 : 0;
    json_iter_init(&it, f->list);
    for (; json_iter_next(&it); n++)
        if (n >= from && n < from + room)
            row(p, it.value, n == f->selected);
    if (!count && room) {
        put(p, STR(" nothing runs: atrium start FILE"));
        end_line(p);
    }
}

static str selected(const struct monit_facts *f)
{
    struct json_iter it;
    size_t n = 0;

    json_iter_init(&it, f->list);
    while (json_iter_next(&it))
        if (n++ == f->selected)
            return it.value;
    return (str){ 0 };
}

static void facts(struct page *p, str i)
{
    str env = env_of(i), own = own_of(i);

    put_format(p, " pid %" PRId64, field_get_number(i, "pid", 0));
    if (field_get_number(own, "successor", 0))
        put_format(p, ", replaced by %" PRId64, field_get_number(own, "successor", 0));
    if (field_get_number(own, "leaving", 0))
        put_format(p, ", %" PRId64 " leaving", field_get_number(own, "leaving", 0));
    put(p, STR("   namespace "));
    text_at(p, 0, env, "namespace");
    end_line(p);
    put(p, STR(" script "));
    text_at(p, 0, env, "pm_exec_path");
    put(p, STR("   by "));
    text_at(p, 0, env, "exec_interpreter");
    end_line(p);
    put(p, STR(" cwd "));
    text_at(p, 0, env, "pm_cwd");
    end_line(p);
    put_format(p,
               " restarts: %" PRId64 " crashes, %" PRId64 " hangs, %" PRId64 " memory, %" PRId64
               " unready, %" PRId64 " reloads (by files %" PRId64 ", by time %" PRId64 ")",
               field_get_number(own, "crashes", 0), field_get_number(own, "hangs", 0),
               field_get_number(own, "memory_restarts", 0), field_get_number(own, "unready", 0),
               field_get_number(own, "reloads", 0), field_get_number(own, "watch_reloads", 0),
               field_get_number(own, "timed_reloads", 0));
    end_line(p);
    put(p, STR(" last trouble: "));
    text_at(p, 0, own, "trouble");
    end_line(p);
}

static unsigned count_lines(str text)
{
    unsigned n = 0;
    str line;

    while (str_cut(&text, '\n', &line))
        n += text.p || line.n;
    return n;
}

/* The last of them, as many as there is room for. */
static void lines(struct page *p, str text, unsigned room, const char *colour)
{
    unsigned count = count_lines(text), n = 0;
    str line;

    for (; str_cut(&text, '\n', &line) && n < count; n++)
        if (n + room >= count) {
            style(p, colour);
            put(p, line);
            end_line(p);
        }
}

static void foot(struct page *p, const struct monit_facts *f)
{
    while (p->row + 1 < p->height)
        end_line(p);
    style(p, INVERSE);
    put(p, *f->note ? STR(" q quit ") : STR(" q quit   ↑ ↓ j k select   r reload "));
    style(p, PLAIN);
    put(p, STR(" "));
    put(p, str_of(f->note));
    end_line(p);
}

void monit_view(const struct monit_facts *f, unsigned width, unsigned height, struct buf *out)
{
    struct page p = { .out = out, .width = width, .height = height };
    str i = selected(f);
    bool with_facts = i.p && height >= OTHER_LINES + FACT_LINES + LOG_LINES_MIN + 3;
    unsigned most =
        height > 8 ? (height - OTHER_LINES) / 2 - (with_facts ? FACT_LINES / 2 : 0) : height > 3;
    char *name = field_get_text(i, "name");
    char title[200];

    head(&p, f);
    heads(&p);
    rows(&p, f, most);
    (void)snprintf(title, sizeof title, "%.100s %" PRId64, name ? name : "",
                   field_get_number(own_of(i), "instance", 0));
    if (with_facts) {
        rule(&p, title);
        facts(&p, i);
    }
    if (i.p && p.row + 2 < height) {
        unsigned room, errors = count_lines(f->error);

        (void)snprintf(title, sizeof title, "logs of %.100s %" PRId64, name ? name : "",
                       field_get_number(own_of(i), "instance", 0));
        rule(&p, title);
        room = height - p.row - 1;
        if (errors > room / 3)
            errors = room / 3;
        lines(&p, f->out, room - errors, "");
        lines(&p, f->error, errors, "\033[31m");
    }
    foot(&p, f);
    mem_free(name);
}
