/* proto/ws_frame.h - RFC 6455 frame headers, masking, close codes: bytes <-> values.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_WS_FRAME_H
#define PROTO_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/parse.h"

enum ws_op { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum { WS_HEAD_MAX = 14, WS_SERVER_HEAD_MAX = 10, WS_CONTROL_MAX = 125 };

struct ws_frame {
    uint8_t op; /* enum ws_op */
    bool fin, masked, rsv1;
    uint8_t head; /* bytes of the header */
    uint8_t mask[4];
    uint64_t len; /* of the payload */
};

/* Why a header is PARSE_BAD: the close code to answer with. */
enum ws_bad { WS_BAD_PROTOCOL = 1002, WS_BAD_TOO_BIG = 1009 };

struct ws_rules {
    uint64_t len_max; /* longer payloads are PARSE_BAD with WS_BAD_TOO_BIG */
    bool server;      /* we are the server: frames must be masked; a client's must not be */
    bool rsv1;        /* permessage-deflate was negotiated */
};

/* Parses one frame header. On PARSE_BAD *bad says which close code fits; f is set on PARSE_DONE
 * only. Whether a continuation may come now is the caller's to know. */
enum parse ws_frame_parse(const uint8_t *in, size_t n, const struct ws_rules *rules,
                          struct ws_frame *f, enum ws_bad *bad);

/* Writes an unmasked (server) header into out (WS_SERVER_HEAD_MAX bytes); returns its length. */
size_t ws_frame_head(uint8_t *out, enum ws_op op, bool fin, uint64_t len);
size_t ws_frame_head_size(uint64_t len);
/* The client's form, masked with mask (WS_HEAD_MAX bytes of room). */
size_t ws_frame_head_masked(uint8_t *out, enum ws_op op, bool fin, uint64_t len,
                            const uint8_t mask[4]);

/* Unmasks (or masks) n bytes in place; `at` is the position of p within the payload. Word-wise. */
void ws_unmask(uint8_t *p, size_t n, const uint8_t mask[4], uint64_t at);

/* Whether a peer may send this close code (7.4). */
bool ws_close_code_valid(unsigned code);

/* The 28 characters of Sec-WebSocket-Accept for a key that is ws_key_valid() (4.2.2); out is not
 * terminated. */
void ws_accept_key(char out[28], str key);
/* Whether a Sec-WebSocket-Key is 16 bytes of base64 (4.1). */
bool ws_key_valid(str key);

#endif
