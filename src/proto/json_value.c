/* proto/json_value.c - looking into JSON text without building anything: walking containers,
 * picking members, reading strings.
 *
 * Answers are slices of the text. A string is copied only when it has escapes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "proto/json_scan.h"

enum json_type json_type_of(str text)
{
    const char *end = json_end_of(text), *p = json_skip_space(text.p, end);

    if (p == end)
        return JSON_NONE;
    switch (*p) {
    case 'n':
        return JSON_NULL;
    case 'f':
        return JSON_FALSE;
    case 't':
        return JSON_TRUE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return *p == '-' || json_is_digit(*p) ? JSON_NUMBER : JSON_NONE;
    }
}

void json_iter_init(struct json_iter *it, str container)
{
    const char *end = json_end_of(container), *p = json_skip_space(container.p, end);
    bool opens = p < end && (*p == '[' || *p == '{');

    *it = (struct json_iter){
        .at = opens ? p + 1 : end,
        .end = end,
        .object = opens && *p == '{',
    };
}

/* Steps over a member's name and colon; NULL when there is none. */
static const char *take_key(struct json_iter *it, const char *p)
{
    const char *behind = json_skip_value(p, it->end);

    it->key = str_n(p, (size_t)(behind - p));
    p = json_skip_space(behind, it->end);
    if (p == it->end || *p != ':')
        return NULL;
    return json_skip_space(p + 1, it->end);
}

bool json_iter_next(struct json_iter *it)
{
    const char *p = json_skip_space(it->at, it->end), *behind;

    if (p < it->end && *p == ',')
        p = json_skip_space(p + 1, it->end);
    if (p == it->end || *p == ']' || *p == '}')
        goto over;
    if (it->object && !(p = take_key(it, p)))
        goto over;
    behind = json_skip_value(p, it->end);
    if (behind == p)
        goto over;
    it->value = str_n(p, (size_t)(behind - p));
    it->at = behind;
    return true;
over:
    it->at = it->end;
    return false;
}

str json_at(str array, size_t index)
{
    struct json_iter it;

    json_iter_init(&it, array);
    if (it.object)
        return (str){ 0 };
    while (json_iter_next(&it))
        if (index-- == 0)
            return it.value;
    return (str){ 0 };
}

str json_get(str object, str name)
{
    struct json_iter it;
    str found = { 0 };

    json_iter_init(&it, object);
    if (!it.object)
        return found;
    while (json_iter_next(&it))
        if (json_string_is(it.key, name))
            found = it.value; /* the last one wins */
    return found;
}

size_t json_count(str container)
{
    struct json_iter it;
    size_t count = 0;

    json_iter_init(&it, container);
    while (json_iter_next(&it))
        count++;
    return count;
}

/* The characters between the quotes of a token. */
static bool between_quotes(str token, const char **p, const char **end)
{
    if (token.n < 2 || token.p[0] != '"' || token.p[token.n - 1] != '"')
        return false;
    *p = token.p + 1;
    *end = token.p + token.n - 1;
    return true;
}

int json_string(str value, struct buf *scratch, str *out)
{
    const char *p, *end, *slash;
    uint8_t *start, *to;
    int err;

    if (!between_quotes(value, &p, &end))
        return ATR_ETYPE;
    slash = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;
    if (!slash) {
        *out = str_n(p, (size_t)(end - p));
        return 0;
    }
    if ((err = buf_reserve(scratch, value.n)) <
        0) /* no escape is shorter than what it stands for */
        return err;
    start = to = scratch->data + scratch->len;
    while (slash) {
        unsigned bytes = 0;
        memcpy(to, p, (size_t)(slash - p));
        to += slash - p;
        if ((p = slash + 1) == end)
            break;
        p = json_skip_escape(p, end, to, &bytes);
        to += bytes;
        slash = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;
    }
    if (p < end) {
        memcpy(to, p, (size_t)(end - p));
        to += end - p;
    }
    scratch->len += (size_t)(to - start);
    *out = str_n(start, (size_t)(to - start));
    return 0;
}

bool json_string_is(str value, str plain)
{
    const char *p, *end;
    size_t at = 0;

    if (!between_quotes(value, &p, &end) || (size_t)(end - p) < plain.n)
        return false; /* an escape is never shorter than what it stands for */
    while (p < end && at < plain.n) {
        uint8_t out[4];
        unsigned bytes;
        if (*p != '\\' || end - p == 1) {
            if (*p++ != plain.p[at++])
                return false;
            continue;
        }
        p = json_skip_escape(p + 1, end, out, &bytes);
        if (plain.n - at < bytes || memcmp(plain.p + at, out, bytes) != 0)
            return false;
        at += bytes;
    }
    return p == end && at == plain.n;
}
