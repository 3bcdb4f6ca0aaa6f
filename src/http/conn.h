/* http/conn.h - one server connection. Internal to the http layer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include "http/server.h"

enum http_conn_state {
    HTTP_IDLE, /* between requests: nothing of the next one was received */
    HTTP_HEAD, /* a head is incomplete; its bytes are kept by the stream */
    HTTP_BODY, /* a body is read, or, once the request is answered, dropped */
    HTTP_WAIT, /* the request is complete, its answer is not; the stream is paused */
    HTTP_GONE  /* closed, ended or taken: the memory lives until the end of the iteration */
};

/* All that a connection owns between requests. */
struct http_conn {
    struct list link; /* in server->conns */
    struct http_server *server;
    struct stream *stream;        /* NULL when gone */
    struct http_request *request; /* NULL between requests */
    struct timer timer;           /* of head, body, idle or write; by state */
    struct loop_job job;          /* asks for more of a streamed answer, or resumes; then reaps */
    char *peer;                   /* NULL until asked for */
    struct http_origin *origin;   /* of a relayed connection, in one block; NULL: it is its own */
    uint32_t scanned;             /* bytes of an incomplete head that were looked at */
    uint32_t queued_seen;         /* queued output when the timer was started */
    uint8_t state;                /* enum http_conn_state */
    uint8_t moves;                /* how often it was passed on; no more are counted than fit */
    bool arrived;                 /* the next request is what it was passed on for */
    bool busy;                    /* on_data is on the stack */
    bool close_after;             /* the request under way is the last one */
};

/* Of a body that nobody wants: cheaper read than reconnected for. */
enum { HTTP_DROP_BYTES_MAX = 64 * 1024 };

/* Takes an accepted descriptor into the server's list. tls NULL: plain. */
struct http_conn *http_conn_new(struct http_server *s, int fd, struct tls_context *tls);
/* Whether the server takes one more; else fd was turned away. */
bool http_server_accepts(struct http_server *s, int fd, bool secure);
/* Gives the stream of the request under way to somebody else, and with that the request is
 * answered. */
struct stream *http_conn_release(struct http_conn *c);

/* The same between requests: the stream is the caller's. */
struct stream *http_conn_let_go(struct http_conn *c);

/* Decides whether the connection outlives the answer that is about to be sent; called once per
 * request, before its head is written. */
bool http_conn_keep(struct http_conn *c, bool want_close);
/* The answer of c's request is queued to its end. */
void http_conn_answered(struct http_conn *c);
/* A streamed answer was begun: ask its source for bytes, from the loop. */
void http_conn_pump_later(struct http_conn *c);

/* Writes what is queued, then closes. A request under way is aborted. */
void http_conn_end(struct http_conn *c);
/* Closes at once. */
void http_conn_abort(struct http_conn *c);

/* (Re)starts the timer that the state is under. */
void http_conn_timer(struct http_conn *c, uint32_t delay_ms);
/* The request came whole. */
void http_conn_complete(struct http_conn *c);
/* The request is over: both its body and its answer. */
void http_conn_next(struct http_conn *c);

/* --- body.c --- */
/* The head was not answered: read the body, unless it is known to be too large. */
void http_body_begin(struct http_conn *c);
/* Takes bytes in HTTP_BODY; returns how many. */
size_t http_body_take(struct http_conn *c, const char *p, size_t n);
/* The rest of the body will not be read: the answer is the connection's last. */
void http_body_give_up(struct http_conn *c);

/* --- request.c --- */
/* A request with its own copy of the head. */
struct http_request *http_request_new(struct http_conn *c, const char *text,
                                      const struct http_head *head);
/* Frees r at the end of the iteration. */
void http_request_doom(struct http_request *r, struct loop *l);

/* --- preset.c --- */
void http_preset_free(struct http_request *r);

/* --- response.c --- */
/* Answers what never became a request: status, empty body, Connection: close. */
void http_refuse(struct http_conn *c, unsigned status);
/* --- pull.c --- */
/* Gives up a streamed answer. */
void http_pull_fail(struct http_request *r);

#endif
