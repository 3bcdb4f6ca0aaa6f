/* proto/sio_msgpack_json.h - the data of a packet, from MessagePack to JSON; used by
 * sio_msgpack_decode.c only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SIO_MSGPACK_JSON_H
#define PROTO_SIO_MSGPACK_JSON_H

#include "base/buf.h"
#include "base/str.h"

struct sio_msgpack_json {
    struct buf *text;        /* where the JSON is appended */
    struct buf *attachments; /* of str; NULL: bytes are spelled out in the JSON */
    uint32_t attachments_max;
    unsigned depth_max; /* of the JSON */
};

/* Converts `value`, which is one whole value and not undefined. Returns NULL, or why it cannot be.
 */
const char *sio_msgpack_to_json(const struct sio_msgpack_json *to, str value);

/* Whether the bytes of a value are notepack's undefined. */
static inline bool sio_msgpack_undefined(str value)
{
    return value.n == 3 && (uint8_t)value.p[0] == 0xd4 && value.p[1] == 0;
}

#endif
