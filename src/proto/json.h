/* proto/json.h - JSON (RFC 8259): a check, views and a pull reader over checked text, a writer.
 *
 * Values stay text: a server forwards what clients sent byte for byte, and decodes only what an
 * application looks at. Text must be UTF-8. Depth is limited by the caller (JSON_DEPTH by default).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { JSON_DEPTH = 256 };

enum json_type {
    JSON_NONE,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* Checks that text is exactly one JSON value (white space around it allowed), valid UTF-8, at most
 * `depth` containers deep (JSON_DEPTH when that is less). ATR_ESYNTAX, ATR_EENCODING or ATR_ELIMIT.
 */
int json_check(str text, unsigned depth) MUST_CHECK;

/* --- Reader. Works on text that json_check() accepted, or that json_write_*() made; on other text
 * it stays within bounds but its answers mean nothing. --- */

/* The type of the value at the front of text (after white space). */
enum json_type json_type_of(str text);

/* Walks the elements of an array or the members of an object.
 *   struct json_iter it; json_iter_init(&it, text);
 *   while (json_iter_next(&it)) use(it.key, it.value);
 * value is the element's text without surrounding white space; key is the raw string token with its
 * quotes (object only). A text of another type has no elements. */
struct json_iter {
    const char *at, *end;
    str key, value;
    bool object;
};
void json_iter_init(struct json_iter *it, str container);
bool json_iter_next(struct json_iter *it);

/* The text of element `index`, or of the *last* member called `name` (JavaScript's rule); p == NULL
 * when there is none. */
str json_at(str array, size_t index);
str json_get(str object, str name);
size_t json_count(str container);

/* Numbers: any JSON number. ATR_ETYPE otherwise. */
int json_number(str value, double *out) MUST_CHECK;
/* Integers: a number without fraction within int64; ATR_ETYPE or ATR_ERANGE otherwise. */
int json_integer(str value, int64_t *out) MUST_CHECK;

/* Unescapes a string token (with its quotes). When it has no escapes, *out points into the token
 * and nothing is copied; otherwise the characters go behind scratch->len. A lone surrogate escape
 * becomes its three-byte form's replacement U+FFFD. ATR_ETYPE when value is no string. */
int json_string(str value, struct buf *scratch, str *out) MUST_CHECK;
/* Whether a string token (with quotes) equals plain text, without copying. */
bool json_string_is(str value, str plain);

/* --- Pull reader for building values of another language in one pass (the script layer). Each call
 * reads one token; containers are entered and left explicitly. Works on checked text. --- */
enum json_token {
    JSON_T_END,
    JSON_T_NULL,
    JSON_T_FALSE,
    JSON_T_TRUE,
    JSON_T_NUMBER,
    JSON_T_STRING,
    JSON_T_ARRAY,
    JSON_T_ARRAY_END,
    JSON_T_OBJECT,
    JSON_T_OBJECT_END,
    JSON_T_KEY,
    JSON_T_BAD
};
struct json_reader {
    const char *at, *end;
    struct buf *scratch; /* where escaped strings are unescaped to; cleared per token */
    str string;          /* of a STRING or KEY: unescaped, valid until the next token */
    double number;       /* of a NUMBER */
    unsigned depth;
    uint8_t state;                       /* internal */
    uint8_t stack[(JSON_DEPTH + 7) / 8]; /* a bit per level: object or array */
};
void json_reader_init(struct json_reader *r, str text, struct buf *scratch);
enum json_token json_reader_next(struct json_reader *r);

/* --- Writer: appends to a buffer; commas are the caller's. --- */
/* A quoted string; escapes ", \ and control characters only, as JSON.stringify does; bytes that are
 * not UTF-8 become U+FFFD. */
void json_write_string(struct buf *b, str s);
/* As JSON.stringify: shortest round-trip form, integers without fraction, NaN and infinities null.
 */
void json_write_number(struct buf *b, double n);
void json_write_integer(struct buf *b, int64_t n);

#endif
