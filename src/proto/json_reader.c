/* proto/json_reader.c - JSON text as a stream of tokens, for building values of another language.
 *
 * One call, one token; nothing is kept but a bit per open container. Unlike the walks of
 * json_value.c it notices broken text (JSON_T_BAD, for good), but it does not replace json_check():
 * numbers and literals are only recognised, and UTF-8 is not looked at.
 *
 * Start reading at json_reader_next().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "proto/json_scan.h"

/* What may come next. */
enum {
    AT_VALUE,     /* a value, and nothing else */
    AT_FIRST,     /* behind [: a value or the end */
    AT_FIRST_KEY, /* behind {: a name or the end */
    AT_KEY,       /* behind a comma in an object: a name */
    BEHIND_VALUE, /* a comma or an end */
    BROKEN
};

void json_reader_init(struct json_reader *r, str text, struct buf *scratch)
{
    *r = (struct json_reader){ .at = text.p, .end = json_end_of(text), .scratch = scratch };
}

static bool in_object(const struct json_reader *r)
{
    unsigned top = r->depth - 1;
    return r->stack[top / 8] >> (top % 8) & 1;
}

static enum json_token broken(struct json_reader *r)
{
    r->state = BROKEN;
    return JSON_T_BAD;
}

static enum json_token enter(struct json_reader *r, bool object)
{
    uint8_t bit = (uint8_t)(1u << (r->depth % 8)), *byte;

    if (r->depth == JSON_DEPTH)
        return broken(r);
    byte = &r->stack[r->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    r->depth++;
    r->at++;
    r->state = object ? AT_FIRST_KEY : AT_FIRST;
    return object ? JSON_T_OBJECT : JSON_T_ARRAY;
}

static enum json_token leave(struct json_reader *r)
{
    bool object = in_object(r);

    if (*r->at != (object ? '}' : ']'))
        return broken(r);
    r->at++;
    r->depth--;
    r->state = BEHIND_VALUE;
    return object ? JSON_T_OBJECT_END : JSON_T_ARRAY_END;
}

/* Cuts the token at r->at; empty when none starts there. */
static str take(struct json_reader *r)
{
    const char *start = r->at;

    r->at = json_skip_value(start, r->end);
    return str_n(start, (size_t)(r->at - start));
}

static bool read_string(struct json_reader *r)
{
    buf_clear(r->scratch);
    return json_string(take(r), r->scratch, &r->string) == 0;
}

static enum json_token read_key(struct json_reader *r)
{
    if (*r->at != '"' || !read_string(r))
        return broken(r);
    r->at = json_skip_space(r->at, r->end);
    if (r->at == r->end || *r->at != ':')
        return broken(r);
    r->at++;
    r->state = AT_VALUE;
    return JSON_T_KEY;
}

static enum json_token read_value(struct json_reader *r)
{
    str token;

    if (*r->at == '[' || *r->at == '{')
        return enter(r, *r->at == '{');
    r->state = BEHIND_VALUE;
    if (*r->at == '"')
        return read_string(r) ? JSON_T_STRING : broken(r);
    token = take(r);
    if (str_eq(token, STR("null")))
        return JSON_T_NULL;
    if (str_eq(token, STR("true")))
        return JSON_T_TRUE;
    if (str_eq(token, STR("false")))
        return JSON_T_FALSE;
    return json_number(token, &r->number) == 0 ? JSON_T_NUMBER : broken(r);
}

/* Behind a value: steps over a comma. False when the container (or the text) ends here instead. */
static bool take_comma(struct json_reader *r)
{
    if (r->depth == 0 || *r->at != ',')
        return false;
    r->at = json_skip_space(r->at + 1, r->end);
    r->state = in_object(r) ? AT_KEY : AT_VALUE;
    return true;
}

enum json_token json_reader_next(struct json_reader *r)
{
    r->at = json_skip_space(r->at, r->end);
    if (r->at < r->end && r->state == BEHIND_VALUE && !take_comma(r))
        return r->depth > 0 ? leave(r) : broken(r);
    if (r->at == r->end)
        return r->state == BEHIND_VALUE && r->depth == 0 ? JSON_T_END : broken(r);

    switch (r->state) {
    case AT_FIRST:
        return *r->at == ']' ? leave(r) : read_value(r);
    case AT_VALUE:
        return read_value(r);
    case AT_FIRST_KEY:
        return *r->at == '}' ? leave(r) : read_key(r);
    case AT_KEY:
        return read_key(r);
    default:
        return broken(r);
    }
}
