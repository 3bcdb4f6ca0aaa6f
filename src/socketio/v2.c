/* socketio/v2.c - see v2.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/v2.h"

#include "proto/http1.h"
#include "proto/json.h"

str sio_v2_namespace(str nsp, str *query)
{
    str name = nsp, rest = nsp;

    (void)str_cut(&rest, '#', &nsp); /* Node reads it as the path of a URL */
    (void)str_cut(&nsp, '?', &name);
    *query = nsp.p ? nsp : (str){ 0 };
    return name;
}

/* A string of JSON. What is no good escape stays as it is. */
static void write_unescaped(struct buf *out, str raw)
{
    struct buf plain = { 0 };
    ptrdiff_t n = raw.n ? http1_unescape((char *)buf_extend(&plain, raw.n), raw, true) : 0;

    json_write_string(out, n < 0 ? raw : str_n(plain.data, (size_t)n));
    buf_free(&plain);
}

/* Of several of a name the last counts, for whoever reads the object. */
void sio_v2_auth(struct buf *out, str query)
{
    const char *before = "{";
    str name, value;

    while (http1_query_next(&query, &name, &value)) {
        buf_add(out, str_of(before));
        write_unescaped(out, name);
        buf_byte(out, ':');
        write_unescaped(out, value);
        before = ",";
    }
    buf_add(out, *before == '{' ? STR("{}") : STR("}"));
}

static bool is_true(str json)
{
    double number;

    switch (json_type_of(json)) {
    case JSON_NONE:
    case JSON_NULL:
    case JSON_FALSE:
        return false;
    case JSON_NUMBER:
        return json_number(json, &number) == 0 && number != 0;
    case JSON_STRING:
        return !json_string_is(json, STR(""));
    default:
        return true;
    }
}

void sio_v2_refusal(struct buf *out, str message, str data_json)
{
    if (data_json.n && is_true(data_json))
        buf_add(out, data_json);
    else
        json_write_string(out, message);
}

/* In the main namespace the session's alone. */
static str prefix_of(const struct sio_namespace *n)
{
    return str_eq(n->name, STR("/")) ? STR("") : n->name;
}

size_t sio_v2_id_len(const struct sio_client *c, const struct sio_namespace *n)
{
    str prefix = prefix_of(n);

    return prefix.n + (prefix.n > 0) + eio_session_sid(&c->session).n;
}

void sio_v2_id(const struct sio_client *c, const struct sio_namespace *n, char *out)
{
    str prefix = prefix_of(n), sid = eio_session_sid(&c->session);

    if (prefix.n) {
        memcpy(out, prefix.p, prefix.n);
        out += prefix.n;
        *out++ = '#';
    }
    memcpy(out, sid.p, sid.n);
}
