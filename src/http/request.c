/* http/request.c - the memory of a request, and what can be asked of it.
 *
 * One block holds the request, as many headers as there are, and the text of the head they point
 * into: a request that waits for its answer (long-polling) costs a block of 1 or 2 KiB.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/conn.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/slab.h"
#include "net/tls_stream.h"

static void reap(struct loop_job *job)
{
    struct http_request *r = container_of(job, struct http_request, reap);

    buf_free(&r->body);
    http_preset_free(r);
    mem_free(r->client);
    slab_free(r, r->class);
}

/* Points s, which may point into `text`, at the same place of the copy. A path that was not sent is
 * a literal. */
static void relocate(str *s, const char *text, const struct http_request *r)
{
    uintptr_t at = (uintptr_t)s->p - (uintptr_t)text;

    if (s->p && at < r->head_text.n)
        s->p = r->head_text.p + at;
}

struct http_request *http_request_new(struct http_conn *c, const char *text,
                                      const struct http_head *head)
{
    size_t head_size =
        offsetof(struct http_head, headers) + head->header_count * sizeof head->headers[0];
    size_t size = offsetof(struct http_request, head) + head_size;
    uint8_t class;
    struct http_request *r = slab_alloc(size + head->bytes, &class);

    memset(r, 0, offsetof(struct http_request, head));
    memcpy(&r->head, head, head_size);
    r->conn = c;
    r->class = class;
    r->head_text = str_n((char *)r + size, head->bytes);
    memcpy((char *)r + size, text, head->bytes);
    relocate(&r->head.method, text, r);
    relocate(&r->head.target, text, r);
    relocate(&r->head.path, text, r);
    relocate(&r->head.query, text, r);
    for (uint32_t i = 0; i < head->header_count; i++) {
        relocate(&r->head.headers[i].name, text, r);
        relocate(&r->head.headers[i].value, text, r);
    }
    loop_job_init(&r->reap, reap);
    return r;
}

void http_request_doom(struct http_request *r, struct loop *l)
{
    loop_doom(l, &r->reap);
}

struct loop *http_request_loop(const struct http_request *r)
{
    return r->conn->server->loop;
}

/* The entry of X-Forwarded-For, which may come in several lines, that is `back` from its end. */
static bool forwarded(const struct http_head *h, size_t back, str *out)
{
    for (uint32_t i = h->header_count; i-- > 0;) {
        str rest = h->headers[i].value;
        size_t n = 1;

        if (!str_ieq(h->headers[i].name, STR("X-Forwarded-For")))
            continue;
        for (size_t k = 0; k < rest.n; k++)
            n += rest.p[k] == ',';
        if (back >= n) {
            back -= n;
            continue;
        }
        for (n -= back; n > 0; n--)
            (void)str_cut(&rest, ',', out);
        *out = str_trim(*out);
        return true;
    }
    return false;
}

/* Walks back from the peer as long as who speaks is trusted. What is no address ends the walk: the
 * proxy that passed it on is then as far as is known. */
static bool behind_proxies(const struct http_request *r, struct address *at)
{
    const struct http_server *s = r->conn->server;
    struct address next;
    bool moved = false;
    str entry;

    for (size_t back = 0; address_in(at, s->proxies, s->proxy_count); back++) {
        if (!forwarded(&r->head, back, &entry) || address_parse(&next, entry) < 0)
            break;
        *at = next;
        moved = true;
    }
    return moved;
}

/* Who is at the other end of the connection: of one that another process speaks for, of that one's.
 */
static bool peer_of(const struct http_conn *c, struct address *out)
{
    if (c->peer)
        return address_parse(out, str_of(c->peer)) == 0;
    return c->stream && address_of_peer(c->stream->watch.fd, out);
}

bool http_client(struct http_request *r, struct address *out)
{
    if (r->client)
        return address_parse(out, str_of(r->client)) == 0;
    if (!peer_of(r->conn, out))
        return false;
    if (r->conn->server->proxy_count)
        (void)behind_proxies(r, out);
    return true;
}

/* As http_client(), where that is not the peer; NULL: it is. */
static const char *client_text(struct http_request *r)
{
    char text[ADDRESS_TEXT_MAX];
    struct address a;

    if (r->client || !r->conn->server->proxy_count)
        return r->client;
    if (!peer_of(r->conn, &a) || !behind_proxies(r, &a))
        return NULL;
    address_text(&a, text);
    return r->client = str_dup(str_of(text));
}

bool http_is_forwarded(struct http_request *r)
{
    return client_text(r) != NULL;
}

str http_peer(struct http_request *r)
{
    struct http_conn *c = r->conn;
    const char *client = client_text(r);
    uint16_t port;

    if (client)
        return str_of(client);
    if (!c->peer) {
        if (!c->stream)
            return (str){ 0 };
        char text[64];
        stream_peer(c->stream, text, &port);
        c->peer = str_dup(str_of(text));
    }
    return str_of(c->peer);
}

str http_client_cert(const struct http_request *r, bool *verified)
{
    char *text;

    const struct http_origin *origin = r->conn->origin;

    *verified = origin && origin->verified;
    if (origin)
        return origin->cert;
    if (!r->secure)
        return (str){ 0 };
    text = arena_alloc(&r->stream->loop->scratch, TLS_SUBJECT_MAX + 1);
    return str_n(text, tls_stream_subject(r->stream, text, verified));
}

static bool has_escape(str s)
{
    return str_find(s, '%') >= 0 || str_find(s, '+') >= 0;
}

/* Whether an escaped name is `plain`. Names are short: longer ones than fit here are nobody's. */
static bool name_is(str name, str plain)
{
    char text[128];

    if (!has_escape(name))
        return str_eq(name, plain);
    if (name.n > sizeof text)
        return false;
    ptrdiff_t n = http1_unescape(text, name, true);
    return n >= 0 && str_eq(str_n(text, (size_t)n), plain);
}

str http_unescaped(str value, bool plus, struct buf *scratch)
{
    size_t before = scratch->len;
    char *out = (char *)buf_extend(scratch, value.n);
    ptrdiff_t n = http1_unescape(out, value, plus);
    scratch->len = before + (size_t)(n < 0 ? 0 : n);
    return n < 0 ? (str){ 0 } : str_n(out, (size_t)n);
}

str http_query(const struct http_request *r, str name, struct buf *scratch)
{
    str rest = r->head.query, key, value;

    while (http1_query_next(&rest, &key, &value)) {
        if (!name_is(key, name))
            continue;
        if (!has_escape(value))
            return value;
        return http_unescaped(value, true, scratch);
    }
    return (str){ 0 };
}
