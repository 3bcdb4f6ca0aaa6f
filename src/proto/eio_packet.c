/* proto/eio_packet.c - Engine.IO protocol 4: packets and polling payloads.
 *
 * Pure: no I/O, no clock; decoding allocates nothing and turns base64 into bytes in place.
 * Start reading at eio_payload_next().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/eio_packet.h"

#include "base/base64.h"

enum parse eio_packet_decode(char *text, size_t n, struct eio_packet *out)
{
    ptrdiff_t bytes;

    if (n == 0)
        return PARSE_BAD;
    if (text[0] >= '0' + EIO_OPEN && text[0] <= '0' + EIO_NOOP) {
        *out = (struct eio_packet){
            .type = (enum eio_type)(text[0] - '0'),
            .data = str_n(text + 1, n - 1),
        };
        return PARSE_DONE;
    }
    if (text[0] != 'b')
        return PARSE_BAD;
    bytes = base64_decode((uint8_t *)text + 1, str_n(text + 1, n - 1));
    if (bytes < 0)
        return PARSE_BAD;
    *out = (struct eio_packet){
        .type = EIO_MESSAGE,
        .binary = true,
        .data = str_n(text + 1, (size_t)bytes),
    };
    return PARSE_DONE;
}

enum parse eio_payload_next(str *rest, struct eio_packet *out)
{
    str packet;

    /* Behind a trailing separator stands an empty packet, which the decoder refuses. */
    if (!str_cut(rest, EIO_SEPARATOR, &packet))
        return PARSE_BAD;
    return eio_packet_decode((char *)packet.p, packet.n, out);
}

void eio_payload_add(struct buf *out, enum eio_type type, bool binary, str data)
{
    if (out->len > 0)
        buf_byte(out, EIO_SEPARATOR);
    if (binary) {
        buf_byte(out, 'b');
        base64_encode((char *)buf_extend(out, base64_encoded_size(data.n)), data.p, data.n);
        return;
    }
    buf_byte(out, (uint8_t)('0' + type));
    buf_add(out, data);
}
