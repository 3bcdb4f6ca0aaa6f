/* super/table.c - see table.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/table.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proto/json.h"
#include "super/date_format.h"
#include "super/fields.h"

enum { CELL_BYTES = 160 };

/* As PM2 shows them, as far as they mean something here. */
static const char *const heads[] = { "id", "name",   "mode", "instance", "pid",        "uptime",
                                     "↺",  "status", "cpu",  "mem",      "connections" };
enum { COLUMNS = sizeof heads / sizeof *heads, STATUS = 7 };

struct row {
    char cells[COLUMNS][CELL_BYTES];
};

void table_duration(char *out, size_t size, int64_t ms)
{
    int64_t s = ms / 1000;

    if (s < 60)
        (void)snprintf(out, size, "%llds", (long long)s);
    else if (s < 3600)
        (void)snprintf(out, size, "%lldm", (long long)(s / 60));
    else if (s < 48 * 3600)
        (void)snprintf(out, size, "%lldh", (long long)(s / 3600));
    else
        (void)snprintf(out, size, "%lldD", (long long)(s / 86400));
}

void table_bytes(char *out, size_t size, int64_t n)
{
    if (n < 1 << 20)
        (void)snprintf(out, size, "%.1fkb", (double)n / 1024);
    else if (n < 1 << 30)
        (void)snprintf(out, size, "%.1fmb", (double)n / (1 << 20));
    else
        (void)snprintf(out, size, "%.1fgb", (double)n / (1 << 30));
}

static void text(char *out, str object, const char *key)
{
    char *value = field_get_text(object, key);

    (void)snprintf(out, CELL_BYTES, "%s", value ? value : "");
    mem_free(value);
}

static void fill(struct row *r, str i)
{
    str env = json_get(i, STR("pm2_env")), own = json_get(i, STR("atrium"));
    str monit = json_get(i, STR("monit"));
    int64_t pid = field_get_number(i, "pid", 0);
    double cpu;

    if (json_number(json_get(monit, STR("cpu")), &cpu) < 0)
        cpu = 0;
    (void)snprintf(r->cells[0], CELL_BYTES, "%lld", (long long)field_get_number(i, "pm_id", 0));
    text(r->cells[1], i, "name");
    (void)snprintf(r->cells[2], CELL_BYTES, "%s",
                   field_is(env, "exec_mode", "cluster_mode") ? "cluster" : "fork");
    (void)snprintf(r->cells[3], CELL_BYTES, "%lld",
                   (long long)field_get_number(own, "instance", 0));
    (void)snprintf(r->cells[4], CELL_BYTES, pid ? "%lld" : "-", (long long)pid);
    if (pid)
        table_duration(r->cells[5], CELL_BYTES, field_get_number(own, "uptime_ms", 0));
    else
        (void)snprintf(r->cells[5], CELL_BYTES, "0");
    (void)snprintf(r->cells[6], CELL_BYTES, "%lld",
                   (long long)field_get_number(env, "restart_time", 0));
    text(r->cells[STATUS], env, "status");
    (void)snprintf(r->cells[8], CELL_BYTES, "%.1f%%", cpu);
    table_bytes(r->cells[9], CELL_BYTES, field_get_number(monit, "memory", 0));
    (void)snprintf(r->cells[10], CELL_BYTES, "%lld",
                   (long long)field_get_number(own, "connections", 0));
}

/* Characters, taking each as one column wide. */
static size_t width(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void rule(FILE *out, const size_t *widths, const char *left, const char *middle,
                 const char *right)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        fputs(c ? middle : left, out);
        for (size_t i = 0; i < widths[c] + 2; i++)
            fputs("─", out);
    }
    fprintf(out, "%s\n", right);
}

const char *table_colour(const char *status)
{
    if (!strcmp(status, "online"))
        return "\033[32m";
    return strcmp(status, "errored") && strcmp(status, "stopped") ? "\033[33m" : "\033[31m";
}

static void line(FILE *out, const size_t *widths, const char *const *cells, bool colour)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        bool paint = colour && c == STATUS;

        fprintf(out, "│ %s%s%s%*s ", paint ? table_colour(cells[c]) : "", cells[c],
                paint ? "\033[0m" : "", (int)(widths[c] - width(cells[c])), "");
    }
    fputs("│\n", out);
}

void table_print(FILE *out, str list, bool colour)
{
    size_t count = json_count(list), n = 0, widths[COLUMNS];
    struct row *rows = mem_zalloc((count + 1) * sizeof *rows);
    struct json_iter it;

    json_iter_init(&it, list);
    while (json_iter_next(&it))
        fill(&rows[n++], it.value);
    for (size_t c = 0; c < COLUMNS; c++) {
        widths[c] = width(heads[c]);
        for (size_t r = 0; r < count; r++)
            if (width(rows[r].cells[c]) > widths[c])
                widths[c] = width(rows[r].cells[c]);
    }
    rule(out, widths, "┌", "┬", "┐");
    line(out, widths, heads, false);
    rule(out, widths, "├", "┼", "┤");
    for (size_t r = 0; r < count; r++) {
        const char *cells[COLUMNS];
        for (size_t c = 0; c < COLUMNS; c++)
            cells[c] = rows[r].cells[c];
        line(out, widths, cells, colour);
    }
    rule(out, widths, "└", "┴", "┘");
    mem_free(rows);
}

/* A value as people write it: texts without quotes. */
static void print_value(FILE *out, str key, str value)
{
    struct buf a = { 0 }, b = { 0 };
    str name, plain;

    if (json_string(key, &a, &name) == 0) {
        if (json_string(value, &b, &plain) < 0)
            plain = value;
        fprintf(out, "  %-26.*s %.*s\n", STR_ARG(name), STR_ARG(plain));
    }
    buf_free(&a);
    buf_free(&b);
}

/* Numbers that people read in another form. */
static void print_fact(FILE *out, str key, str value)
{
    struct buf b = { 0 };
    char text[40] = "";
    int64_t n = 0;

    if (json_integer(value, &n) == 0 && str_eq(key, STR("\"memory\""))) {
        table_bytes(text, sizeof text, n);
    } else if (n && str_eq(key, STR("\"uptime_ms\""))) {
        table_duration(text, sizeof text, n);
        key = STR("\"uptime\"");
    } else if (n && (str_eq(key, STR("\"created_at\"")) || str_eq(key, STR("\"pm_uptime\"")))) {
        date_format(&b, "YYYY-MM-DD HH:mm:ss", n);
        key = key.p[1] == 'p' ? STR("\"started_at\"") : key;
    }
    if (*text)
        buf_add(&b, str_of(text));
    print_value(out, key, b.len ? buf_str(&b) : value);
    buf_free(&b);
}

static void print_members(FILE *out, str object, const char *without)
{
    struct json_iter it;

    json_iter_init(&it, object);
    while (json_iter_next(&it)) {
        enum json_type type = json_type_of(it.value);
        if (type != JSON_OBJECT && type != JSON_NULL && !str_eq(it.key, str_of(without)))
            print_fact(out, it.key, it.value);
    }
}

void table_describe(FILE *out, str i)
{
    str own = json_get(i, STR("atrium"));
    struct json_iter it;

    print_members(out, i, "");
    print_members(out, json_get(i, STR("pm2_env")), "\"name\""); /* it was there */
    print_members(out, json_get(i, STR("monit")), "");
    print_members(out, own, "");
    fputs(" described as\n", out);
    json_iter_init(&it, json_get(own, STR("keys")));
    while (json_iter_next(&it))
        print_value(out, it.key, it.value);
    fputs("\n", out);
}
