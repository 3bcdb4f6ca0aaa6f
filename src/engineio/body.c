/* engineio/body.c - see body.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/body.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/eio3_payload.h"
#include "proto/jsonp.h"

/* --- JSONP --- */

/* As engine.io, which leaves of the index only its digits: nobody chooses the script. */
static char *digits_of(str value)
{
    char *text = mem_alloc(value.n + 1);
    ptrdiff_t n = http1_unescape(text, value, true);
    size_t kept = 0;

    for (ptrdiff_t i = 0; i < n; i++)
        if (text[i] >= '0' && text[i] <= '9')
            text[kept++] = text[i];
    text[kept] = 0;
    return text;
}

char *eio_body_jsonp(str query)
{
    char *index = NULL;
    str name, value;

    while (http1_query_next(&query, &name, &value)) {
        if (!str_eq(name, STR("j")))
            continue;
        mem_free(index);
        index = digits_of(value);
    }
    return index;
}

static void wrap(struct buf *out, const char *index)
{
    struct buf payload = *out;

    *out = (struct buf){ 0 };
    jsonp_wrap(out, str_of(index), buf_str(&payload));
    buf_free(&payload);
}

/* --- Writing --- */

enum form { FORM_4, FORM_3_TEXT, FORM_3_BINARY };

static enum form form_of(const struct eio_polling *p, struct msg *const *msgs, size_t n)
{
    if (!p->session->eio3)
        return FORM_4;
    for (size_t i = 0; i < n && !p->text_only && !p->jsonp; i++)
        if (msgs[i]->binary)
            return FORM_3_BINARY;
    return FORM_3_TEXT;
}

static void add(struct buf *out, enum form form, enum eio_type type, bool binary, str data)
{
    if (form == FORM_4)
        eio_payload_add(out, type, binary, data);
    else if (form == FORM_3_TEXT)
        eio3_payload_add(out, type, binary, data);
    else
        eio3_payload_add_binary(out, type, binary, data);
}

/* A text message brings its type digit along. */
static void add_msg(struct buf *out, enum form form, const struct msg *m)
{
    str text = msg_payload(m);

    if (m->binary)
        add(out, form, EIO_MESSAGE, true, eio_msg_bytes(m));
    else
        add(out, form, (enum eio_type)(text.p[0] - '0'), false, str_n(text.p + 1, text.n - 1));
}

str eio_body_write(struct buf *out, const struct eio_polling *p, struct msg *const *msgs, size_t n,
                   char last)
{
    enum form form = form_of(p, msgs, n);

    buf_clear(out);
    for (size_t i = 0; i < n; i++)
        add_msg(out, form, msgs[i]);
    if (last)
        add(out, form, (enum eio_type)(last - '0'), false, STR(""));
    if (p->jsonp)
        wrap(out, p->jsonp);
    return form == FORM_3_BINARY ? STR("application/octet-stream")
                                 : STR("text/plain; charset=UTF-8");
}

/* --- Reading --- */

bool eio_body_is_binary(const struct http_request *r)
{
    return str_eq(http1_header(&r->head, STR("content-type")), STR("application/octet-stream"));
}

enum parse eio_body_open(struct eio_body *b, const struct eio_polling *p, struct http_request *r)
{
    *b = (struct eio_body){
        .rest = r->body.len > 0 ? buf_str(&r->body) : STR(""),
        .eio3 = p->session->eio3,
        .binary = p->session->eio3 && !p->jsonp && eio_body_is_binary(r),
    };
    if (p->jsonp)
        return jsonp_unwrap((char *)b->rest.p, b->rest.n, &b->rest);
    /* Texts of protocol 3 are counted before they can be looked at one by one. */
    if (b->eio3 && !b->binary && !utf8_valid(b->rest.p, b->rest.n))
        return PARSE_BAD;
    return PARSE_DONE;
}

enum parse eio_body_next(struct eio_body *b, struct eio_packet *out)
{
    if (b->binary)
        return eio3_payload_next_binary(&b->rest, out);
    if (b->eio3)
        return eio3_payload_next(&b->rest, out);
    if (eio_payload_next(&b->rest, out) != PARSE_DONE ||
        (!out->binary && !utf8_valid(out->data.p, out->data.n)))
        return PARSE_BAD;
    return PARSE_DONE;
}
