/* proto/colyseus_message.h - frames between a Colyseus room and a client: one code byte, then what
 * the code says. Numbers and texts are those of proto/schema_primitive.h, payloads MessagePack.
 *
 * Clients of three generations (0.16, 0.17, 0.18) are served; they differ in JOIN_ROOM alone. State
 * and patches are the code and what proto/schema.h encodes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_COLYSEUS_MESSAGE_H
#define PROTO_COLYSEUS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/parse.h"

enum colyseus_code {
    COLYSEUS_JOIN_ROOM =
        10, /* to the client; its answer, when it is ready for state, is the same */
    COLYSEUS_ERROR = 11,
    COLYSEUS_LEAVE_ROOM = 12, /* from the client, which leaves on purpose */
    COLYSEUS_ROOM_DATA = 13,
    COLYSEUS_ROOM_STATE = 14,
    COLYSEUS_ROOM_STATE_PATCH = 15,
    COLYSEUS_ROOM_DATA_BYTES = 17,
    COLYSEUS_PING = 18, /* answered by the same */
    COLYSEUS_ROOM_INPUT = 19,
    COLYSEUS_ROOM_INPUT_UNRELIABLE = 20,
    COLYSEUS_ROOM_REQUEST = 21,
    COLYSEUS_ROOM_RESPONSE = 22
};

/* Which clients a JOIN_ROOM is for. */
enum colyseus_generation {
    COLYSEUS_ANY = 0, /* one form that all three accept */
    COLYSEUS_16 = 16,
    COLYSEUS_17 = 17,
    COLYSEUS_18 = 18
};

enum colyseus_status { COLYSEUS_OK, COLYSEUS_REJECTED, COLYSEUS_FAILED };

/* What kind of message it is, for the application: a text or an integer. */
struct colyseus_type {
    str name; /* p is NULL when it is a number */
    int64_t number;
};

/* --- Reading --- */

struct colyseus_message {
    uint8_t code; /* also one that is not listed above: JavaScript's server ignores those */
    struct colyseus_type type; /* of ROOM_DATA, ROOM_DATA_BYTES and ROOM_REQUEST */
    uint32_t id;               /* of ROOM_REQUEST and ROOM_RESPONSE */
    uint8_t status;            /* of ROOM_RESPONSE */
    int32_t error;             /* of ERROR; its text is the body */
    str body; /* what follows: a payload, raw bytes, state; n is 0 when there is none */
};

/* Reads what a client sends. PARSE_DONE or PARSE_BAD. */
enum parse colyseus_decode(str frame, struct colyseus_message *out);
/* Reads what a server sends; of JOIN_ROOM the body alone. PARSE_DONE or PARSE_BAD. */
enum parse colyseus_decode_sent(str frame, struct colyseus_message *out);

/* The payload of a message as plain MessagePack, whatever wrote it.
 *
 * JavaScript's clients since 0.16 write objects as "records": the first of a shape brings its keys
 * (d4 72 id keys), later ones name it by a byte from 40 to 7f. Records become maps, undefined
 * (d4 00 00) becomes nil; the rest is copied as it stands. The result is one whole value, at most
 * depth_max deep; *out is `in` itself when that is plain already, else lies in scratch, whose max
 * bounds it (a record repeats its keys, so the result can be far longer).
 *
 * ATR_ESYNTAX: not one whole value; ATR_ELIMIT: too deep or too long. */
int colyseus_plain(str in, unsigned depth_max, struct buf *scratch, str *out) MUST_CHECK;

/* --- Writing: appends one frame. --- */

struct colyseus_join {
    enum colyseus_generation generation;
    str token;      /* of reconnection: at most 255 bytes */
    str serializer; /* "schema" or "none": at most 255 bytes */
    str reflection; /* as schema_reflect() gives it for that generation; n is 0 without state, and
                     * for a client that says that it has it already (skipHandshake) */
};
void colyseus_write_join(struct buf *out, const struct colyseus_join *join);
/* Sections behind the reflection, for 0.18 alone: others take them for part of it. */
void colyseus_write_join_section(struct buf *out, uint8_t tag, str bytes);

void colyseus_write_code(struct buf *out,
                         enum colyseus_code code); /* PING, LEAVE_ROOM, an answer */
void colyseus_write_error(struct buf *out, int32_t code, str text);
/* ROOM_DATA with a payload of MessagePack, or none; ROOM_DATA_BYTES with bytes. The caller may also
 * give no body and append it. */
void colyseus_write_data(struct buf *out, enum colyseus_code code, const struct colyseus_type *type,
                         str body);
void colyseus_write_request(struct buf *out, uint32_t id, const struct colyseus_type *type,
                            str payload);
void colyseus_write_response(struct buf *out, uint32_t id, enum colyseus_status status,
                             str payload);

#endif
