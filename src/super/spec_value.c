/* super/spec_value.c - one value of a description: checked by its key's kind, and put into normal
 * form.
 *
 * Start reading at spec_read_value().
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>

#include "proto/json.h"
#include "super/cron.h"
#include "super/spec_parts.h"
#include "super/units.h"

static int wrong(struct spec_reading *r, int err, const char *expected)
{
    return err_why(r->why, err, "\"%s\" must be %s, not %.*s", r->key->name.p, expected,
                   STR_ARG(r->json));
}

static int read_number(struct spec_reading *r, int (*units)(str, int64_t, int64_t *),
                       const char *expected)
{
    int err;

    if (json_string(r->json, &r->scratch, &r->text) == 0)
        err = units(str_trim(r->text), INT64_MAX, &r->number);
    else
        err = json_integer(r->json, &r->number);
    if (err < 0)
        return wrong(r, err, expected);
    if (r->number < (r->key->kind == SPEC_INSTANCES ? -r->key->max : r->key->min) ||
        r->number > r->key->max)
        return err_why(r->why, ATR_ERANGE,
                       "\"%s\" must be between %" PRId64 " and %" PRId64 ", not %" PRId64,
                       r->key->name.p, r->key->kind == SPEC_INSTANCES ? -r->key->max : r->key->min,
                       r->key->max, r->number);
    json_write_integer(&r->normal, r->number);
    return 0;
}

static int plain_number(str s, int64_t max, int64_t *out)
{
    uint64_t n;
    int err = str_to_u64(s, (uint64_t)max, &n);

    if (err == 0)
        *out = (int64_t)n;
    return err;
}

static int read_text(struct spec_reading *r)
{
    if (json_type_of(r->json) == JSON_NUMBER) /* name: 7 */
        r->text = r->json;
    else if (json_string(r->json, &r->scratch, &r->text) < 0)
        return wrong(r, ATR_ETYPE, "a text");
    if (memchr(r->text.p, 0, r->text.n))
        return err_why(r->why, ATR_ETYPE, "\"%s\" holds a zero character", r->key->name.p);
    if (r->text.n > (size_t)r->key->max)
        return err_why(r->why, ATR_ERANGE, "\"%s\" is longer than %" PRId64 " bytes",
                       r->key->name.p, r->key->max);
    if (r->key == &spec_rows[SPEC_KEY_log_type] && r->text.n && !str_eq(r->text, STR("json")))
        return wrong(r, ATR_ERANGE, "json");
    if (r->key == &spec_rows[SPEC_KEY_cron_restart] && cron_parse(&(struct cron){ 0 }, r->text) < 0)
        return wrong(r, ATR_ESYNTAX,
                     "a time such as \"0 3 * * *\" (minute, hour, day of the month, month, day of "
                     "the week) or an interval such as \"12h\" (at least 1s)");
    json_write_string(&r->normal, r->text);
    return 0;
}

static int read_mode(struct spec_reading *r)
{
    bool fork, cluster;

    if (json_string(r->json, &r->scratch, &r->text) < 0)
        return wrong(r, ATR_ETYPE, "fork or cluster");
    fork = str_eq(r->text, STR("fork")) || str_eq(r->text, STR("fork_mode"));
    cluster = str_eq(r->text, STR("cluster")) || str_eq(r->text, STR("cluster_mode"));
    if (!fork && !cluster)
        return wrong(r, ATR_ERANGE, "fork or cluster");
    r->text = fork ? STR("fork") : STR("cluster");
    json_write_string(&r->normal, r->text);
    return 0;
}

static int read_names(struct spec_reading *r)
{
    enum json_type type = json_type_of(r->json);
    struct json_iter it;
    size_t count = 0;

    if (type == JSON_STRING) {
        buf_byte(&r->normal, '[');
        buf_add(&r->normal, r->json);
        buf_byte(&r->normal, ']');
        return 0;
    }
    if (type != JSON_ARRAY)
        return wrong(r, ATR_ETYPE, "a list of texts");
    buf_byte(&r->normal, '[');
    json_iter_init(&it, r->json);
    while (json_iter_next(&it)) {
        type = json_type_of(it.value);
        if (count++)
            buf_byte(&r->normal, ',');
        if (type == JSON_NUMBER) /* args: [--port, 3000] */
            json_write_string(&r->normal, it.value);
        else if (type == JSON_STRING)
            buf_add(&r->normal, it.value);
        else
            return wrong(r, ATR_ETYPE, "a list of texts");
    }
    buf_byte(&r->normal, ']');
    return 0;
}

static int read_list(struct spec_reading *r)
{
    if (json_string(r->json, &r->scratch, &r->text) < 0)
        return read_names(r);
    if (spec_split(r->text, &r->normal) < 0)
        return wrong(r, ATR_ESYNTAX, "arguments with every quote closed");
    return 0;
}

static int read_codes(struct spec_reading *r)
{
    struct json_iter it;
    int64_t code;

    if (json_type_of(r->json) != JSON_ARRAY)
        buf_format(&r->scratch, "[%.*s]", STR_ARG(r->json));
    json_iter_init(&it, r->scratch.len ? buf_str(&r->scratch) : r->json);
    buf_byte(&r->normal, '[');
    while (json_iter_next(&it)) {
        if (json_integer(it.value, &code) < 0 || code < 0 || code > r->key->max)
            return wrong(r, ATR_ETYPE, "an exit code or a list of them, each from 0 to 255");
        if (r->normal.len > 1)
            buf_byte(&r->normal, ',');
        json_write_integer(&r->normal, code);
    }
    buf_byte(&r->normal, ']');
    return 0;
}

static int read_env(struct spec_reading *r)
{
    struct json_iter it;
    str text;
    size_t count = 0;

    if (json_type_of(r->json) != JSON_OBJECT)
        return wrong(r, ATR_ETYPE, "an object of variables");
    buf_byte(&r->normal, '{');
    json_iter_init(&it, r->json);
    while (json_iter_next(&it)) {
        enum json_type type = json_type_of(it.value);

        buf_clear(&r->scratch);
        if (json_string(it.key, &r->scratch, &text) < 0 || text.n == 0 ||
            memchr(text.p, '=', text.n) || memchr(text.p, 0, text.n))
            return err_why(r->why, ATR_ETYPE, "\"env\": %.*s cannot be the name of a variable",
                           STR_ARG(it.key));
        buf_clear(&r->scratch);
        if (type == JSON_STRING && json_string(it.value, &r->scratch, &text) == 0 &&
            memchr(text.p, 0, text.n))
            return err_why(r->why, ATR_ETYPE, "\"env\": %.*s holds a zero character",
                           STR_ARG(it.key));
        if (count++)
            buf_byte(&r->normal, ',');
        buf_add(&r->normal, it.key);
        buf_byte(&r->normal, ':');
        if (type == JSON_STRING || type == JSON_NULL) /* null: not set at all */
            buf_add(&r->normal, it.value);
        else /* numbers, truth values and shapes as their JSON */
            json_write_string(&r->normal, it.value);
    }
    buf_byte(&r->normal, '}');
    return 0;
}

static int read_bool(struct spec_reading *r)
{
    enum json_type type = json_type_of(r->json);

    if (type != JSON_TRUE && type != JSON_FALSE)
        return wrong(r, ATR_ETYPE, "true or false");
    r->number = type == JSON_TRUE;
    buf_add(&r->normal, r->json);
    return 0;
}

int spec_read_value(struct spec_reading *r)
{
    enum json_type type = json_type_of(r->json);

    switch (r->key->kind) {
    case SPEC_TEXT:
        return read_text(r);
    case SPEC_BOOL:
        return read_bool(r);
    case SPEC_COUNT:
        return read_number(r, plain_number, "a whole number");
    case SPEC_MS:
        return read_number(r, units_ms, "milliseconds, or a duration such as \"10s\"");
    case SPEC_BYTES:
        return read_number(r, units_bytes, "bytes, or a size such as \"300M\"");
    case SPEC_INSTANCES:
        return read_number(r, units_instances, "a number of processes or \"max\"");
    case SPEC_MODE:
        return read_mode(r);
    case SPEC_LIST:
        return read_list(r);
    case SPEC_NAMES:
        return read_names(r);
    case SPEC_CODES:
        return read_codes(r);
    case SPEC_WATCH:
        return type == JSON_TRUE || type == JSON_FALSE ? read_bool(r) : read_names(r);
    case SPEC_ENV:
        return read_env(r);
    }
    return ATR_ETYPE;
}

int spec_split(str line, struct buf *out)
{
    struct buf word = { 0 };
    bool inside = false;
    char quote = 0;
    size_t count = 0;

    buf_byte(out, '[');
    for (size_t i = 0; i <= line.n; i++) {
        char c = i < line.n ? line.p[i] : ' ';

        if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
            if (inside && count++)
                buf_byte(out, ',');
            if (inside)
                json_write_string(out, buf_str(&word));
            buf_clear(&word);
            inside = false;
            continue;
        }
        inside = true;
        if (quote && c == quote && i < line.n)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (c == '\\' && quote != '\'' && i + 1 < line.n)
            buf_byte(&word, (uint8_t)line.p[++i]);
        else if (i < line.n)
            buf_byte(&word, (uint8_t)c);
    }
    buf_byte(out, ']');
    buf_free(&word);
    return quote ? ATR_ESYNTAX : 0;
}
