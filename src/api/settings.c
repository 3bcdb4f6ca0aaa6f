/* api/settings.c - parsing, checking and ranking of settings. See settings.h for the table.
 *
 * Start reading at settings_set().
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/settings.h"

#include <inttypes.h>

#include "api/shapes.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/json.h"

static const struct setting {
    str name;
    enum setting_kind kind;
    enum setting_scope scope;
    const char *dflt;
    int64_t min, max;
    const char *help;
} table[] = {
#define X(name, kind, scope, dflt, min, max, help)                                                 \
    { { #name, sizeof #name - 1 }, SETTING_##kind, SETTING_##scope, dflt, min, max, help },
    SETTINGS(X)
#undef X
};

void settings_init(struct settings *s)
{
    *s = (struct settings){ 0 };
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (table[i].kind == SETTING_COUNT)
            ASSERT(json_integer(str_of(table[i].dflt), &s->values[i].number) == 0);
        else
            s->values[i].number = strcmp(table[i].dflt, "true") == 0;
}

void settings_fini(struct settings *s)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        mem_free(s->values[i].json);
    *s = (struct settings){ 0 };
}

static int unknown(enum setting_scope least, str name, char *why)
{
    const struct setting *nearest = NULL;
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        size_t d = table[i].scope < least ? SIZE_MAX : str_distance(name, table[i].name);
        if (d < best)
            best = d, nearest = &table[i];
    }
    if (nearest && str_is_near(name, best))
        return err_why(why, ATR_EUNKNOWN, "unknown setting \"%.*s\"; did you mean \"%s\"?",
                       STR_ARG(name), nearest->name.p);
    return err_why(why, ATR_EUNKNOWN, "unknown setting \"%.*s\"", STR_ARG(name));
}

static int check_count(const struct setting *t, str json, int64_t *number, char *why)
{
    int err = json_integer(json, number);

    if (err < 0)
        return err_why(why, err, "setting \"%s\" must be a whole number, not %.*s", t->name.p,
                       STR_ARG(json));
    if (*number < t->min || *number > t->max)
        return err_why(why, ATR_ERANGE,
                       "setting \"%s\" must be between %" PRId64 " and %" PRId64 ", not %" PRId64,
                       t->name.p, t->min, t->max, *number);
    return 0;
}

static int check_text(enum setting_name n, str json, char *why)
{
    struct buf scratch = BUF_MAX(0);
    str text;
    int err = 0;

    if (json_string(json, &scratch, &text) < 0)
        err = err_why(why, ATR_ETYPE, "setting \"%s\" must be a text, not %.*s", table[n].name.p,
                      STR_ARG(json));
    else if (memchr(text.p, 0, text.n))
        err = err_why(why, ATR_ETYPE, "setting \"%s\" holds a zero character", table[n].name.p);
    else if (n == SET_logFormat && !str_eq(text, STR("text")) && !str_eq(text, STR("json")))
        err = err_why(why, ATR_ERANGE, "setting \"logFormat\" must be text or json");
    else if (n == SET_loadBalancing && !str_eq(text, STR("least-connection")) &&
             !str_eq(text, STR("round-robin")) && !str_eq(text, STR("random")))
        err = err_why(why, ATR_ERANGE,
                      "setting \"loadBalancing\" must be least-connection, round-robin or random, "
                      "not %.*s",
                      STR_ARG(text));
    else if (n == SET_store && !str_eq(text, STR("auto")) && !str_eq(text, STR("memory")) &&
             !str_eq(text, STR("centre")))
        err = err_why(why, ATR_ERANGE, "setting \"store\" must be auto, memory or centre, not %.*s",
                      STR_ARG(text));
    else if (n == SET_storeName && text.n > 128)
        err = err_why(why, ATR_ERANGE, "setting \"storeName\" has at most 128 bytes");
    else if (n == SET_parser && shapes_parser(json, NULL) < 0)
        err =
            err_why(why, ATR_ERANGE,
                    "setting \"parser\" must be default, msgpack or auto, not %.*s", STR_ARG(text));
    else if (n == SET_metrics && text.n && (text.p[0] != '/' || text.n > 250))
        err = err_why(why, ATR_ERANGE, "setting \"metrics\" must be empty or begin with a slash");
    else if (n == SET_path && (text.n == 0 || text.p[0] != '/' || text.n > 512))
        err = err_why(why, ATR_ERANGE, "setting \"path\" must begin with a slash");
    else if (n == SET_logLevel) {
        char *level = str_dup(text);
        if (log_level_parse(level) < 0)
            err = err_why(why, ATR_ERANGE,
                          "setting \"logLevel\" must be debug, info, warn or error, not %s", level);
        mem_free(level);
    } else if (n == SET_tlsClientCert && !str_eq(text, STR("none")) &&
               !str_eq(text, STR("request")) && !str_eq(text, STR("require")))
        err = err_why(why, ATR_ERANGE,
                      "setting \"tlsClientCert\" must be none, request or require, not %.*s",
                      STR_ARG(text));
    buf_free(&scratch);
    return err;
}

static int check(enum setting_name n, str json, int64_t *number, char *why)
{
    enum json_type type = json_type_of(json);

    switch (table[n].kind) {
    case SETTING_COUNT:
        return check_count(&table[n], json, number, why);
    case SETTING_BOOL:
        if (type != JSON_TRUE && type != JSON_FALSE)
            return err_why(why, ATR_ETYPE, "setting \"%s\" must be true or false, not %.*s",
                           table[n].name.p, STR_ARG(json));
        *number = type == JSON_TRUE;
        return 0;
    case SETTING_TEXT:
        return check_text(n, json, why);
    case SETTING_SHAPE:
        return shape_check(n, json, why);
    }
    return ATR_ETYPE;
}

int settings_set(struct settings *s, enum setting_scope least, str name, str json,
                 atr_source source, char *why)
{
    size_t n = 0;
    int64_t number = 0;
    int err;

    while (n < SETTINGS_COUNT && (table[n].scope < least || !str_eq(table[n].name, name)))
        n++;
    if (n == SETTINGS_COUNT)
        return unknown(least, name, why);
    json = str_trim(json);
    if ((err = json_check(json, JSON_DEPTH)) < 0)
        return err_why(why, err, "setting \"%.*s\": %.*s is not valid JSON", STR_ARG(name),
                       STR_ARG(json));
    if ((err = check((enum setting_name)n, json, &number, why)) < 0)
        return err;
    struct setting_value *v = &s->values[n];
    if (v->source > source)
        return 0;
    mem_free(v->json);
    *v = (struct setting_value){ .json = str_dup(json), .number = number, .source = source };
    return 1;
}

const char *settings_name(enum setting_name n)
{
    return table[n].name.p;
}

const char *settings_help(enum setting_name n)
{
    return table[n].help;
}

enum setting_kind settings_kind(enum setting_name n)
{
    return table[n].kind;
}

void settings_range(enum setting_name n, int64_t *min, int64_t *max)
{
    *min = table[n].min;
    *max = table[n].max;
}

str settings_json(const struct settings *s, enum setting_name n)
{
    return str_of(s->values[n].json ? s->values[n].json : table[n].dflt);
}

int64_t settings_number(const struct settings *s, enum setting_name n)
{
    return s->values[n].number;
}

const char *settings_text(struct settings *s, enum setting_name n, char *out, size_t size)
{
    struct buf scratch = { 0 };
    str text = { 0 };

    ASSERT(json_string(settings_json(s, n), &scratch, &text) == 0);
    if (text.n >= size)
        text.n = size - 1;
    if (text.n)
        memcpy(out, text.p, text.n);
    out[text.n] = 0;
    buf_free(&scratch);
    return out;
}
