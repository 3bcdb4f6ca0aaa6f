/* proto/http1.h - HTTP/1.1 messages (RFC 9112), strict: what is ambiguous is refused.
 *
 * Request heads, chunked bodies, and (for clients) response heads. Parsing is pure and never
 * copies: slices point into the input. Refused on purpose, because intermediaries disagree on them:
 * bare CR or LF as line ends, obs-fold, white space before a colon, several or malformed
 * Content-Length, both Content-Length and Transfer-Encoding, any transfer coding but a single
 * "chunked", HTTP/1.0 with Transfer-Encoding, control characters in values, several Host fields,
 * chunk extensions with control characters, chunk sizes over 16 digits, an absolute target whose
 * host is not the Host field's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/parse.h"

enum { HTTP_HEADERS_MAX = 100 };

struct http_header {
    str name, value; /* value without surrounding white space */
};

struct http_head {
    str method, target; /* of a request; target as sent */
    str path, query;    /* of target; query without '?', n == 0 when absent */
    uint16_t status;    /* of a response; else 0 */
    uint8_t minor;      /* HTTP/1.<minor> */
    bool keep_alive, chunked, upgrade, expect_continue;
    bool has_length;
    uint64_t length; /* Content-Length; 0 when absent */
    size_t bytes;    /* of the head, final empty line included */
    uint32_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX]; /* last, and never cleared: it is large */
};

/* Why a head is PARSE_BAD: the status to answer with. */
enum http_bad {
    HTTP_BAD_REQUEST = 400,
    HTTP_BAD_TARGET_LONG = 414,
    HTTP_BAD_HEADERS_LARGE = 431,
    HTTP_BAD_NOT_IMPLEMENTED = 501,
    HTTP_BAD_VERSION = 505
};

/* Parses a request head. `scanned` is how many bytes an earlier PARSE_MORE already saw (0 at
 * first). bytes_max bounds the head: a longer one is HTTP_BAD_HEADERS_LARGE, or
 * HTTP_BAD_TARGET_LONG when not even its first line fits. One empty line in front is read over
 * (2.2). `out` is scratch until PARSE_DONE and need not be cleared. */
enum parse http1_request(const char *in, size_t n, size_t scanned, size_t bytes_max,
                         struct http_head *out, enum http_bad *bad);
/* The same for a response (used by clients and the load generator). Whether the status or the
 * request forbids a body is the caller's to know. */
enum parse http1_response(const char *in, size_t n, size_t bytes_max, struct http_head *out);

/* The first header of that name (case folded); p == NULL when absent. */
str http1_header(const struct http_head *h, str name);
/* Whether a comma-separated header value has the token (case folded). */
bool http1_has_token(str value, str token);

/* Chunked bodies. Feed bytes as they come; data slices point into the input. */
struct http_chunks {
    uint64_t left; /* of the current chunk */
    uint32_t digits;
    uint32_t
        trailer_bytes; /* of trailers and chunk extensions, which are read over: 16 KiB at most */
    uint8_t state;     /* 0 at the start */
};
/* Reads the next piece: on PARSE_DONE with data->n > 0 there may be more; with *end set the body is
 * complete. *used is how much of the input was taken, whatever the answer but PARSE_BAD. */
enum parse http1_chunk(struct http_chunks *c, const char *in, size_t n, size_t *used, str *data,
                       bool *end);

/* Percent-decodes (and with plus, '+' to space) into out (in.n bytes of room; may be in itself).
 * Returns the length, or -1 on a bad escape. */
ptrdiff_t http1_unescape(char *out, str in, bool plus);

/* Walks "a=1&b=2": raw, still escaped slices; empty parts are passed over, a part without '=' has
 * an empty value. Returns false at the end. */
bool http1_query_next(str *rest, str *name, str *value);

const char *http1_reason(unsigned status); /* "Not Found"; "Unknown" for others */

#endif
