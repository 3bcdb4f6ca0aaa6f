/* http/response.c - answers in one go: head and body in one message.
 *
 * The lines that we make ourselves go into a small fixed block, so the whole is measured before the
 * message is allocated, and copied once.
 *
 * Start reading at http_respond().
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/response.h"

#include "base/assert.h"
#include "http/compress.h"
#include "http/conn.h"
#include "http/date.h"
#include "proto/http1_chars.h"

/* MAX: what holds the loop up for some tens of milliseconds; more goes out as it is. */
enum { COMPRESS_MIN = 1024, COMPRESS_MAX = 1 << 20, COMPRESS_LEVEL = 4 };

/* Our own lines; the longest are far below its size. */
struct lines {
    size_t n;
    char text[320];
};

static void add(struct lines *l, str s)
{
    ASSERT(s.n <= sizeof l->text - l->n);
    memcpy(l->text + l->n, s.p, s.n);
    l->n += s.n;
}

static void add_number(struct lines *l, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    add(l, str_n(digits + at, sizeof digits - at));
}

/* The Date line, made anew once per second (RFC 9110 6.6.1). */
static str date_line(const struct loop *loop)
{
    static _Thread_local int64_t made_s = -1;
    static _Thread_local char text[] = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    int64_t now_s = loop->wall_ms / 1000;

    if (now_s != made_s) {
        http_date_write(text + sizeof "Date: " - 1, now_s);
        made_s = now_s;
    }
    return str_n(text, sizeof text - 1);
}

static void add_status(struct lines *l, unsigned status)
{
    add(l, STR("HTTP/1.1 "));
    add_number(l, status);
    add(l, STR(" "));
    add(l, str_of(http1_reason(status)));
    add(l, STR("\r\n"));
}

static bool bodiless(unsigned status)
{
    return status == 204 || status == 304;
}

static void add_length(struct lines *l, uint64_t length)
{
    add(l, STR("Content-Length: "));
    add_number(l, length);
    add(l, STR("\r\n"));
}

/* Everything of the head that is not the handler's. */
static void add_own_lines(struct lines *l, struct http_request *r, const struct http_response *res,
                          unsigned status, uint64_t length)
{
    bool keep = http_conn_keep(r->conn, res->close);

    r->conn->server->stats.answers[status / 100]++;
    add_status(l, status);
    add(l, date_line(r->conn->server->loop));
    if (!bodiless(status)) /* RFC 9110 8.6 */
        add_length(l, length);
    if (!keep)
        add(l, STR("Connection: close\r\n"));
    else if (r->head.minor == 0)
        add(l, STR("Connection: keep-alive\r\n"));
}

/* A message of the whole head and `body`. */
static struct msg *compose(const struct lines *l, struct http_request *r,
                           const struct http_response *res, str body)
{
    static const str type_name = { "Content-Type: ", sizeof "Content-Type: " - 1 };
    str preset = { 0 };

    if (r->preset) {
        http_preset_yield(r, res->headers, res->type.n > 0);
        preset = buf_str(r->preset);
    }
    str crlf = STR("\r\n"), parts[] = { str_n(l->text, l->n),
                                        res->type.n ? type_name : (str){ 0 },
                                        res->type,
                                        res->type.n ? crlf : (str){ 0 },
                                        res->headers,
                                        preset,
                                        crlf,
                                        body };
    size_t total = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        total += parts[i].n;
    struct msg *m = msg_new(total);
    uint8_t *at = m->data;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n)
            memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return m;
}

void http_response_head(struct http_request *r, const struct http_response *res, uint64_t length)
{
    struct lines l = { 0 };
    struct msg *m;

    ASSERT(!r->answered);
    ASSERT(res->status == 0 || (res->status >= 200 && res->status < 100 * HTTP_CLASSES));
    add_own_lines(&l, r, res, res->status ? res->status : 200, length);
    r->answered = true;
    m = compose(&l, r, res, (str){ 0 });
    stream_send(r->conn->stream, m);
    msg_unref(m);
}

/* Compresses the body into *out; HTTP_IDENTITY when it is not wanted or does not pay. */
static enum http_coding squeeze(const struct http_request *r, const struct http_response *res,
                                struct buf *out)
{
    enum http_coding coding;

    if (!res->compress || res->body.n > COMPRESS_MAX ||
        res->body.n < (res->compress_min ? res->compress_min : COMPRESS_MIN))
        return HTTP_IDENTITY;
    coding = http_coding_of(http1_header(&r->head, STR("accept-encoding")));
    if (coding == HTTP_IDENTITY)
        return coding;
    http_compress(out, coding, res->body, COMPRESS_LEVEL);
    return out->len < res->body.n ? coding : HTTP_IDENTITY;
}

void http_respond(struct http_request *r, const struct http_response *res)
{
    struct http_conn *c = r->conn;
    unsigned status = res->status ? res->status : 200;
    bool body_sent = !bodiless(status) && !str_eq(r->head.method, STR("HEAD"));
    struct lines l = { 0 };
    struct buf small = { 0 };
    str body = res->shared ? (str){ 0 } : res->body;
    enum http_coding coding = HTTP_IDENTITY;

    ASSERT(!r->answered);
    ASSERT(status >= 200 && status < 100 * HTTP_CLASSES);
    if (!res->shared && !bodiless(status))
        coding = squeeze(r, res, &small);
    if (coding != HTTP_IDENTITY)
        body = buf_str(&small);
    add_own_lines(&l, r, res, status, res->shared ? res->shared->len : body.n);
    if (coding != HTTP_IDENTITY) {
        add(&l, STR("Content-Encoding: "));
        add(&l, str_of(http_coding_name(coding)));
        add(&l, STR("\r\n"));
    }
    if (res->compress)
        add(&l, STR("Vary: Accept-Encoding\r\n"));
    r->answered = true;
    struct msg *m = compose(&l, r, res, body_sent ? body : (str){ 0 });
    stream_send(c->stream, m);
    msg_unref(m);
    if (body_sent && res->shared)
        stream_send(c->stream, res->shared);
    buf_free(&small);
    http_conn_answered(c);
}

void http_respond_status(struct http_request *r, unsigned status)
{
    http_respond(r, &(struct http_response){ .status = status,
                                             .type = STR("text/plain; charset=utf-8"),
                                             .body = str_of(http1_reason(status)) });
}

void http_refuse(struct http_conn *c, unsigned status)
{
    struct lines l = { 0 };

    c->server->stats.answers[status / 100]++;
    add_status(&l, status);
    add(&l, date_line(c->server->loop));
    add(&l, STR("Content-Length: 0\r\nConnection: close\r\n\r\n"));
    stream_write(c->stream, str_n(l.text, l.n));
}

bool http_header_valid(str name, str value)
{
    for (size_t i = 0; i < name.n; i++)
        if (!http1_is(name.p[i], HTTP1_TOKEN))
            return false;
    return name.n > 0 && http1_skip_value(value.p, value.p + value.n) == value.p + value.n;
}
