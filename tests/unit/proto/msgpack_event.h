/* unit/proto/msgpack_event.h - messages of socket.io-msgpack-parser as literals.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_PROTO_MSGPACK_EVENT_H
#define UNIT_PROTO_MSGPACK_EVENT_H

#include "proto/json.h"
#include "proto/sio_packet.h"

static const struct sio_limits limits = { .attachments_max = 10, .depth_max = JSON_DEPTH };

/* Messages with this data, in bytes; ARGS adds one argument to an event "e". */
#define MESSAGE(type, data)                                                                        \
    "\x83\xa4type" type "\xa4"                                                                     \
    "data" data "\xa3nsp\xa1/"
#define EVENT(data) MESSAGE("\x02", data)
#define ARGS(argument)                                                                             \
    EVENT("\x92\xa1"                                                                               \
          "e" argument)

#define PLACEHOLDER(k) "{\"_placeholder\":true,\"num\":" k "}"

#endif
