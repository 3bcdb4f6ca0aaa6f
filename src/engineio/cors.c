/* engineio/cors.c - cross-origin headers: which origin is named, what may vary, what is allowed.
 *
 * Pure: a request head in, header lines out. Values that are reflected come from a parsed head,
 * which cannot hold line breaks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/cors.h"

static void add_line(struct buf *out, const char *name, str value)
{
    buf_add(out, str_of(name));
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

static bool origin_listed(const struct eio_cors *cors, str origin)
{
    for (size_t i = 0; i < cors->origin_count; i++)
        if (str_eq(cors->origins[i], origin))
            return true;
    return false;
}

/* Access-Control-Allow-Origin. Returns whether the answer depends on the request's Origin. */
static bool add_origin(struct buf *out, const struct eio_cors *cors, const struct http_head *head)
{
    static const char name[] = "Access-Control-Allow-Origin";
    str origin;

    if (cors->any_origin) {
        add_line(out, name, STR("*"));
        return false;
    }
    if (cors->single_origin && cors->origin_count > 0) {
        add_line(out, name, cors->origins[0]);
        return true;
    }
    origin = http1_header(head, STR("origin"));
    if (origin.n > 0 && (cors->reflect_origin || origin_listed(cors, origin)))
        add_line(out, name, origin);
    return true;
}

static void add_vary(struct buf *out, bool by_origin, bool by_headers)
{
    if (by_origin && by_headers)
        add_line(out, "Vary", STR("Origin, Access-Control-Request-Headers"));
    else if (by_origin)
        add_line(out, "Vary", STR("Origin"));
    else if (by_headers)
        add_line(out, "Vary", STR("Access-Control-Request-Headers"));
}

static void add_common(struct buf *out, const struct eio_cors *cors)
{
    if (cors->credentials)
        add_line(out, "Access-Control-Allow-Credentials", STR("true"));
    if (cors->exposed_headers.n > 0)
        add_line(out, "Access-Control-Expose-Headers", cors->exposed_headers);
}

void eio_cors_headers(struct buf *out, const struct eio_cors *cors, const struct http_head *head)
{
    if (!cors->enabled)
        return;
    add_vary(out, add_origin(out, cors, head), false);
    add_common(out, cors);
}

void eio_cors_preflight(struct buf *out, const struct eio_cors *cors, const struct http_head *head)
{
    bool by_origin, by_headers = cors->allowed_headers.n == 0;
    str allowed = cors->allowed_headers;

    if (!cors->enabled)
        return;
    by_origin = add_origin(out, cors, head);
    if (by_headers)
        allowed = http1_header(head, STR("access-control-request-headers"));
    add_vary(out, by_origin, by_headers);
    add_common(out, cors);
    if (cors->methods.n > 0)
        add_line(out, "Access-Control-Allow-Methods", cors->methods);
    if (allowed.n > 0)
        add_line(out, "Access-Control-Allow-Headers", allowed);
    if (cors->max_age >= 0)
        buf_format(out, "Access-Control-Max-Age: %d\r\n", (int)cors->max_age);
}
