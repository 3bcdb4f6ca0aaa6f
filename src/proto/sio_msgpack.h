/* proto/sio_msgpack.h - Socket.IO packets as socket.io-msgpack-parser writes them
 * (socketio.md 2.8): one binary message, a MessagePack map of type, data, nsp and id.
 *
 * All above works on JSON text. So a message is turned into the packet that the usual protocol
 * would have carried, placeholders and attachments included, and such a packet into a message.
 *
 *     MessagePack                        JSON
 *     integers, floats                   the number, floats as JavaScript prints them; NaN and
 *                                        the infinities are null
 *     text                               a string; bytes that are not UTF-8 become U+FFFD
 *     bin, ext 8/16/32 of type 0         {"_placeholder":true,"num":k} and an attachment
 *     fixext 1 of type 0 (undefined)     null; as a member's value: no such member
 *     fixext 8 of type 0 (a date)        a string as Date.toISOString() makes it, or null
 *     other ext                          [type, placeholder], as the JavaScript decoder has it
 *     keys: text, integers               the string; others are refused
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SIO_MSGPACK_H
#define PROTO_SIO_MSGPACK_H

#include "base/buf.h"
#include "base/str.h"
#include "proto/parse.h"
#include "proto/sio_packet.h"

/* What a decoded packet lies in besides its message. Zeroed it is empty; kept and used again,
 * decoding allocates nothing. */
struct sio_msgpack {
    struct buf text;   /* the JSON: no ceiling; at most 20 times as long as the message */
    struct buf slices; /* a str for each attachment */
};

/* PARSE_DONE or PARSE_BAD; `why` (may be NULL) then names the reason in a few words.
 *
 * What a packet may be is as for sio_packet_decode(), but that events and acks need data. Types are
 * those of that protocol as well: with attachments, SIO_BINARY_EVENT or SIO_BINARY_ACK. The data of
 * other packets has no attachments: there, bytes become what JSON.stringify() makes of a Buffer.
 * Data and event point into m->text, nsp and the attachments into the message. What is in m is
 * replaced, whatever the answer. */
enum parse sio_msgpack_decode(str message, const struct sio_limits *limits, struct sio_msgpack *m,
                              struct sio_packet *out, const char **why);

/* out->attachments of them, in the order of their placeholders' numbers. */
static inline const str *sio_msgpack_attachments(const struct sio_msgpack *m)
{
    return (const str *)(const void *)m->slices.data;
}

void sio_msgpack_free(struct sio_msgpack *m); /* leaves it zeroed */

/* Appends the packet as a message: p->type with or without attachments is the same here. p->data is
 * checked JSON; p->attachments says how many slices there are. Placeholders become bin when there
 * are attachments, and stay objects when there are none. scratch is used in between.
 *
 * ATR_ELIMIT when out's ceiling is (nearly) reached or the data is too deep or 4 GiB long,
 * ATR_EPROTOCOL when a placeholder has no attachment, ATR_ESYNTAX when something is not JSON; out
 * is then as it was. */
int sio_msgpack_encode(struct buf *out, const struct sio_packet *p, const str *attachments,
                       struct buf *scratch) MUST_CHECK;

#endif
