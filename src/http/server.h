/* http/server.h - HTTP/1.1 server connections: requests in order, answers in order.
 *
 * One request of a connection is handled at a time; pipelined ones wait in the stream. An answer may
 * come later (long-polling); the client's going away meanwhile is told through on_abort. Slow clients
 * are bounded: head_timeout_ms for a whole head, body_timeout_ms for a whole body,
 * idle_timeout_ms between requests.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/buf.h"
#include "base/msg.h"
#include "net/listener.h"
#include "net/stream.h"
#include "proto/http1.h"

struct http_server;
struct http_conn;
struct http_request;

/* What serves a part of the URL space. */
struct http_handler {
    void *user;
    /* The head is complete, the body is not. May answer already (the body is then read and dropped,
     * or the connection closed), or set r->body_bytes_max. NULL: accept, server's default limit. */
    void (*on_head)(struct http_handler *h, struct http_request *r);
    /* The request is complete (r->body). Must answer now or later, exactly once. */
    void (*on_request)(struct http_handler *h, struct http_request *r);
    /* The client left (or the body broke off) before it was answered. Not called after an answer.
     * The request dies at the end of the iteration. May be NULL. */
    void (*on_abort)(struct http_handler *h, struct http_request *r);
};

struct http_request {
    struct http_conn *conn;
    struct http_handler *handler;
    void *user;              /* the handler's, for this request */
    struct http_head head;   /* slices into memory that lives as long as the request */
    str head_text;           /* the whole head as received */
    struct buf body;
    size_t body_bytes_max;   /* a larger body is answered 413, empty, by the server */
    bool answered;
    bool secure;             /* came over TLS */
    bool responding;         /* a streamed answer is under way */
};

struct http_limits {
    uint32_t head_bytes_max;    /* 16 KiB */
    uint32_t body_bytes_max;    /* 1 MiB; handlers may set another per request */
    uint32_t head_timeout_ms;   /* 10 s */
    uint32_t body_timeout_ms;   /* 60 s */
    uint32_t idle_timeout_ms;   /* 75 s; between requests of a kept connection */
    uint32_t connections_max;   /* 0: no limit; beyond it: 503 and close */
};
#define HTTP_LIMITS_DEFAULT ((struct http_limits){ 16384, 1 << 20, 10000, 60000, 75000, 0 })

struct http_stats {
    uint64_t connections, connections_open, requests, upgrades;
    uint64_t bad_requests, timeouts, too_large, aborted, refused;
};

/* Chosen once per request, when its head is complete. `why_status` 404 or 405 when NULL. */
typedef struct http_handler *(*http_route)(void *user, struct http_request *r, unsigned *why_status);

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct http_stats stats;
    http_route route;
    void *route_user;
    struct list conns;        /* of struct http_conn, oldest first */
    struct listener listener;
    bool closing;
};

void http_server_init(struct http_server *s, struct loop *l, const struct http_limits *limits, http_route route, void *route_user);
int http_server_listen(struct http_server *s, const char *host, uint16_t port, char *why) MUST_CHECK;
/* Takes an accepted descriptor (tests; later, descriptors passed between workers). */
void http_server_adopt(struct http_server *s, int fd);
/* Stops listening, lets running requests finish, closes idle connections. */
void http_server_close(struct http_server *s);
/* Closes everything at once. */
void http_server_abort(struct http_server *s);

/* --- Answering --- */
struct http_response {
    unsigned status;          /* 200 when 0 */
    str type;                 /* Content-Type; none when empty */
    str headers;              /* further header lines, each ended by CRLF */
    str body;                 /* copied */
    bool close;               /* close the connection afterwards */
    bool compress;            /* gzip/deflate it if the client accepts and it is large enough */
};
/* Answers in one go: Content-Length, Connection and (only where needed) Date are added. HEAD sends no body. */
void http_respond(struct http_request *r, const struct http_response *res);
/* {"status":...} style plain text answers: body is the reason phrase. */
void http_respond_status(struct http_request *r, unsigned status);

/* Streams an answer of known length: head first, then pieces; on_drain asks for more when the queue is
 * empty again. All `length` bytes must be given, or the connection is closed. */
struct http_pull {
    /* Gives more bytes through http_respond_piece(); called again until length is reached. */
    void (*on_drain)(struct http_pull *p, struct http_request *r);
    /* The answer is complete or cannot be completed: release what p holds. */
    void (*on_done)(struct http_pull *p, bool complete);
};
void http_respond_stream(struct http_request *r, const struct http_response *res, uint64_t length, struct http_pull *p);
void http_respond_piece(struct http_request *r, str bytes);

/* Takes the stream away from the HTTP connection for an upgrade; the request is answered thereby, and
 * dies at the end of the iteration. Bytes behind the head stay kept in the stream. */
struct stream *http_take_stream(struct http_request *r);

/* The peer's address as text, valid as long as the connection. */
str http_peer(struct http_request *r);

/* The value of a query parameter, unescaped into scratch; p == NULL when absent. The first wins. */
str http_query(const struct http_request *r, str name, struct buf *scratch);

#endif
