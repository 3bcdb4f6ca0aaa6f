/* app/config_file.c - atrium.yaml: top-level keys are settings.
 *
 *     port: 3000
 *     pingInterval: 25000
 *     cors: { origin: "https://example.com" }
 *
 * The keys apps, servers, store and bus belong to supervised processes, further listeners, stores
 * and buses; a file that has them is refused rather than half obeyed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "app/sources.h"
#include "base/buf.h"
#include "proto/json.h"

enum { DEPTH_MAX = 32 };

struct config_file {
    yaml_parser_t parser;
    atr_app *app;
    const char *path;
    char *why;
    struct buf seen; /* names of the settings so far, each followed by a zero */
};

static int wrong(struct config_file *f, const yaml_mark_t *mark, int code, const char *what)
{
    return err_why(f->why, code, "%s:%zu: %s", f->path, mark->line + 1, what);
}

static int next_event(struct config_file *f, yaml_event_t *e)
{
    if (yaml_parser_parse(&f->parser, e))
        return 0;
    return err_why(f->why, ATR_ESYNTAX, "%s:%zu: %s", f->path, f->parser.problem_mark.line + 1,
                   f->parser.problem ? f->parser.problem : "not valid YAML");
}

/* A plain scalar by YAML's core schema; a quoted one is always a text. */
static void write_scalar(struct buf *out, const yaml_event_t *e)
{
    str s = str_n(e->data.scalar.value, e->data.scalar.length);
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    enum json_type type = plain && json_check(s, 1) == 0 ? json_type_of(s) : JSON_STRING;

    if (plain && (s.n == 0 || str_eq(s, STR("~"))))
        buf_add(out, STR("null"));
    else if (plain && (str_ieq(s, STR("true")) || str_ieq(s, STR("false"))))
        buf_add(out, str_ieq(s, STR("true")) ? STR("true") : STR("false"));
    else if (type == JSON_NUMBER || type == JSON_NULL)
        buf_add(out, s);
    else
        json_write_string(out, s);
}

static int write_node(struct config_file *f, struct buf *out, yaml_event_t *e, unsigned depth);

/* The items of a sequence or mapping up to its end. */
static int write_items(struct config_file *f, struct buf *out, bool mapping, unsigned depth)
{
    yaml_event_type_t end = mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    yaml_event_t e;
    int err = 0;

    buf_byte(out, mapping ? '{' : '[');
    for (size_t count = 0; err == 0; count++) {
        if ((err = next_event(f, &e)) < 0)
            return err;
        if (e.type == end) {
            yaml_event_delete(&e);
            break;
        }
        if (mapping && count % 2)
            buf_byte(out, ':');
        else if (count)
            buf_byte(out, ',');
        if (mapping && count % 2 == 0 && e.type != YAML_SCALAR_EVENT)
            err = wrong(f, &e.start_mark, ATR_ETYPE, "a key must be a plain name");
        else if (mapping && count % 2 == 0)
            json_write_string(out, str_n(e.data.scalar.value, e.data.scalar.length));
        else
            err = write_node(f, out, &e, depth);
        yaml_event_delete(&e);
    }
    buf_byte(out, mapping ? '}' : ']');
    return err;
}

static int write_node(struct config_file *f, struct buf *out, yaml_event_t *e, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return wrong(f, &e->start_mark, ATR_ELIMIT, "nested too deeply");
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        write_scalar(out, e);
        return 0;
    case YAML_SEQUENCE_START_EVENT:
        return write_items(f, out, false, depth + 1);
    case YAML_MAPPING_START_EVENT:
        return write_items(f, out, true, depth + 1);
    case YAML_ALIAS_EVENT:
        return wrong(f, &e->start_mark, ATR_ESYNTAX, "aliases are not supported");
    default:
        return wrong(f, &e->start_mark, ATR_ESYNTAX, "a value is missing");
    }
}

static int check_name(struct config_file *f, const yaml_event_t *key, str name)
{
    static const char *const reserved[] = { "apps", "servers", "store", "bus" };

    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (str_eq(name, str_of(reserved[i])))
            return err_why(f->why, ATR_EUNKNOWN, "%s:%zu: \"%s\" is not supported by this version",
                           f->path, key->start_mark.line + 1, reserved[i]);
    for (size_t at = 0; at < f->seen.len;) {
        str seen = str_of((const char *)f->seen.data + at);
        if (str_eq(seen, name))
            return err_why(f->why, ATR_EEXISTS, "%s:%zu: \"%.*s\" stands twice", f->path,
                           key->start_mark.line + 1, STR_ARG(name));
        at += seen.n + 1;
    }
    buf_append(&f->seen, name.p, name.n);
    buf_byte(&f->seen, 0);
    return 0;
}

/* One "name: value" of the top level. */
static int read_setting(struct config_file *f, const yaml_event_t *key)
{
    str name = str_n(key->data.scalar.value, key->data.scalar.length);
    struct buf json = { 0 };
    yaml_event_t e;
    int err = check_name(f, key, name);

    if (err < 0 || (err = next_event(f, &e)) < 0)
        return err;
    err = write_node(f, &json, &e, 0);
    yaml_event_delete(&e);
    if (err == 0) {
        err = atr_app_set(f->app, (atr_str){ name.p, name.n },
                          (atr_str){ (const char *)json.data, json.len }, ATR_FILE, f->why);
        if (err < 0)
            err = err_wrap(f->why, err, "%s:%zu", f->path, key->start_mark.line + 1);
    }
    buf_free(&json);
    return err;
}

static int read_settings(struct config_file *f)
{
    yaml_event_t e;
    bool inside = false, done = false;
    int err = 0;

    while (err == 0 && !done) {
        if ((err = next_event(f, &e)) < 0)
            break;
        if (e.type == YAML_STREAM_END_EVENT || (inside && e.type == YAML_MAPPING_END_EVENT))
            done = true;
        else if (!inside && e.type == YAML_MAPPING_START_EVENT)
            inside = true;
        else if (inside && e.type == YAML_SCALAR_EVENT)
            err = read_setting(f, &e);
        else if (inside)
            err = wrong(f, &e.start_mark, ATR_ETYPE, "a key must be a plain name");
        else if (e.type == YAML_SEQUENCE_START_EVENT ||
                 (e.type == YAML_SCALAR_EVENT && e.data.scalar.length))
            err = wrong(f, &e.start_mark, ATR_ETYPE, "the file must be a mapping of settings");
        yaml_event_delete(&e);
    }
    return err;
}

int config_file_read(atr_app *app, const char *path, char *why)
{
    struct config_file f = { .app = app, .path = path ? path : "atrium.yaml", .why = why };
    FILE *file = fopen(f.path, "re");
    int err;

    if (!file && !path && errno == ENOENT)
        return 0;
    if (!file) {
        err = -errno;
        return err_why(why, err, "cannot read %s: %s", f.path, strerror(-err));
    }
    if (!yaml_parser_initialize(&f.parser)) {
        fclose(file);
        return err_why(why, -ENOMEM, "cannot read %s: out of memory", f.path);
    }
    yaml_parser_set_input_file(&f.parser, file);
    err = read_settings(&f);
    yaml_parser_delete(&f.parser);
    buf_free(&f.seen);
    fclose(file);
    return err;
}
