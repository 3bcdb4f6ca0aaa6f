/* engineio/request.h - what the query of an Engine.IO request says, and answers that refuse one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_REQUEST_H
#define ENGINEIO_REQUEST_H

#include "engineio/server.h"

/* Engine.IO's error codes: the number in the body of a refusal. */
enum eio_error {
    EIO_ERROR_NONE = -1,
    EIO_ERROR_TRANSPORT, /* Transport unknown */
    EIO_ERROR_SID,       /* Session ID unknown */
    EIO_ERROR_METHOD,    /* Bad handshake method */
    EIO_ERROR_REQUEST,   /* Bad request */
    EIO_ERROR_FORBIDDEN, /* Forbidden */
    EIO_ERROR_VERSION    /* Unsupported protocol version */
};

struct eio_query {
    uint8_t transport; /* EIO_POLLING, EIO_WEBSOCKET, or 0: absent or unknown */
    bool version4;     /* EIO=4; whatever else is said, or nothing, means 3 */
    bool base64;       /* b64 is set */
    uint8_t sid_len;   /* 0: absent or empty; a longer one than fits is cut, and so unknown */
    char sid[EIO_SID_MAX + 1];
};

/* The last of several parameters of a name counts, as in Node. */
void eio_query_parse(struct eio_query *q, str query);

/* Whether the request asks for a WebSocket. */
bool eio_request_upgrades(const struct http_request *r);

/* Answers and tells on_error. message: empty for the code's own text. */
void eio_refuse(struct eio_server *e, struct http_request *r, enum eio_error code, str message,
                const char *context);
/* 503: the server closes, or holds as many sessions as it may. */
void eio_refuse_busy(struct eio_server *e, struct http_request *r, const char *context);
/* 429: too many handshakes of an address. The application is not told, which would cost as much. */
void eio_refuse_rate(struct eio_server *e, struct http_request *r);
/* What asks for a WebSocket is no good handshake of one: that status, why as text. */
void eio_refuse_upgrade(struct eio_server *e, struct http_request *r, unsigned status, str why);
/* An answer without a body; close: the connection too. */
void eio_answer_empty(struct eio_server *e, struct http_request *r, unsigned status, bool close);
/* The header lines that every answer to r has, in e->head, to which more may be added. */
struct buf *eio_answer_head(struct eio_server *e, const struct http_request *r);
/* Lets hooks.on_headers, which is there, change the lines in head, and those that r was given. May
 * run anything: e's scratch buffers are in use no more. */
void eio_headers_hook(struct eio_server *e, struct http_request *r, struct buf *head, bool initial);

/* --- server.c --- */
/* r has passed the middlewares. complete: of a POST that had to wait for them, its body is there.
 */
void eio_server_admit(struct eio_server *e, struct http_request *r, bool complete);

#endif
