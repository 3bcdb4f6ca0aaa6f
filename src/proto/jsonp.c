/* proto/jsonp.c - see jsonp.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/jsonp.h"

#include "base/utf8.h"
#include "proto/http1.h"
#include "proto/json.h"

enum { SEPARATOR_BYTES = 3, ESCAPE_CHARS = 6 };

/* U+2028 or U+2029 at p. */
static bool is_separator(const uint8_t *p, const uint8_t *end)
{
    return end - p >= SEPARATOR_BYTES && p[0] == 0xe2 && p[1] == 0x80 && (p[2] | 1) == 0xa9;
}

/* Replaces the separators from `start` on by escapes. The text grows, so it is moved from its end
 * on, each byte once. */
static void escape_separators(struct buf *b, size_t start)
{
    size_t count = 0;
    uint8_t *from, *to, *end;

    if (!memchr(b->data + start, 0xe2, b->len - start))
        return;
    end = b->data + b->len;
    for (from = b->data + start; from < end; from++)
        count += is_separator(from, end);
    if (count == 0)
        return;
    (void)buf_extend(b, count * (ESCAPE_CHARS - SEPARATOR_BYTES));
    to = b->data + b->len;
    from = to - count * (ESCAPE_CHARS - SEPARATOR_BYTES);
    while (from < to) {
        if (is_separator(from - SEPARATOR_BYTES, from)) {
            from -= SEPARATOR_BYTES;
            to -= ESCAPE_CHARS;
            memcpy(to, from[2] == 0xa8 ? "\\u2028" : "\\u2029", ESCAPE_CHARS);
        } else {
            *--to = *--from;
        }
    }
}

void jsonp_wrap(struct buf *out, str index, str payload)
{
    size_t start;

    buf_add(out, STR("___eio["));
    for (size_t i = 0; i < index.n; i++)
        if (index.p[i] >= '0' && index.p[i] <= '9')
            buf_byte(out, (uint8_t)index.p[i]);
    buf_add(out, STR("]("));
    start = out->len;
    json_write_string(out, payload);
    escape_separators(out, start);
    buf_add(out, STR(");"));
}

/* The field's value, still escaped. False unless there is exactly one. */
static bool find_field(str body, str name, str *value)
{
    str field, content;
    size_t found = 0;

    while (http1_query_next(&body, &field, &content)) {
        if (str_eq(field, name)) {
            *value = content;
            found++;
        }
    }
    return found == 1;
}

/* Of a run of backslashes in front of an n, one is the client's: alone it makes the n a newline.
 * Returns the new length. */
static size_t restore_newlines(char *text, size_t n)
{
    char *to = text;
    size_t run = 0; /* backslashes right in front */

    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == 'n' && run > 0) {
            to--;
            c = run == 1 ? '\n' : 'n';
        }
        run = c == '\\' ? run + 1 : 0;
        *to++ = c;
    }
    return (size_t)(to - text);
}

enum parse jsonp_unwrap(char *body, size_t n, str *payload)
{
    str value;
    char *text;
    ptrdiff_t length;

    if (!find_field(str_n(body, n), STR("d"), &value))
        return PARSE_BAD;
    text = body + (value.p - body);
    length = http1_unescape(text, value, true);
    if (length < 0 || !utf8_valid(text, (size_t)length))
        return PARSE_BAD;
    *payload = str_n(text, restore_newlines(text, (size_t)length));
    return PARSE_DONE;
}
