/* proto/eio3_payload.h - Engine.IO protocol 3, which clients of Socket.IO 2 speak: packets, and
 * polling payloads in their two forms (socketio.md 1.11).
 *
 * A text is a type digit and data; bytes are a type byte and data, or "b4" and base64 where only
 * text can travel. A payload of texts puts "<length>:" in front of each, counted in UTF-16 code
 * units; a payload with bytes puts 00 (text) or 01 (bytes), the length in bytes as digits from 0 to
 * 9, and ff. Only messages may hold bytes here.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_EIO3_PAYLOAD_H
#define PROTO_EIO3_PAYLOAD_H

#include "base/buf.h"
#include "base/str.h"
#include "proto/eio_packet.h"

/* Decodes one packet of a text frame or of a payload. Behind 'b' and the type stands base64, which
 * is decoded in place, so text is written to. Text must already be known to be UTF-8. PARSE_DONE or
 * PARSE_BAD (empty, unknown type, bad base64, bytes that are no message). */
enum parse eio3_packet_decode(char *text, size_t n, struct eio_packet *out);
/* The same for a binary frame. */
enum parse eio3_packet_decode_binary(str frame, struct eio_packet *out);

/* Cuts the next packet off a payload and decodes it. *rest starts as the body; after PARSE_DONE,
 * rest->p == NULL when that was the last packet. An empty payload or packet is PARSE_BAD.
 * The first is for text (which must already be known to be UTF-8), the second for
 * application/octet-stream. */
enum parse eio3_payload_next(str *rest, struct eio_packet *out);
enum parse eio3_payload_next_binary(str *rest, struct eio_packet *out);

/* Appends a packet to a payload of texts, bytes as base64. Text data is UTF-8. */
void eio3_payload_add(struct buf *out, enum eio_type type, bool binary, str data);
/* Appends a packet to a payload with bytes. */
void eio3_payload_add_binary(struct buf *out, enum eio_type type, bool binary, str data);

#endif
