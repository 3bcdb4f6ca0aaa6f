/* proto/sio_placeholder.c - {"_placeholder":true,"num":k}: where an attachment belongs in the JSON.
 *
 * An object is a placeholder when its member _placeholder is true, whatever else it holds; then num
 * has to be the index of an attachment. Names may be spelled with escapes, and of several members
 * of one name the last counts, as in JavaScript.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_placeholder.h"

#include "proto/json.h"
#include "proto/json_scan.h"
#include "proto/sio_packet.h"

/* Whether a key can matter: its name starts with one of the two letters, or with an escape. */
static bool may_matter(str key)
{
    return key.n > 2 && (key.p[1] == '_' || key.p[1] == 'n' || key.p[1] == '\\');
}

void sio_candidate_learn(struct sio_candidate *c, str key, const char *p, const char *end)
{
    bool other;
    str value;

    if (!may_matter(key))
        return;
    other = p == end || *p == '{' || *p == '[' || *p == '"';
    value = str_n(p, other ? 0 : (size_t)(json_skip_value(p, end) - p));
    if (json_string_is(key, STR("_placeholder"))) {
        c->marked = str_eq(value, STR("true"));
    } else if (json_string_is(key, STR("num"))) {
        if (json_integer(value, &c->num) < 0 || c->num < 0)
            c->num = SIO_NO_NUMBER;
    }
}

int sio_placeholders_check(str json, uint32_t count)
{
    struct sio_candidate open[JSON_DEPTH],
        *top = open; /* top: one above the innermost open object */
    const char *p = json.p, *end = json_end_of(json);

    while (p < end) {
        if (*p == '{') {
            if (top == open + JSON_DEPTH)
                return ATR_ELIMIT;
            *top++ = SIO_CANDIDATE;
        } else if (*p == '}' && top > open) {
            top--;
            if (top->marked && (top->num == SIO_NO_NUMBER || top->num >= count))
                return ATR_EPROTOCOL;
        } else if (*p == '"') {
            str key = { p, (size_t)(json_skip_string(p, end) - p) };
            p = json_skip_space(p + key.n, end);
            if (p < end && *p == ':' && top > open)
                sio_candidate_learn(top - 1, key, json_skip_space(p + 1, end), end);
            continue; /* the value is walked over too: it may hold objects */
        }
        p++;
    }
    return 0;
}

int64_t sio_placeholder(str value)
{
    struct sio_candidate c = SIO_CANDIDATE;
    struct json_iter it;

    json_iter_init(&it, value);
    if (!it.object)
        return SIO_NO_NUMBER;
    while (json_iter_next(&it))
        sio_candidate_learn(&c, it.key, it.value.p, it.value.p + it.value.n);
    return c.marked ? c.num : SIO_NO_NUMBER;
}
