/* fuzz/fuzz_json.c - any bytes as JSON.
 *
 * What json_check() accepts is read by the pull reader and written again: the copy is JSON, and
 * reading and writing it once more changes nothing. The views agree with the reader. On what it
 * refuses, everything stays in bounds and comes to an end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "fuzz.h"
#include "proto/sio_packet.h"

static struct buf scratch;

/* Writes the text again without white space. Returns the last token: END, or BAD. */
static enum json_token rewrite(str text, struct buf *out, size_t *tokens)
{
    struct json_reader r;
    bool first = true; /* no comma in front */
    enum json_token t;

    buf_clear(out);
    *tokens = 0;
    json_reader_init(&r, text, &scratch);
    while ((t = json_reader_next(&r)) != JSON_T_END && t != JSON_T_BAD) {
        bool ends = t == JSON_T_ARRAY_END || t == JSON_T_OBJECT_END;
        ASSERT(++*tokens <= text.n);
        ASSERT(r.depth <= JSON_DEPTH);
        if (!first && !ends)
            buf_byte(out, ',');
        first = t == JSON_T_ARRAY || t == JSON_T_OBJECT || t == JSON_T_KEY;
        if (t == JSON_T_NUMBER) {
            json_write_number(out, r.number);
        } else if (t == JSON_T_STRING || t == JSON_T_KEY) {
            json_write_string(out, r.string);
            if (t == JSON_T_KEY)
                buf_byte(out, ':');
        } else {
            static const str marks[] = {
                [JSON_T_NULL] = { "null", 4 },    [JSON_T_FALSE] = { "false", 5 },
                [JSON_T_TRUE] = { "true", 4 },    [JSON_T_ARRAY] = { "[", 1 },
                [JSON_T_ARRAY_END] = { "]", 1 },  [JSON_T_OBJECT] = { "{", 1 },
                [JSON_T_OBJECT_END] = { "}", 1 },
            };
            buf_add(out, marks[t]);
        }
    }
    return t;
}

/* Counts values and keys as rewrite() does, ends of containers included. */
static size_t walk(str value, bool checked)
{
    enum json_type type = json_type_of(value);
    size_t count = 1, elements = 0;
    struct json_iter it;
    double number;
    int64_t integer;
    str text;

    buf_clear(&scratch);
    int as_string = json_string(value, &scratch, &text);
    int as_number = json_number(value, &number);
    (void)sio_placeholder(value);
    if (json_integer(value, &integer) == 0)
        ASSERT((double)integer == number);
    if (checked) {
        ASSERT((as_string == 0) == (type == JSON_STRING));
        ASSERT((as_number == 0) == (type == JSON_NUMBER));
        if (as_string == 0)
            ASSERT(json_string_is(value, text));
    }
    json_iter_init(&it, value);
    while (json_iter_next(&it)) {
        ASSERT(it.value.n > 0 && it.value.p >= value.p);
        ASSERT(it.value.p + it.value.n <= value.p + value.n);
        ASSERT(++elements <= value.n);
        if (checked)
            count += walk(it.value, true) + (it.object ? 1 : 0);
    }
    return count + (type == JSON_ARRAY || type == JSON_OBJECT ? 1 : 0);
}

/* The text without white space around it, so that json_number() sees a token. */
static str trim(str s)
{
    while (s.n && memchr(" \t\r\n", s.p[s.n - 1], 4))
        s.n--;
    while (s.n && memchr(" \t\r\n", s.p[0], 4))
        s.p++, s.n--;
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf once, twice;
    size_t tokens;
    str text = { fuzz_copy(data, n), n };

    if (json_check(text, JSON_DEPTH) == 0) {
        ASSERT(rewrite(text, &once, &tokens) == JSON_T_END);
        ASSERT(walk(trim(text), true) == tokens);
        ASSERT(json_check(buf_str(&once), JSON_DEPTH) == 0);
        ASSERT(rewrite(buf_str(&once), &twice, &tokens) == JSON_T_END);
        ASSERT(str_eq(buf_str(&once), buf_str(&twice)));
    } else {
        (void)rewrite(text, &once, &tokens);
        (void)walk(text, false);
        (void)json_get(text, STR("a"));
    }
    /* any bytes, quoted, are JSON */
    buf_clear(&once);
    json_write_string(&once, text);
    ASSERT(json_check(buf_str(&once), 0) == 0);
    free((void *)text.p);
    return 0;
}
