/* ws/deflate.h - permessage-deflate (RFC 7692): agreeing on it, and what a connection keeps of it.
 *
 * A connection whose context is carried over from message to message keeps the last bytes of what
 * was said, plain, up to its window; no compressor (see http/deflate.h). Without a context for the
 * server a message is compressed once for all the connections it goes to.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WS_DEFLATE_H
#define WS_DEFLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/msg.h"

struct http_request;
struct ws_conn;

/* What the server's owner wants. A zeroed one is off. */
struct ws_deflate_options {
    bool enabled;
    bool server_no_context_takeover, client_no_context_takeover; /* insist on it */
    uint8_t server_max_window_bits;                              /* 9 to 15 */
    uint8_t client_max_window_bits; /* 8 to 15; below 15 clients that cannot be told are declined */
    uint8_t level, mem_level;       /* 1 to 9 */
    uint32_t threshold;             /* shorter messages are sent as they are */
};
#define WS_DEFLATE_OPTIONS_DEFAULT                                                                 \
    ((struct ws_deflate_options){ .enabled = true,                                                 \
                                  .server_no_context_takeover = true,                              \
                                  .server_max_window_bits = 15,                                    \
                                  .client_max_window_bits = 15,                                    \
                                  .level = 6,                                                      \
                                  .mem_level = 8,                                                  \
                                  .threshold = 1024 })

/* What both sides have agreed upon. */
struct ws_deflate_terms {
    bool server_no_context_takeover, client_no_context_takeover;
    uint8_t server_bits, client_bits;
    bool say_server_bits, say_client_bits; /* in the answer */
    uint8_t level, mem_level;
    uint32_t threshold;
};

/* Looks for an offer that we accept, the client's first choice first (7.1). Returns 1, 0 when there
 * is none, or ATR_ESYNTAX when Sec-WebSocket-Extensions is malformed: such a handshake fails
 * (RFC 6455 9.1). */
int ws_deflate_agree(struct ws_deflate_terms *t, const struct http_request *r,
                     const struct ws_deflate_options *o);
/* The header line of the answer, ended by CRLF. */
void ws_deflate_answer(struct buf *out, const struct ws_deflate_terms *t);

/* --- Internal to ws --- */

struct ws_history { /* the end of what was said in one direction */
    uint8_t *data;  /* NULL: nothing */
    uint32_t len, cap;
};

struct ws_deflate {
    struct ws_deflate_terms terms;
    struct ws_history sent, received;
    bool gathering; /* the message that comes in pieces is a compressed one */
};

struct ws_deflate *ws_deflate_new(const struct ws_deflate_terms *t)
    __attribute__((returns_nonnull));
void ws_deflate_free(struct ws_deflate *d); /* NULL is fine */

/* For another process: appends a map (proto/frozen.h), and makes the same again of one. NULL: it is
 * none. */
void ws_deflate_freeze(const struct ws_deflate *d, struct buf *out);
struct ws_deflate *ws_deflate_thaw(str map);

/* Restores a message of at most bytes_max bytes; *plain is good until the next call. ATR_ELIMIT or
 * ATR_ESYNTAX. */
int ws_deflate_open(struct ws_deflate *d, str packed, uint32_t bytes_max, str *plain) MUST_CHECK;

/* Gives this thread's scratch memory back (at exit, and in tests). */
void ws_deflate_trim(void);

#endif
