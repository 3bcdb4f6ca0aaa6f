/* socketio/options.h - settings of a Socket.IO server beyond those of its engine.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_OPTIONS_H
#define SOCKETIO_OPTIONS_H

#include "engineio/options.h"

struct sio_recovery_options {
    bool enabled;          /* connectionStateRecovery */
    bool skip_middlewares; /* true */
    uint32_t duration_ms;  /* maxDisconnectionDuration, 120000 */
    size_t bytes_max;      /* 64 MiB: of what a namespace keeps of what was sent; 16 more for who */
};

/* The wire of packets: the usual texts, or socket.io-msgpack-parser's (2.8). */
enum sio_parser {
    SIO_PARSER_DEFAULT,
    SIO_PARSER_MSGPACK,
    SIO_PARSER_AUTO /* each connection as its first message is: text or binary */
};

struct sio_options {
    struct eio_options engine;   /* path "/socket.io/" */
    enum sio_parser parser;      /* of new connections; SIO_PARSER_AUTO */
    uint32_t connect_timeout_ms; /* 45000: to the first namespace */
    uint32_t attachments_max;    /* maxAttachments, 10: of one packet from a client */
    uint32_t json_depth_max;     /* 256 */
    uint32_t rooms_max;          /* per socket; 0: no limit */
    uint32_t namespaces_max;     /* per connection, pending ones included; 64 */
    bool cleanup_empty_child_namespaces;
    struct sio_recovery_options recovery;
};

/* Node's defaults, and ours where Node has no limit. Strings are literals. */
void sio_options_default(struct sio_options *o);

#endif
