/* proto/json_scan.c - stepping over strings, escapes and whole values.
 *
 * Nothing here validates: json_check.c does, once, at the edge. On checked text the steps are
 * exact; on any other they only promise to stay in bounds and to move forward.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json_scan.h"

#include "base/utf8.h"

enum { REPLACEMENT = 0xfffd };

/* What ends a number or a literal: a comma, a colon, a bracket, a quote or white space. */
static const bool ends_scalar[256] = {
    [','] = true, [':'] = true, ['['] = true,  [']'] = true,  ['{'] = true,  ['}'] = true,
    ['"'] = true, [' '] = true, ['\n'] = true, ['\r'] = true, ['\t'] = true,
};

const char *json_skip_string(const char *p, const char *end)
{
    p++;
    while (p < end) {
        if (end - p >= JSON_WORD) {
            uint64_t stops = json_stops(json_load(p));
            if (!stops) {
                p += JSON_WORD;
                continue;
            }
            p += json_stop_at(stops);
        }
        if (*p == '"')
            return p + 1;
        p += *p == '\\' && end - p > 1 ? 2 : 1;
    }
    return end;
}

static const char *skip_container(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        switch (*p) {
        case '"':
            p = json_skip_string(p, end);
            continue;
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            if (--depth == 0)
                return p + 1;
            break;
        default:
            break;
        }
        p++;
    }
    return end;
}

const char *json_skip_value(const char *p, const char *end)
{
    if (p == end)
        return end;
    if (*p == '"')
        return json_skip_string(p, end);
    if (*p == '[' || *p == '{')
        return skip_container(p, end);
    while (p < end && !ends_scalar[(uint8_t)*p])
        p++;
    return p;
}

/* Four hex digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i], lower = (char)(c | 0x20);
        if (json_is_digit(c))
            value = value * 16 + (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value * 16 + (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The digits behind "\u", and a second escape when the two make a pair (RFC 8259, 7). NULL when
 * they are no digits. */
static const char *skip_unicode(const char *p, const char *end, uint32_t *point)
{
    int32_t unit = hex4(p, end), low;

    if (unit < 0)
        return NULL;
    p += 4;
    *point = is_high(unit) || is_low(unit) ? REPLACEMENT : (uint32_t)unit;
    if (is_high(unit) && end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
        is_low(low = hex4(p + 2, end))) {
        *point = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        p += 6;
    }
    return p;
}

const char *json_skip_escape(const char *p, const char *end, uint8_t out[4], unsigned *bytes)
{
    static const char plain[256] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
    };
    uint32_t point = 0;
    uint8_t c = (uint8_t)*p++;
    const char *behind = c == 'u' ? skip_unicode(p, end, &point) : NULL;

    if (behind) {
        *bytes = (unsigned)utf8_put(out, point);
        return behind;
    }
    out[0] = plain[c] ? (uint8_t)plain[c] : c; /* \" \\ and \/ stand for themselves */
    *bytes = 1;
    return p;
}
