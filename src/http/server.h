/* http/server.h - HTTP/1.1 server connections: requests in order, answers in order.
 *
 * One request of a connection is handled at a time; pipelined ones wait in the stream. An answer
 * may come later (long-polling); the client's going away meanwhile is told through on_abort. Slow
 * clients are bounded: head_timeout_ms for a whole head, body_timeout_ms for a whole body,
 * idle_timeout_ms between requests, write_timeout_ms without progress of an answer.
 *
 * A connection owns one small object between requests; a request exists from the end of its head to
 * the end of the iteration in which it was answered, aborted or upgraded.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/buf.h"
#include "base/msg.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/rates.h"
#include "net/stream.h"
#include "proto/http1.h"

struct http_server;
struct http_conn;
struct http_request;
struct http_pull;
struct tls_context;

/* What serves a part of the URL space. */
struct http_handler {
    void *user;
    /* The head is complete, the body is not read yet. May answer already (the body is then read and
     * dropped, or the connection closed), or set r->body_bytes_max. NULL: accept, server's default
     * limit. Never called twice for a request. */
    void (*on_head)(struct http_handler *h, struct http_request *r);
    /* The request is complete (r->body). Must answer now or later, exactly once. Not called when
     * on_head answered. */
    void (*on_request)(struct http_handler *h, struct http_request *r);
    /* The client left (or the body broke off) before it was answered. Not called after an answer.
     * r->answered is true from then on. The request dies at the end of the iteration. May be NULL.
     */
    void (*on_abort)(struct http_handler *h, struct http_request *r);
    /* The body is larger than r->body_bytes_max. Instead of on_request and on_abort, so that what
     * on_head set up can be released. May answer 413 with headers of its own; if it does not, or is
     * NULL, the server answers 413, empty. */
    void (*on_too_large)(struct http_handler *h, struct http_request *r);
    /* Of a request that another process relays: that one is about to go, and an answer that has to
     * wait would be lost, so there should be one now, if only an empty one. May be NULL. */
    void (*on_hurry)(struct http_handler *h, struct http_request *r);
};

struct http_request {
    struct http_conn *conn;
    const struct stream *stream; /* what it came over, also when that was taken or closed since */
    struct http_handler *handler;
    void *user;          /* the handler's, for this request */
    const void *matched; /* the router's: the rule that matched */
    str head_text;       /* the whole head as received */
    struct buf body;     /* the handler may change it in place, or take it: leave a zeroed one */
    struct buf *preset;  /* header lines set before the answer; NULL: none */
    char *client; /* internal: see http_peer(); NULL: not asked for, or the connection's peer */
    size_t body_bytes_max; /* a larger body is answered 413, empty, by the server */
    bool answered;         /* or aborted, or taken: http_respond() is not allowed any more */
    bool secure;           /* came over TLS */
    bool responding;       /* a streamed answer is under way */
    bool arrived;          /* another process passed it on: it is to be answered here */
    /* Internal. */
    bool body_done, continue_due;
    uint8_t class;             /* of the slab */
    uint32_t dropped;          /* bytes of the body that came after the answer */
    uint64_t body_left;        /* bytes of the body to come, when the length is known */
    struct http_chunks chunks; /* else */
    struct http_pull *pull;    /* while responding */
    uint64_t pull_left;
    struct loop_job reap;
    /* Slices into memory that lives as long as the request. Last, because only header_count of the
     * headers exist: never copy it by value. */
    struct http_head head;
};

struct http_limits {
    uint32_t head_bytes_max;   /* 16 KiB */
    uint32_t body_bytes_max;   /* 1 MiB; handlers may set another per request */
    uint32_t head_timeout_ms;  /* 10 s */
    uint32_t body_timeout_ms;  /* 60 s */
    uint32_t idle_timeout_ms;  /* 75 s; between requests of a kept connection */
    uint32_t connections_max;  /* 0: no limit; beyond it: 503 and close */
    uint32_t write_timeout_ms; /* 30 s without the client taking any byte of an answer */
};
#define HTTP_LIMITS_DEFAULT ((struct http_limits){ 16384, 1 << 20, 10000, 60000, 75000, 0, 30000 })

enum { HTTP_CLASSES = 6 }; /* of statuses, by their first digit */

struct http_stats {
    uint64_t connections;      /* accepted, refused ones included */
    uint64_t connections_open; /* now; upgraded ones are their new owner's */
    uint64_t requests;         /* heads that were complete and well formed */
    uint64_t upgrades;
    uint64_t answers[HTTP_CLASSES];
    uint64_t bad_requests; /* malformed heads and chunks */
    uint64_t timeouts;     /* of head, body, idle and write */
    uint64_t too_large;    /* 413 */
    uint64_t aborted;      /* the client left a request before it was answered */
    uint64_t refused;      /* beyond connections_max */
    uint64_t handed_over;  /* connections that went to another process */
    uint64_t adopted;      /* that came from one */
    uint64_t spoken_for;   /* requests that another process relayed */
    uint64_t rate_limited; /* TCP connections that came too fast: 429 */
};

/* Chosen once per request, when its head is complete. `why_status` 404 or 405 when NULL. */
typedef struct http_handler *(*http_route)(void *user, struct http_request *r,
                                           unsigned *why_status);

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct http_stats stats;
    uint64_t streams_open; /* now, upgraded ones included: what connections_max limits */
    http_route route;
    void *route_user;
    struct list conns;                   /* of struct http_conn, oldest first */
    struct rates *rates;                 /* what addresses may do; NULL: anything */
    const struct address_range *proxies; /* who may speak for others; the owner's */
    size_t proxy_count;
    struct listener listener, tls_listener; /* port 0: not listening */
    struct tls_context *tls;                /* what tls_listener shows; the owner's */
    /* The owner's: whether somebody else serves a connection that was accepted here, and has taken
     * fd. NULL: nobody does. */
    bool (*share)(void *user, int fd, bool secure);
    void *share_user;
    bool closing;
};

void http_server_init(struct http_server *s, struct loop *l, const struct http_limits *limits,
                      http_route route, void *route_user);
int http_server_listen(struct http_server *s, const char *host, uint16_t port,
                       char *why) MUST_CHECK;
/* The same for https, beside or instead of it. tls is the caller's, and outlives the server. */
int http_server_listen_tls(struct http_server *s, struct tls_context *tls, const char *host,
                           uint16_t port, char *why) MUST_CHECK;
/* Takes an accepted descriptor. */
void http_server_adopt(struct http_server *s, int fd);
void http_server_adopt_tls(struct http_server *s, int fd, struct tls_context *tls);
/* Takes a connection that another process has accepted and nobody has read from. tls NULL: plain.
 * Also while closing. */
void http_server_take(struct http_server *s, int fd, struct tls_context *tls);
/* Stops listening, lets running requests finish, closes idle connections. */
/* Accepts nobody any more; who is here is served as before. */
void http_server_stop_accepting(struct http_server *s);
void http_server_close(struct http_server *s);
/* Closes everything at once; requests that wait for an answer are aborted. */
void http_server_abort(struct http_server *s);

/* --- Answering --- */
struct http_response {
    unsigned status; /* 200 when 0 */
    str type;        /* Content-Type; none when empty */
    str headers;     /* further header lines, each ended by CRLF */
    str body;        /* copied */
    bool close;      /* close the connection afterwards */
    bool compress;   /* gzip/deflate it if the client accepts; up to 1 MiB, for the loop's sake */
    uint32_t compress_min; /* the smallest body worth compressing; 0: 1024 bytes */
    struct msg *shared; /* a body sent by reference instead of `body`, not compressed; borrowed */
};
/* Answers in one go: Date, Content-Length and (only where needed) Connection are added. HEAD sends
 * no body, nor do 204 and 304, which get no Content-Length either. */
void http_respond(struct http_request *r, const struct http_response *res);
/* Plain text answers: body is the reason phrase. */
void http_respond_status(struct http_request *r, unsigned status);
/* Whether a name and a value may stand in http_response.headers as they are. */
bool http_header_valid(str name, str value);

/* Header lines that are set before the answer is made: it gets them, but for those whose name it
 * has a line of itself. Names and values must be valid, and names allowed: not those that frame
 * messages and are the server's to write. */
bool http_preset_allowed(str name);
/* In place of those of that name; value.p NULL: none at all. */
void http_preset(struct http_request *r, str name, str value);
void http_preset_add(struct http_request *r, str name, str value);
/* Walks: for (size_t at = 0; http_preset_next(r, &at, &name, &value);). */
bool http_preset_next(const struct http_request *r, size_t *at, str *name, str *value);
/* Drops those that `lines` has its own for, and with type the Content-Type. */
void http_preset_yield(struct http_request *r, str lines, bool type);
/* Exchanges them for others: those before are in *lines then. */
void http_preset_swap(struct http_request *r, struct buf *lines);

/* Streams an answer of known length: head first, then pieces; on_drain asks for more, from the
 * loop, whenever the queue is empty again. All `length` bytes must be given, or the connection is
 * closed. */
struct http_pull {
    /* Gives more bytes through http_respond_piece(); called again until length is reached. Giving
     * none means that there are none: the connection is closed. */
    void (*on_drain)(struct http_pull *p, struct http_request *r);
    /* The answer is complete or cannot be completed: release what p holds. Exactly once; may be
     * called from within http_respond_stream() when there is nothing to send (HEAD). */
    void (*on_done)(struct http_pull *p, bool complete);
};
void http_respond_stream(struct http_request *r, const struct http_response *res, uint64_t length,
                         struct http_pull *p);
void http_respond_piece(struct http_request *r, str bytes);
/* The same without a copy: borrows m. */
void http_respond_piece_msg(struct http_request *r, struct msg *m);

/* Takes the stream away from the HTTP connection for an upgrade; the request is answered thereby,
 * and dies at the end of the iteration. Bytes behind the head are offered to the new owner's
 * on_data from the loop. Only for requests without a body. */
struct stream *http_take_stream(struct http_request *r);

/* --- Connections that move between processes (passing.c) --- */
/* Takes the connection away to pass it on: r is answered thereby, and dies at the end of the
 * iteration. Its head is appended to `head`. The stream comes back paused, its events still the
 * connection's: stream_give() it. What lies behind the head stays with it: the body, further
 * requests. Only inside on_head, or on_request of a request without a body, and only if
 * http_may_hand_over(). */
struct stream *http_hand_over(struct http_request *r, struct buf *head);
/* Not what speaks TLS, or for somebody else. */
bool http_may_hand_over(const struct http_request *r);
/* Whether another process has r's connection, and speaks for it. */
bool http_is_relayed(const struct http_request *r);
/* How often r's connection has been passed on before. */
unsigned http_moves(const struct http_request *r);
/* Gives away the plain connections that are between requests: take gets the descriptor of each, to
 * duplicate; false: it could not, and keeps it here, with those that follow. Returns how many have
 * gone. */
size_t http_server_release_idle(struct http_server *s, bool (*take)(void *user, int fd),
                                void *user);
/* Takes a connection that was handed over elsewhere, with what was read of it. Its first request
 * has `arrived`. Also while closing: who waits for its answer is still being served. */
void http_server_adopt_bytes(struct http_server *s, int fd, str bytes, unsigned moves);

/* Whose requests come over a connection that another process relays. */
struct http_origin {
    str peer;      /* as http_peer() */
    str cert;      /* as http_client_cert() */
    bool secure;   /* it speaks TLS there */
    bool verified; /* its certificate */
};
/* Takes a connection of one request, which `arrived`. It ends behind the answer, which does not say
 * so: what that says of the connection is said of the client's. When the other process closes it,
 * the client has left; when that sends its last byte, it is in a hurry. */
void http_server_adopt_relayed(struct http_server *s, int fd, str bytes,
                               const struct http_origin *o);
/* Answers with what another process has made of r, head and all; copied. close: it says that the
 * connection ends then. If that has to end here and the answer does not say so, it is made to. */
void http_respond_relayed(struct http_request *r, str answer, bool close);

/* The loop that the request's connection lives on. */
struct loop *http_request_loop(const struct http_request *r);

/* The client's address: the peer's, or when that is one of server->proxies, what X-Forwarded-For
 * says: of its entries the last one that is no proxy's. False: it has none any more. */
bool http_client(struct http_request *r, struct address *out);
/* Whether that is another than the peer. */
bool http_is_forwarded(struct http_request *r);
/* The same as text, valid as long as the request; a peer's as long as the connection. */
str http_peer(struct http_request *r);

/* The subject of the client's certificate, and whether it was verified; empty when it showed none.
 * Valid until the end of the iteration. */
str http_client_cert(const struct http_request *r, bool *verified);

/* value without its escapes (with plus: '+' is a space), put into scratch behind what is there;
 * p == NULL when an escape is malformed. */
str http_unescaped(str value, bool plus, struct buf *scratch);

/* The value of a query parameter; p == NULL when absent or badly escaped. The first one wins. A
 * value without escapes is a slice of the head; else it is put into scratch, behind what is there.
 */
str http_query(const struct http_request *r, str name, struct buf *scratch);

#endif
