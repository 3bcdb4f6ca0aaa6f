/* api/request.c - HTTP requests as applications see them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/request.h"

#include "api/app.h"
#include "base/buf.h"
#include "proto/http1.h"
#include "proto/http1_kept.h"

/* --- Heads kept as text --- */

/* Gives one header with its name in lower case. */
static void give_lower(str name, str value, void (*fn)(void *arg, atr_str name, atr_str value),
                       void *arg)
{
    char lower[256];

    if (name.n > sizeof lower)
        return;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 32 : name.p[i]);
    fn(arg, (atr_str){ lower, name.n }, str_out(value));
}

void head_each_header(str head, void (*fn)(void *arg, atr_str name, atr_str value), void *arg)
{
    str headers = http1_kept_headers(head), name, value;

    while (http1_kept_next(&headers, &name, &value))
        give_lower(name, value, fn, arg);
}

/* Unescapes s behind out->len and returns it; out must have room for s.n bytes. */
static str unescape(struct buf *out, str s)
{
    char *at = (char *)out->data + out->len;
    ptrdiff_t n = http1_unescape(at, s, true);

    if (n < 0)
        return s;
    out->len += (size_t)n;
    return str_n(at, (size_t)n);
}

void query_each(str query, void (*fn)(void *arg, atr_str name, atr_str value), void *arg)
{
    struct buf plain = { 0 };
    str name, value;

    while (http1_query_next(&query, &name, &value)) {
        buf_clear(&plain);
        if (buf_reserve(&plain, name.n + value.n + 1) < 0)
            break;
        str plain_name = unescape(&plain, name);
        fn(arg, str_out(plain_name), str_out(unescape(&plain, value)));
    }
    buf_free(&plain);
}

/* --- Live requests --- */

static const struct http_request *in(const atr_request *r)
{
    return (const struct http_request *)r;
}

atr_str atr_request_method(const atr_request *r)
{
    return str_out(in(r)->head.method);
}

atr_str atr_request_url(const atr_request *r)
{
    return str_out(in(r)->head.target);
}

atr_str atr_request_path(const atr_request *r)
{
    struct loop *l = http_request_loop(in(r));
    str raw = in(r)->head.path;
    char *plain = arena_alloc(&l->scratch, raw.n + 1);
    ptrdiff_t n = http1_unescape(plain, raw, false);

    return n < 0 ? str_out(raw) : (atr_str){ plain, (size_t)n };
}

atr_str atr_request_header(const atr_request *r, atr_str name)
{
    return str_out(http1_header(&in(r)->head, str_in(name)));
}

void atr_request_headers(const atr_request *r, void (*fn)(void *arg, atr_str name, atr_str value),
                         void *arg)
{
    const struct http_head *h = &in(r)->head;

    for (uint32_t i = 0; i < h->header_count; i++)
        give_lower(h->headers[i].name, h->headers[i].value, fn, arg);
}

void atr_request_query(const atr_request *r, void (*fn)(void *arg, atr_str name, atr_str value),
                       void *arg)
{
    query_each(in(r)->head.query, fn, arg);
}

atr_str atr_request_body(const atr_request *r)
{
    return str_out(buf_str(&in(r)->body));
}

atr_str atr_request_address(const atr_request *r)
{
    return str_out(http_peer((struct http_request *)(uintptr_t)r));
}

int atr_request_secure(const atr_request *r)
{
    return in(r)->secure;
}

atr_str atr_request_client_cert(const atr_request *r, int *verified)
{
    bool good;
    str subject = http_client_cert(in(r), &good);

    if (verified)
        *verified = good;
    return str_out(subject);
}
