/* app/yaml_text.c - YAML as JSON text: events of libyaml written as what they mean by the core
 * schema.
 *
 * Start reading at yaml_to_json().
 *
 * SPDX-License-Identifier: MIT
 */
#include "app/yaml_text.h"

#include <errno.h>
#include <string.h>

#include "proto/json.h"

enum { DEPTH_MAX = 32 };

int yaml_wrong(struct yaml *y, const yaml_mark_t *mark, int code, const char *what)
{
    return err_why(y->why, code, "%s:%zu: %s", y->path, mark->line + 1, what);
}

int yaml_next(struct yaml *y, yaml_event_t *e)
{
    if (yaml_parser_parse(&y->parser, e))
        return 0;
    return err_why(y->why, ATR_ESYNTAX, "%s:%zu: %s", y->path, y->parser.problem_mark.line + 1,
                   y->parser.problem ? y->parser.problem : "not valid YAML");
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

static int write_node(struct yaml *y, struct buf *out, const yaml_event_t *e, unsigned depth);

/* The items of a sequence or mapping up to its end. */
static int write_items(struct yaml *y, struct buf *out, bool mapping, unsigned depth)
{
    yaml_event_type_t end = mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    yaml_event_t e;
    int err = 0;

    buf_byte(out, mapping ? '{' : '[');
    for (size_t count = 0; err == 0; count++) {
        if ((err = yaml_next(y, &e)) < 0)
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
            err = yaml_wrong(y, &e.start_mark, ATR_ETYPE, "a key must be a plain name");
        else if (mapping && count % 2 == 0)
            json_write_string(out, str_n(e.data.scalar.value, e.data.scalar.length));
        else
            err = write_node(y, out, &e, depth);
        yaml_event_delete(&e);
    }
    buf_byte(out, mapping ? '}' : ']');
    return err;
}

static int write_node(struct yaml *y, struct buf *out, const yaml_event_t *e, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return yaml_wrong(y, &e->start_mark, ATR_ELIMIT, "nested too deeply");
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        write_scalar(out, e);
        return 0;
    case YAML_SEQUENCE_START_EVENT:
        return write_items(y, out, false, depth + 1);
    case YAML_MAPPING_START_EVENT:
        return write_items(y, out, true, depth + 1);
    case YAML_ALIAS_EVENT:
        return yaml_wrong(y, &e->start_mark, ATR_ESYNTAX, "aliases are not supported");
    default:
        return yaml_wrong(y, &e->start_mark, ATR_ESYNTAX, "a value is missing");
    }
}

int yaml_write(struct yaml *y, struct buf *out, const yaml_event_t *e)
{
    return write_node(y, out, e, 0);
}

int yaml_open(struct yaml *y, const char *path, char *why)
{
    int err;

    *y = (struct yaml){ .path = path, .why = why, .file = fopen(path, "re") };
    if (!y->file) {
        err = -errno;
        return err_why(why, err, "cannot read %s: %s", path, strerror(-err));
    }
    if (!yaml_parser_initialize(&y->parser)) {
        fclose(y->file);
        return err_why(why, -ENOMEM, "cannot read %s: out of memory", path);
    }
    yaml_parser_set_input_file(&y->parser, y->file);
    return 0;
}

void yaml_close(struct yaml *y)
{
    yaml_parser_delete(&y->parser);
    fclose(y->file);
}

/* The one document of the file; none at all is null. */
static int write_document(struct yaml *y, struct buf *out)
{
    unsigned documents = 0;
    yaml_event_t e;
    int err = 0;

    for (bool done = false; err == 0 && !done;) {
        if ((err = yaml_next(y, &e)) < 0)
            break;
        if (e.type == YAML_STREAM_END_EVENT)
            done = true;
        else if (e.type == YAML_DOCUMENT_START_EVENT && documents++)
            err = yaml_wrong(y, &e.start_mark, ATR_ESYNTAX, "one document per file");
        else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT &&
                 e.type != YAML_DOCUMENT_END_EVENT)
            err = yaml_write(y, out, &e);
        yaml_event_delete(&e);
    }
    if (err == 0 && !documents)
        buf_add(out, STR("null"));
    return err;
}

int yaml_to_json(const char *path, struct buf *out, char *why)
{
    struct yaml y;
    int err = yaml_open(&y, path, why);

    if (err < 0)
        return err;
    err = write_document(&y, out);
    yaml_close(&y);
    return err;
}
