/* api/response.c - see response.h; and headers that are set before the answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/response.h"

/* Appends "name: value CRLF"; ATR_ESYNTAX when either could break the head. */
static int add_header(struct buf *out, str name, str value)
{
    if (!http_header_valid(name, value))
        return ATR_ESYNTAX;
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
    return 0;
}

int response_read(const atr_response *res, struct buf *headers, struct http_response *out)
{
    int err = 0;

    if (res->type.n && !http_header_valid(STR("Content-Type"), str_in(res->type)))
        return ATR_ESYNTAX;
    for (size_t i = 0; i < res->header_count && err == 0; i++)
        err = add_header(headers, str_in(res->headers[i][0]), str_in(res->headers[i][1]));
    if (err == 0 && res->status && (res->status < 200 || res->status > 599))
        err = ATR_ERANGE;
    *out = (struct http_response){ .status = res->status,
                                   .type = str_in(res->type),
                                   .headers = buf_str(headers),
                                   .body = str_in(res->body),
                                   .compress = res->compress };
    return err;
}

/* --- Headers of the answer to come --- */

static int check(const struct http_request *r, str name, str value)
{
    if (r->answered)
        return ATR_ESTATE;
    return http_header_valid(name, value) && http_preset_allowed(name) ? 0 : ATR_ESYNTAX;
}

int atr_response_set_header(atr_request *request, atr_str name, atr_str value)
{
    struct http_request *r = (struct http_request *)request;
    int err = check(r, str_in(name), value.p ? str_in(value) : STR(""));

    if (err == 0)
        http_preset(r, str_in(name), str_in(value));
    return err;
}

int atr_response_add_header(atr_request *request, atr_str name, atr_str value)
{
    struct http_request *r = (struct http_request *)request;
    int err = check(r, str_in(name), str_in(value));

    if (err == 0)
        http_preset_add(r, str_in(name), str_in(value));
    return err;
}

void atr_response_headers(const atr_request *request,
                          void (*fn)(void *arg, atr_str name, atr_str value), void *arg)
{
    const struct http_request *r = (const struct http_request *)request;
    str name, value;

    for (size_t at = 0; http_preset_next(r, &at, &name, &value);)
        fn(arg, str_out(name), str_out(value));
}
