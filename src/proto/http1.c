/* proto/http1.c - request and response heads (RFC 9112), strict.
 *
 * One pass over the head: bytes are classified by a table, field values are skipped eight at a
 * time. Nothing is copied or allocated. The fields that decide where a message ends
 * (Content-Length, Transfer-Encoding, Host, Connection) are looked at as they are met.
 *
 * Invariants
 *   - a line ends with CRLF; no other CR, LF or control character but a tab in a value is let
 * through;
 *   - a head that is PARSE_DONE says in exactly one way how long its body is;
 *   - `out` is scratch until PARSE_DONE.
 *
 * Start reading at http1_request().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/http1.h"

#include <string.h>

#include "base/err.h"
#include "proto/http1_chars.h"

enum { METHOD_MAX = 32 };

/* Where a parse is, and what was met that may come once only. */
struct cursor {
    const char *at, *end;
    struct http_head *head;
    enum http_bad bad;
    bool request;
    bool in_fields; /* the first line was taken */
    bool seen_host, seen_length, seen_coding, seen_upgrade;
    bool close, keep; /* tokens of Connection */
    str host;
};

static enum parse refuse(struct cursor *c, enum http_bad bad)
{
    c->bad = bad;
    return PARSE_BAD;
}

/* Takes the CRLF that must stand at the cursor. */
static enum parse take_crlf(struct cursor *c)
{
    size_t n = (size_t)(c->end - c->at);

    if (n > 0 && c->at[0] != '\r')
        return refuse(c, HTTP_BAD_REQUEST);
    if (n < 2)
        return PARSE_MORE;
    if (c->at[1] != '\n')
        return refuse(c, HTTP_BAD_REQUEST);
    c->at += 2;
    return PARSE_DONE;
}

/* Takes characters of a class up to `stop`, which is taken too but is not part of *out. */
static enum parse take_until(struct cursor *c, uint8_t class, char stop, str *out)
{
    const char *start = c->at, *p = start;

    while (p < c->end && http1_is(*p, class))
        p++;
    if (p == c->end)
        return PARSE_MORE;
    if (*p != stop || p == start)
        return refuse(c, HTTP_BAD_REQUEST);
    *out = str_n(start, (size_t)(p - start));
    c->at = p + 1;
    return PARSE_DONE;
}

/* "HTTP/" DIGIT "." DIGIT (2.3). */
static enum parse take_version(struct cursor *c)
{
    static const char form[] = "HTTP/d.d";
    size_t n = (size_t)(c->end - c->at), want = sizeof form - 1;

    for (size_t i = 0; i < want && i < n; i++)
        if (form[i] == 'd' ? !http1_is(c->at[i], HTTP1_DIGIT) : c->at[i] != form[i])
            return refuse(c, HTTP_BAD_REQUEST);
    if (n < want)
        return PARSE_MORE;
    if (c->at[5] != '1' || c->at[7] > '1')
        return refuse(c, HTTP_BAD_VERSION);
    c->head->minor = (uint8_t)(c->at[7] - '0');
    c->at += want;
    return PARSE_DONE;
}

static void split_target(struct http_head *h, str target)
{
    ptrdiff_t mark = str_find(target, '?');

    h->path = mark < 0 ? target : str_n(target.p, (size_t)mark);
    h->query = mark < 0 ? (str){ 0 } : str_n(target.p + mark + 1, target.n - (size_t)mark - 1);
}

/* absolute-form (3.2.2): scheme, authority, and what is left is the path. */
static bool absolute_target(struct cursor *c)
{
    struct http_head *h = c->head;
    str rest = h->target;
    size_t scheme = str_istarts(rest, STR("http://"))    ? sizeof "http://" - 1
                    : str_istarts(rest, STR("https://")) ? sizeof "https://" - 1
                                                         : 0;
    size_t i;

    if (scheme == 0)
        return false;
    for (i = scheme; i < rest.n && http1_is(rest.p[i], HTTP1_HOST); i++)
        continue;
    c->host = str_n(rest.p + scheme, i - scheme);
    if (c->host.n == 0 || (i < rest.n && rest.p[i] != '/' && rest.p[i] != '?'))
        return false;
    split_target(h, str_n(rest.p + i, rest.n - i));
    if (h->path.n == 0)
        h->path = STR("/");
    return true;
}

/* The four forms of 3.2; authority-form goes with CONNECT, which we do not do. */
static enum parse check_target(struct cursor *c)
{
    struct http_head *h = c->head;

    if (str_eq(h->method, STR("CONNECT")))
        return refuse(c, HTTP_BAD_NOT_IMPLEMENTED);
    if (h->target.p[0] == '/') {
        split_target(h, h->target);
        return PARSE_DONE;
    }
    if (str_eq(h->target, STR("*")) && str_eq(h->method, STR("OPTIONS"))) {
        split_target(h, h->target);
        return PARSE_DONE;
    }
    return absolute_target(c) ? PARSE_DONE : refuse(c, HTTP_BAD_REQUEST);
}

static enum parse take_request_line(struct cursor *c)
{
    enum parse p;

    /* 2.2: an empty line before the request is a leftover of the body before it. */
    if (c->at < c->end && *c->at == '\r' && (p = take_crlf(c)) != PARSE_DONE)
        return p;
    const char *start = c->at;
    if ((p = take_until(c, HTTP1_TOKEN, ' ', &c->head->method)) != PARSE_DONE) {
        bool long_method = p == PARSE_MORE && c->end - start > METHOD_MAX;
        return long_method ? refuse(c, HTTP_BAD_NOT_IMPLEMENTED) : p;
    }
    if (c->head->method.n > METHOD_MAX) /* 3: longer than any we know */
        return refuse(c, HTTP_BAD_NOT_IMPLEMENTED);
    if ((p = take_until(c, HTTP1_TARGET, ' ', &c->head->target)) != PARSE_DONE)
        return p;
    if ((p = take_version(c)) != PARSE_DONE || (p = take_crlf(c)) != PARSE_DONE)
        return p;
    return check_target(c);
}

/* "HTTP/1.1 200 OK" (4); the reason may be empty, and its space missing as some servers do. */
static enum parse take_status_line(struct cursor *c)
{
    enum parse p;
    unsigned status = 0;

    if ((p = take_version(c)) != PARSE_DONE)
        return p;
    if (c->end - c->at < 5)
        return PARSE_MORE;
    for (size_t i = 1; i < 4; i++) {
        if (!http1_is(c->at[i], HTTP1_DIGIT))
            return PARSE_BAD;
        status = status * 10 + (unsigned)(c->at[i] - '0');
    }
    if (c->at[0] != ' ' || status < 100 || (c->at[4] != ' ' && c->at[4] != '\r'))
        return PARSE_BAD;
    c->head->status = (uint16_t)status;
    c->at += 4;
    c->at = http1_skip_value(c->at, c->end);
    return take_crlf(c);
}

/* Content-Length: one field of digits (RFC 9112 6.3, RFC 9110 8.6). */
static enum parse on_length(struct cursor *c, str value)
{
    if (c->seen_length || str_to_u64(value, INT64_MAX, &c->head->length) != 0)
        return refuse(c, HTTP_BAD_REQUEST);
    c->seen_length = c->head->has_length = true;
    return PARSE_DONE;
}

/* Transfer-Encoding (6.1): "chunked" alone. Others are not known to us; chunked twice, or not last,
 * leaves no way to tell where the body ends. */
static enum parse on_coding(struct cursor *c, str value)
{
    bool more = str_find(value, ',') >= 0;

    if (c->seen_coding || c->head->minor == 0)
        return refuse(c, HTTP_BAD_REQUEST);
    if (!str_ieq(value, STR("chunked")))
        return refuse(c, more || value.n == 0 ? HTTP_BAD_REQUEST : HTTP_BAD_NOT_IMPLEMENTED);
    c->seen_coding = c->head->chunked = true;
    return PARSE_DONE;
}

/* Host (3.2): once, and nothing that could be read as more than a host and a port. */
static enum parse on_host(struct cursor *c, str value)
{
    if (!c->request)
        return PARSE_DONE;
    if (c->seen_host)
        return refuse(c, HTTP_BAD_REQUEST);
    for (size_t i = 0; i < value.n; i++)
        if (!http1_is(value.p[i], HTTP1_HOST))
            return refuse(c, HTTP_BAD_REQUEST);
    /* 3.2.2 has the target's authority win over Host; when they differ, whoever stands in front of
     * us may have looked at the other one. */
    if (c->host.p && !str_ieq(c->host, value))
        return refuse(c, HTTP_BAD_REQUEST);
    c->seen_host = true;
    return PARSE_DONE;
}

/* Looks at the fields that decide the shape of the message. Their lengths are all different. */
static enum parse on_field(struct cursor *c, const struct http_header *f)
{
    switch (f->name.n) {
    case sizeof "host" - 1:
        return str_ieq(f->name, STR("host")) ? on_host(c, f->value) : PARSE_DONE;
    case sizeof "expect" - 1:
        if (str_ieq(f->name, STR("expect")) && str_ieq(f->value, STR("100-continue")))
            c->head->expect_continue = c->head->minor > 0; /* RFC 9110 10.1.1: not for HTTP/1.0 */
        return PARSE_DONE;
    case sizeof "upgrade" - 1:
        if (str_ieq(f->name, STR("upgrade")) && f->value.n > 0)
            c->seen_upgrade = true;
        return PARSE_DONE;
    case sizeof "connection" - 1:
        if (str_ieq(f->name, STR("connection"))) {
            c->close |= http1_has_token(f->value, STR("close"));
            c->keep |= http1_has_token(f->value, STR("keep-alive"));
            c->head->upgrade |= http1_has_token(f->value, STR("upgrade"));
        }
        return PARSE_DONE;
    case sizeof "content-length" - 1:
        return str_ieq(f->name, STR("content-length")) ? on_length(c, f->value) : PARSE_DONE;
    case sizeof "transfer-encoding" - 1:
        return str_ieq(f->name, STR("transfer-encoding")) ? on_coding(c, f->value) : PARSE_DONE;
    default:
        return PARSE_DONE;
    }
}

/* field-line (5): name ":" OWS value OWS CRLF. A line that begins with white space (obs-fold, 5.2)
 * and a name followed by white space (5.1) fail as names. */
static enum parse take_field(struct cursor *c)
{
    struct http_head *h = c->head;
    enum parse p;

    if (h->header_count == HTTP_HEADERS_MAX)
        return refuse(c, HTTP_BAD_HEADERS_LARGE);
    struct http_header *f = &h->headers[h->header_count];
    if ((p = take_until(c, HTTP1_TOKEN, ':', &f->name)) != PARSE_DONE)
        return p;
    const char *value = c->at;
    c->at = http1_skip_value(value, c->end);
    f->value = str_trim(str_n(value, (size_t)(c->at - value)));
    if ((p = take_crlf(c)) != PARSE_DONE)
        return p;
    h->header_count++;
    return on_field(c, f);
}

static enum parse take_fields(struct cursor *c)
{
    enum parse p;

    for (;;) {
        if (c->at == c->end)
            return PARSE_MORE;
        if (*c->at == '\r')
            return take_crlf(c);
        if ((p = take_field(c)) != PARSE_DONE)
            return p;
    }
}

/* What can be told only when all fields were met. */
static enum parse check_head(struct cursor *c)
{
    struct http_head *h = c->head;

    if (h->chunked && h->has_length) /* 6.3: smuggling */
        return refuse(c, HTTP_BAD_REQUEST);
    if (c->request && h->minor > 0 && !c->seen_host)
        return refuse(c, HTTP_BAD_REQUEST);
    h->keep_alive = h->minor > 0 ? !c->close : c->keep && !c->close;
    h->upgrade = h->upgrade && c->seen_upgrade && h->minor > 0; /* RFC 9110 7.8 */
    return PARSE_DONE;
}

static enum parse parse_head(struct cursor *c, const char *in)
{
    enum parse p;

    memset(c->head, 0, offsetof(struct http_head, headers));
    p = c->request ? take_request_line(c) : take_status_line(c);
    if (p != PARSE_DONE)
        return p;
    c->in_fields = true;
    if ((p = take_fields(c)) != PARSE_DONE)
        return p;
    c->head->bytes = (size_t)(c->at - in);
    return check_head(c);
}

/* Bytes that came after an earlier PARSE_MORE: is the head complete now, or broken for certain?
 * Keeps a dribbling client from having its whole head parsed anew for each byte. */
static enum parse scan_more(const char *in, size_t n, size_t from)
{
    const char *p = in + from - (in[from - 1] == '\r'), *end = in + n;

    while ((p = http1_skip_value(p, end)) < end) {
        if (*p == '\n') {
            if (p == in || p[-1] != '\r')
                return PARSE_BAD;
            if (p - in >= 3 && p[-2] == '\n' && p[-3] == '\r')
                return PARSE_DONE;
        } else if (*p != '\r' || (p + 1 < end && p[1] != '\n')) {
            return PARSE_BAD;
        }
        p++;
    }
    return PARSE_MORE;
}

enum parse http1_request(const char *in, size_t n, size_t scanned, size_t bytes_max,
                         struct http_head *out, enum http_bad *bad)
{
    size_t seen = n < bytes_max ? n : bytes_max;
    struct cursor c = {
        .at = in, .end = in + seen, .head = out, .bad = HTTP_BAD_REQUEST, .request = true
    };
    enum parse p = PARSE_DONE;

    if (scanned > 0 && scanned <= n && n < bytes_max)
        p = scan_more(in, n, scanned);
    if (p == PARSE_DONE)
        p = parse_head(&c, in);
    if (p == PARSE_MORE && n >= bytes_max)
        p = refuse(&c, c.in_fields ? HTTP_BAD_HEADERS_LARGE : HTTP_BAD_TARGET_LONG);
    if (p == PARSE_BAD)
        *bad = c.bad;
    return p;
}

enum parse http1_response(const char *in, size_t n, size_t bytes_max, struct http_head *out)
{
    size_t seen = n < bytes_max ? n : bytes_max;
    struct cursor c = { .at = in, .end = in + seen, .head = out };
    enum parse p = parse_head(&c, in);

    return p == PARSE_MORE && n >= bytes_max ? PARSE_BAD : p;
}

str http1_header(const struct http_head *h, str name)
{
    for (uint32_t i = 0; i < h->header_count; i++)
        if (str_ieq(h->headers[i].name, name))
            return h->headers[i].value;
    return (str){ 0 };
}

bool http1_has_token(str value, str token)
{
    str part;

    while (str_cut(&value, ',', &part))
        if (str_ieq(str_trim(part), token))
            return true;
    return false;
}
