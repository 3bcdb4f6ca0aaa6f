/* proto/eio3_payload.c - Engine.IO protocol 3: packets and the two forms of polling payloads.
 *
 * Stricter than its JavaScript decoder where no client relies on less: lengths are decimal digits
 * and what they promise is there, packets are not empty, the text marker is 00 and not anything but
 * 01. Pure; decoding allocates nothing and turns base64 into bytes in place.
 *
 * Start reading at eio3_payload_next().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/eio3_payload.h"

#include "base/base64.h"
#include "base/utf8.h"

enum { MARK_TEXT = 0x00, MARK_BINARY = 0x01, MARK_DATA = 0xff };
enum { DIGITS_MAX = 20 }; /* of a length: more would only be leading zeros */

static bool has_type(char digit)
{
    return digit >= '0' + EIO_OPEN && digit <= '0' + EIO_NOOP;
}

enum parse eio3_packet_decode(char *text, size_t n, struct eio_packet *out)
{
    ptrdiff_t bytes;

    if (n == 0)
        return PARSE_BAD;
    if (has_type(text[0])) {
        *out = (struct eio_packet){
            .type = (enum eio_type)(text[0] - '0'),
            .data = str_n(text + 1, n - 1),
        };
        return PARSE_DONE;
    }
    if (n < 2 || text[0] != 'b' || text[1] != '0' + EIO_MESSAGE)
        return PARSE_BAD;
    bytes = base64_decode((uint8_t *)text + 2, str_n(text + 2, n - 2));
    if (bytes < 0)
        return PARSE_BAD;
    *out = (struct eio_packet){
        .type = EIO_MESSAGE,
        .binary = true,
        .data = str_n(text + 2, (size_t)bytes),
    };
    return PARSE_DONE;
}

enum parse eio3_packet_decode_binary(str frame, struct eio_packet *out)
{
    if (frame.n == 0 || frame.p[0] != EIO_MESSAGE)
        return PARSE_BAD;
    *out = (struct eio_packet){
        .type = EIO_MESSAGE,
        .binary = true,
        .data = str_n(frame.p + 1, frame.n - 1),
    };
    return PARSE_DONE;
}

/* Takes n bytes off the front; the rest is none when nothing is left. */
static str take(str *rest, size_t n)
{
    str front = str_n(rest->p, n);

    *rest = n < rest->n ? str_n(rest->p + n, rest->n - n) : (str){ 0 };
    return front;
}

/* Code units of the character that begins with this byte; none for a continuation byte. */
static size_t units_of(char c)
{
    uint8_t byte = (uint8_t)c;

    return (size_t)((byte & 0xc0) != 0x80) + (byte >= 0xf0);
}

static size_t utf16_units(str text)
{
    size_t units = 0;

    for (size_t i = 0; i < text.n; i++)
        units += units_of(text.p[i]);
    return units;
}

/* How many bytes hold that many code units. -1 when there are not so many, or the last of them is
 * half a character. */
static ptrdiff_t bytes_of_units(str text, uint64_t units)
{
    size_t at = 0;

    while (at < text.n) {
        size_t more = units_of(text.p[at]);
        if (more > units)
            break;
        units -= more;
        at++;
    }
    if (units > 0)
        return -1;
    return (ptrdiff_t)at;
}

enum parse eio3_payload_next(str *rest, struct eio_packet *out)
{
    str text = *rest, digits;
    uint64_t units;
    ptrdiff_t n;

    if (!str_cut(&text, ':', &digits) || !text.p)
        return PARSE_BAD;
    if (digits.n > DIGITS_MAX || str_to_u64(digits, UINT64_MAX, &units) < 0)
        return PARSE_BAD;
    n = bytes_of_units(text, units);
    if (n <= 0 || eio3_packet_decode((char *)text.p, (size_t)n, out) != PARSE_DONE)
        return PARSE_BAD;
    (void)take(&text, (size_t)n);
    *rest = text;
    return PARSE_DONE;
}

/* The digits, which are bytes from 0 to 9, and the mark behind them. Returns how many bytes they
 * are, or 0. */
static size_t read_length(str in, uint64_t *out)
{
    uint64_t value = 0;
    size_t at = 0;

    for (; at < in.n && at < DIGITS_MAX && (uint8_t)in.p[at] <= 9; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint8_t)in.p[at], &value))
            return 0;
    if (at == 0 || at == in.n || (uint8_t)in.p[at] != MARK_DATA)
        return 0;
    *out = value;
    return at + 1;
}

enum parse eio3_payload_next_binary(str *rest, struct eio_packet *out)
{
    str in = *rest, data;
    enum parse answer;
    uint64_t length;
    size_t head;
    char mark;

    if (in.n == 0 || ((uint8_t)in.p[0] != MARK_TEXT && (uint8_t)in.p[0] != MARK_BINARY))
        return PARSE_BAD;
    mark = in.p[0];
    head = read_length(str_n(in.p + 1, in.n - 1), &length);
    if (head == 0 || length > in.n - 1 - head)
        return PARSE_BAD;
    (void)take(&in, 1 + head);
    if (length == 0)
        return PARSE_BAD;
    data = take(&in, (size_t)length);
    if (mark == MARK_BINARY)
        answer = eio3_packet_decode_binary(data, out);
    else if (!utf8_valid(data.p, data.n))
        answer = PARSE_BAD;
    else
        answer = eio3_packet_decode((char *)data.p, data.n, out);
    if (answer == PARSE_DONE)
        *rest = in;
    return answer;
}

void eio3_payload_add(struct buf *out, enum eio_type type, bool binary, str data)
{
    if (binary) {
        size_t n = base64_encoded_size(data.n);
        buf_u64(out, 2 + n);
        buf_append(out, (char[]){ ':', 'b', (char)('0' + type) }, 3);
        if (n)
            base64_encode((char *)buf_extend(out, n), data.p, data.n);
        return;
    }
    buf_u64(out, 1 + utf16_units(data));
    buf_append(out, (char[]){ ':', (char)('0' + type) }, 2);
    buf_add(out, data);
}

void eio3_payload_add_binary(struct buf *out, enum eio_type type, bool binary, str data)
{
    size_t start;

    buf_byte(out, binary ? MARK_BINARY : MARK_TEXT);
    start = out->len;
    buf_u64(out, 1 + data.n);
    for (size_t i = start; i < out->len; i++)
        out->data[i] = (uint8_t)(out->data[i] - '0');
    buf_byte(out, MARK_DATA);
    buf_byte(out, (uint8_t)(binary ? type : '0' + type));
    buf_add(out, data);
}
