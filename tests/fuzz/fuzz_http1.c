/* fuzz/fuzz_http1.c - any bytes as a request, as a response, and as a chunked body.
 *
 * A head gives the same answer whole and split; its slices lie within it; written again from its
 * parts it is the same head. A chunked body has the same content however it is cut.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/http1.h"

#include "base/buf.h"
#include "fuzz.h"

enum { HEAD_MAX = 4096, STEPS_MAX = 1 << 16 };

static void check_within(str s, const char *in, size_t n)
{
    /* The path of an absolute target without one is a literal. */
    ASSERT(s.n == 0 || (s.p >= in && s.p + s.n <= in + n) || str_eq(s, STR("/")));
}

static void check_head(const struct http_head *h, const char *in, size_t n)
{
    ASSERT(h->bytes <= n && h->bytes <= HEAD_MAX);
    ASSERT(h->header_count <= HTTP_HEADERS_MAX);
    ASSERT(!(h->chunked && h->has_length));
    ASSERT(h->has_length || h->length == 0);
    ASSERT(memcmp(in + h->bytes - 4, "\r\n\r\n", 4) == 0);
    check_within(h->method, in, n);
    check_within(h->target, in, n);
    check_within(h->path, in, n);
    check_within(h->query, in, n);
    for (uint32_t i = 0; i < h->header_count; i++) {
        ASSERT(h->headers[i].name.n > 0);
        check_within(h->headers[i].name, in, n);
        check_within(h->headers[i].value, in, n);
        ASSERT(str_find(h->headers[i].value, '\n') < 0 && str_find(h->headers[i].value, '\r') < 0);
    }
}

/* The head from its parts, in its plainest form. */
static void write_head(const struct http_head *h, struct buf *b)
{
    buf_clear(b);
    buf_format(b, "%.*s %.*s HTTP/1.%u\r\n", STR_ARG(h->method), STR_ARG(h->target), h->minor);
    for (uint32_t i = 0; i < h->header_count; i++) {
        buf_add(b, h->headers[i].name);
        buf_add(b, STR(": "));
        buf_add(b, h->headers[i].value);
        buf_add(b, STR("\r\n"));
    }
    buf_add(b, STR("\r\n"));
}

static void check_same(const struct http_head *a, const struct http_head *b)
{
    ASSERT(str_eq(a->method, b->method));
    ASSERT(str_eq(a->path, b->path));
    ASSERT(str_eq(a->query, b->query));
    ASSERT(a->minor == b->minor);
    ASSERT(a->keep_alive == b->keep_alive);
    ASSERT(a->chunked == b->chunked);
    ASSERT(a->upgrade == b->upgrade);
    ASSERT(a->expect_continue == b->expect_continue);
    ASSERT(a->has_length == b->has_length);
    ASSERT(a->length == b->length);
    ASSERT(a->header_count == b->header_count);
}

static void fuzz_request(const char *in, size_t n)
{
    static struct buf again;
    static struct http_head h, other;
    enum http_bad bad, other_bad;
    enum parse p = http1_request(in, n, 0, HEAD_MAX, &h, &bad), q = PARSE_MORE;
    size_t seen = n / 2;

    /* A prefix asks for more, or is bad as the whole is. Going on from it changes nothing. */
    enum parse first = http1_request(in, seen, 0, HEAD_MAX, &other, &other_bad);
    ASSERT(first != PARSE_BAD || p == PARSE_BAD);
    if (first == PARSE_MORE) {
        q = http1_request(in, n, seen, HEAD_MAX, &other, &other_bad);
        ASSERT(q == p || (q == PARSE_MORE && p == PARSE_BAD)); /* the quick look sees less */
    }
    if (p != PARSE_DONE)
        return;
    check_head(&h, in, n);
    write_head(&h, &again);
    if (again.len > HEAD_MAX)
        return;
    ASSERT(http1_request((char *)again.data, again.len, 0, HEAD_MAX, &other, &bad) == PARSE_DONE);
    ASSERT(other.bytes == again.len);
    check_same(&h, &other);
}

static void fuzz_response(const char *in, size_t n)
{
    static struct http_head h;

    if (http1_response(in, n, HEAD_MAX, &h) != PARSE_DONE)
        return;
    ASSERT(h.status >= 100 && h.status <= 999);
    check_head(&h, in, n);
}

/* Reads a body in pieces of at most `step` bytes. */
static enum parse read_chunks(const char *in, size_t n, size_t step, struct buf *out, size_t *taken)
{
    struct http_chunks c = { 0 };
    enum parse p = PARSE_MORE;
    bool end = false;
    size_t at = 0, used;
    str data;

    buf_clear(out);
    while (at < n && !end && p != PARSE_BAD) {
        size_t piece = n - at < step ? n - at : step;
        p = http1_chunk(&c, in + at, piece, &used, &data, &end);
        if (p == PARSE_BAD)
            break;
        ASSERT(used > 0 && used <= piece);
        check_within(data, in + at, piece);
        buf_add(out, data);
        at += used;
    }
    *taken = at;
    return p == PARSE_BAD ? p : end ? PARSE_DONE : PARSE_MORE;
}

static void fuzz_chunks(const char *in, size_t n)
{
    static struct buf whole, pieces;
    size_t used, used_too;
    enum parse p = read_chunks(in, n, n, &whole, &used);

    for (size_t step = 1; step < 8; step += 3) {
        ASSERT(read_chunks(in, n, step, &pieces, &used_too) == p);
        ASSERT(str_eq(buf_str(&whole), buf_str(&pieces)));
        ASSERT(p == PARSE_BAD || used == used_too);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *in = fuzz_copy(data, n), *out = malloc(n + 1);

    fuzz_request(in, n);
    fuzz_response(in, n);
    fuzz_chunks(in, n);
    ASSERT(http1_unescape(out, str_n(in, n), true) <= (ptrdiff_t)n);
    free(in);
    free(out);
    return 0;
}
