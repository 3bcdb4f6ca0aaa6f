/* super/fields.c - see fields.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/fields.h"

#include "proto/json.h"

void field_comma(struct buf *b)
{
    uint8_t last = b->len ? b->data[b->len - 1] : '{';

    if (last != '{' && last != '[')
        buf_byte(b, ',');
}

void field_key(struct buf *b, const char *key)
{
    field_comma(b);
    json_write_string(b, str_of(key));
    buf_byte(b, ':');
}

void field_text(struct buf *b, const char *key, const char *text)
{
    field_key(b, key);
    if (text)
        json_write_string(b, str_of(text));
    else
        buf_add(b, STR("null"));
}

void field_number(struct buf *b, const char *key, int64_t n)
{
    field_key(b, key);
    json_write_integer(b, n);
}

void field_bool(struct buf *b, const char *key, bool yes)
{
    field_key(b, key);
    buf_add(b, yes ? STR("true") : STR("false"));
}

void field_json(struct buf *b, const char *key, str json)
{
    field_key(b, key);
    buf_add(b, json);
}

int64_t field_get_number(str object, const char *key, int64_t dflt)
{
    str value = json_get(object, str_of(key));
    int64_t n;

    return value.p && json_integer(value, &n) == 0 ? n : dflt;
}

bool field_get_bool(str object, const char *key)
{
    str value = json_get(object, str_of(key));

    return value.p && json_type_of(value) == JSON_TRUE;
}

char *field_get_text(str object, const char *key)
{
    str value = json_get(object, str_of(key)), text;
    struct buf scratch = { 0 };
    char *copy = NULL;

    if (value.p && json_string(value, &scratch, &text) == 0)
        copy = str_dup(text);
    buf_free(&scratch);
    return copy;
}

bool field_is(str object, const char *key, const char *text)
{
    str value = json_get(object, str_of(key));

    return value.p && json_type_of(value) == JSON_STRING && json_string_is(value, str_of(text));
}
