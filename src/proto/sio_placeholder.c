/* proto/sio_placeholder.c - {"_placeholder":true,"num":k}: where an attachment belongs in the JSON.
 *
 * An object is a placeholder when its member _placeholder is true, whatever else it holds; then num
 * has to be the index of an attachment. Names may be spelled with escapes, and of several members
 * of one name the last counts, as in JavaScript.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_packet.h"

#include "proto/json.h"
#include "proto/json_scan.h"

enum { NO_NUMBER = -1 };

/* What is known of an object: a placeholder once both are set. */
struct candidate {
    bool marked; /* _placeholder is true */
    int64_t num; /* NO_NUMBER: absent, or not an index */
};

/* Takes in a member whose value starts at p. Containers and strings are not even stepped over: the
 * time it takes must not grow with how deep they nest. */
static void learn(struct candidate *c, str key, const char *p, const char *end)
{
    bool other = p == end || *p == '{' || *p == '[' || *p == '"';
    str value = { p, other ? 0 : (size_t)(json_skip_value(p, end) - p) };

    if (json_string_is(key, STR("_placeholder"))) {
        c->marked = str_eq(value, STR("true"));
    } else if (json_string_is(key, STR("num"))) {
        if (json_integer(value, &c->num) < 0 || c->num < 0)
            c->num = NO_NUMBER;
    }
}

/* Whether a key can matter: its name starts with one of the two letters, or with an escape. */
static bool may_matter(str key)
{
    return key.n > 2 && (key.p[1] == '_' || key.p[1] == 'n' || key.p[1] == '\\');
}

int sio_placeholders_check(str json, uint32_t count)
{
    struct candidate open[JSON_DEPTH], *top = open; /* top: one above the innermost open object */
    const char *p = json.p, *end = json_end_of(json);

    while (p < end) {
        if (*p == '{') {
            if (top == open + JSON_DEPTH)
                return ATR_ELIMIT;
            *top++ = (struct candidate){ .num = NO_NUMBER };
        } else if (*p == '}' && top > open) {
            top--;
            if (top->marked && (top->num == NO_NUMBER || top->num >= count))
                return ATR_EPROTOCOL;
        } else if (*p == '"') {
            str key = { p, (size_t)(json_skip_string(p, end) - p) };
            p = json_skip_space(p + key.n, end);
            if (p < end && *p == ':' && top > open && may_matter(key))
                learn(top - 1, key, json_skip_space(p + 1, end), end);
            continue; /* the value is walked over too: it may hold objects */
        }
        p++;
    }
    return 0;
}

int64_t sio_placeholder(str value)
{
    struct candidate c = { .num = NO_NUMBER };
    struct json_iter it;

    json_iter_init(&it, value);
    if (!it.object)
        return NO_NUMBER;
    while (json_iter_next(&it))
        if (may_matter(it.key))
            learn(&c, it.key, it.value.p, it.value.p + it.value.n);
    return c.marked ? c.num : NO_NUMBER;
}
