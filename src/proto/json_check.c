/* proto/json_check.c - is this text one JSON value? (RFC 8259)
 *
 * Runs on every message that a client sends, so: one pass, no recursion, no allocation, strings
 * eight bytes at a time. Bytes above 0x7f may stand only in strings; when one was seen the whole
 * text is checked as UTF-8 once at the end, so ASCII pays nothing for it.
 *
 * Start reading at json_check().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include <assert.h>

#include "base/utf8.h"
#include "proto/json_scan.h"

struct check {
    const char *end;
    uint64_t seen; /* string bytes or-ed together; top bits tell of non-ASCII */
    unsigned depth, depth_max;
    uint64_t objects[JSON_DEPTH / 64]; /* a bit per open container: set for an object */
};

static_assert(JSON_DEPTH % 64 == 0, "a whole word of levels");

static void enter(struct check *c, bool object)
{
    uint64_t bit = UINT64_C(1) << (c->depth % 64), *word = &c->objects[c->depth / 64];

    *word = object ? *word | bit : *word & ~bit;
    c->depth++;
}

static bool in_object(const struct check *c)
{
    unsigned top = c->depth - 1;
    return c->objects[top / 64] >> (top % 64) & 1;
}

/* The scanners below take the position of their first byte and return the one behind their last, or
 * NULL when the text is not well formed. */

/* 7: what may follow a backslash. A lone surrogate is well formed. */
static const char *escape(const char *p, const char *end)
{
    if (p == end)
        return NULL;
    switch (*p++) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p;
    case 'u':
        if (end - p < 4)
            return NULL;
        for (int i = 0; i < 4; i++, p++) {
            char lower = (char)(*p | 0x20);
            if (!json_is_digit(*p) && (lower < 'a' || lower > 'f'))
                return NULL;
        }
        return p;
    default:
        return NULL;
    }
}

/* Behind the opening quote. */
static const char *string(struct check *c, const char *p)
{
    const char *end = c->end;

    for (;;) {
        while (end - p >= JSON_WORD) {
            uint64_t x = json_load(p), stops = json_stops(x);
            c->seen |= x;
            if (stops) {
                p += json_stop_at(stops);
                break;
            }
            p += JSON_WORD;
        }
        if (p == end)
            return NULL;
        uint8_t byte = (uint8_t)*p++;
        c->seen |= byte;
        if (byte == '"')
            return p;
        if (byte == '\\') {
            if (!(p = escape(p, end)))
                return NULL;
        } else if (byte < 0x20) {
            return NULL;
        }
    }
}

static const char *digits(const char *p, const char *end)
{
    if (p == end || !json_is_digit(*p))
        return NULL;
    do
        p++;
    while (p < end && json_is_digit(*p));
    return p;
}

/* 6: no leading zeros, no bare point, no plus in front. */
static const char *number(const char *p, const char *end)
{
    if (*p == '-' && ++p == end)
        return NULL;
    if (*p == '0')
        p++;
    else if (!(p = digits(p, end)))
        return NULL;
    if (p < end && *p == '.' && !(p = digits(p + 1, end)))
        return NULL;
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = digits(p, end);
    }
    return p;
}

static const char *literal(const char *p, const char *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static const char *scalar(struct check *c, const char *p)
{
    switch (*p) {
    case '"':
        return string(c, p + 1);
    case 't':
        return literal(p, c->end, "true", 4);
    case 'f':
        return literal(p, c->end, "false", 5);
    case 'n':
        return literal(p, c->end, "null", 4);
    default:
        return number(p, c->end);
    }
}

/* A member's name and its colon, white space in front allowed. */
static const char *key(struct check *c, const char *p)
{
    p = json_skip_space(p, c->end);
    if (p == c->end || *p != '"' || !(p = string(c, p + 1)))
        return NULL;
    p = json_skip_space(p, c->end);
    return p < c->end && *p == ':' ? p + 1 : NULL;
}

/* Behind a value: leaves the containers that end here. Returns where the next value starts, or,
 * when the outermost has ended, the end of the text. */
static const char *behind(struct check *c, const char *p)
{
    for (;;) {
        p = json_skip_space(p, c->end);
        if (c->depth == 0 || p == c->end)
            return c->depth == 0 && p == c->end ? p : NULL;
        bool object = in_object(c);
        if (*p == ',')
            return object ? key(c, p + 1) : p + 1;
        if (*p != (object ? '}' : ']'))
            return NULL;
        p++;
        c->depth--;
    }
}

static int walk(struct check *c, const char *p)
{
    do {
        p = json_skip_space(p, c->end);
        if (p == c->end)
            return ATR_ESYNTAX;
        if (*p == '[' || *p == '{') {
            bool object = *p == '{';
            if (c->depth == c->depth_max)
                return ATR_ELIMIT;
            enter(c, object);
            p = json_skip_space(p + 1, c->end);
            if (p < c->end && *p == (object ? '}' : ']')) {
                p = behind(c, p);
            } else if (object) {
                p = key(c, p);
            }
        } else if ((p = scalar(c, p))) {
            p = behind(c, p);
        }
        if (!p)
            return ATR_ESYNTAX;
    } while (c->depth > 0);
    return 0;
}

int json_check(str text, unsigned depth)
{
    struct check c = {
        .end = json_end_of(text),
        .depth_max = depth < JSON_DEPTH ? depth : JSON_DEPTH,
    };
    int err = walk(&c, text.p);

    if (err < 0)
        return err;
    if ((c.seen & JSON_EACH(0x80)) && !utf8_valid(text.p, text.n))
        return ATR_EENCODING;
    return 0;
}
