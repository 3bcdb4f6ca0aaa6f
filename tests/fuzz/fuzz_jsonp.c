/* fuzz/fuzz_jsonp.c - any bytes as a form, and as a payload.
 *
 * A payload, wrapped, is a JSON string of it without line separators. One that a client puts into a
 * form comes out as it was.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/jsonp.h"

#include "base/utf8.h"
#include "fuzz.h"
#include "proto/json.h"

static void wrap(str payload)
{
    static struct buf out, scratch;
    const str head = STR("___eio[12]("), foot = STR(");");
    str plain, token;

    buf_clear(&out);
    buf_clear(&scratch);
    jsonp_wrap(&out, STR("1a-2"), payload);
    ASSERT(str_starts(buf_str(&out), head) && str_ends(buf_str(&out), foot));
    token = str_n(out.data + head.n, out.len - head.n - foot.n);
    ASSERT(json_check(token, 0) == 0 && json_type_of(token) == JSON_STRING);
    ASSERT(str_search(token, STR("\xe2\x80\xa8")) < 0 &&
           str_search(token, STR("\xe2\x80\xa9")) < 0);
    ASSERT(json_string(token, &scratch, &plain) == 0);
    if (utf8_valid(payload.p, payload.n))
        ASSERT(str_eq(plain, payload));
}

/* Writes the form that clients send: \n becomes a backslash and a newline, then every newline \n.
 */
static void put_into_form(struct buf *out, str payload)
{
    buf_clear(out);
    buf_add(out, STR("x=1&d="));
    for (size_t i = 0; i < payload.n; i++) {
        bool escaped = payload.p[i] == 'n' && i > 0 && payload.p[i - 1] == '\\';
        if (escaped || payload.p[i] == '\n')
            buf_add(out, STR("\\n"));
        else
            buf_format(out, "%%%02X", (uint8_t)payload.p[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf form;
    str in = { fuzz_copy(data, n), n }, payload;

    wrap(in);
    /* The client's way of writing does not tell a backslash in front of a newline from \n. */
    if (utf8_valid(in.p, in.n) && str_search(in, STR("\\\n")) < 0) {
        put_into_form(&form, in);
        ASSERT(jsonp_unwrap((char *)form.data, form.len, &payload) == PARSE_DONE);
        ASSERT(str_eq(payload, in));
    }
    if (jsonp_unwrap((char *)in.p, in.n, &payload) == PARSE_DONE) {
        ASSERT(payload.p >= in.p && payload.p + payload.n <= in.p + in.n);
        ASSERT(utf8_valid(payload.p, payload.n));
        wrap(payload);
    }
    free((void *)in.p);
    return 0;
}
