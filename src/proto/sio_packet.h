/* proto/sio_packet.h - Socket.IO protocol 5: <type>[<attachments>-][<nsp>,][<id>][<json>].
 *
 * Decoding validates everything that the protocol asks for, so that later layers may forward the
 * JSON text as it came. All slices of a decoded packet point into the input.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SIO_PACKET_H
#define PROTO_SIO_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/parse.h"

enum sio_type {
    SIO_CONNECT,
    SIO_DISCONNECT,
    SIO_EVENT,
    SIO_ACK,
    SIO_CONNECT_ERROR,
    SIO_BINARY_EVENT,
    SIO_BINARY_ACK
};
enum { SIO_NO_ID = -1 };

struct sio_packet {
    enum sio_type type;
    uint32_t attachments; /* of the binary types; else 0 */
    str nsp;              /* "/" when omitted */
    int64_t id;           /* SIO_NO_ID: none */
    str data;             /* JSON text, of the type the packet asks for; p == NULL when absent */
    str event;            /* of events with data: the name, a string token or a number */
};

struct sio_limits {
    uint32_t attachments_max; /* 10 by default in Socket.IO */
    unsigned depth_max;       /* JSON_DEPTH */
};

/* PARSE_DONE or PARSE_BAD; `why` (may be NULL) then names the reason in a few words.
 *
 * Data may be absent from every type (as in JavaScript: "42" is an event without a name, "431" an
 * answer without arguments); when there, it is an object for CONNECT, an array for events and acks,
 * an object or a string for CONNECT_ERROR, and refused for DISCONNECT. Binary packets come with
 * 1 to attachments_max attachments; placeholders are not looked at here. */
enum parse sio_packet_decode(str text, const struct sio_limits *limits, struct sio_packet *out,
                             const char **why);

/* Appends the part in front of the JSON: type, attachment count, namespace, id. */
void sio_packet_head(struct buf *out, enum sio_type type, uint32_t attachments, str nsp,
                     int64_t id);
/* Upper bound of what sio_packet_head() appends. */
size_t sio_packet_head_size(str nsp);

/* Whether a peer may not send an event of that name (connect, disconnect, ...), however it is
 * spelled. token: with quotes. */
bool sio_event_reserved(str token);

/* Binary packets: every {"_placeholder":true,"num":k} in the checked text has an integer k from 0
 * to count - 1. ATR_EPROTOCOL otherwise. */
int sio_placeholders_check(str json, uint32_t count) MUST_CHECK;

/* If value is a placeholder object returns its number, else -1. */
int64_t sio_placeholder(str value);

#endif
