/* proto/colyseus_message.c - see colyseus_message.h. Payloads are in colyseus_payload.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/colyseus_message.h"

#include <math.h>

#include "base/assert.h"
#include "proto/schema_primitive.h"

/* --- Reading --- */

/* What JavaScript's stringCheck() takes for a text. The empty one is none, and its byte none of a
 * number: it cannot be a type, and is refused in its longer forms too. */
static bool is_text(uint8_t prefix)
{
    return (prefix > 0xa0 && prefix < 0xc0) || (prefix >= 0xd9 && prefix <= 0xdb);
}

static enum parse read_type(str *in, struct colyseus_type *out)
{
    double n;

    *out = (struct colyseus_type){ 0 };
    if (in->n > 0 && is_text((uint8_t)*in->p))
        return schema_read_text(in, &out->name) == PARSE_DONE && out->name.n > 0 ? PARSE_DONE
                                                                                 : PARSE_BAD;
    if (schema_read_number(in, &n) != PARSE_DONE || !(fabs(n) <= 0x1p53) || n != trunc(n))
        return PARSE_BAD;
    out->number = (int64_t)n;
    return PARSE_DONE;
}

static enum parse read_response(str *in, struct colyseus_message *m)
{
    if (schema_read_uint(in, UINT32_MAX, &m->id) != PARSE_DONE || in->n == 0)
        return PARSE_BAD;
    m->status = (uint8_t)*in->p;
    *in = str_n(in->p + 1, in->n - 1);
    return PARSE_DONE;
}

static enum parse read_error(str *in, struct colyseus_message *m)
{
    double code;
    str text;

    if (schema_read_number(in, &code) != PARSE_DONE || !(fabs(code) <= INT32_MAX) ||
        schema_read_text(in, &text) != PARSE_DONE)
        return PARSE_BAD;
    m->error = (int32_t)code;
    *in = text;
    return PARSE_DONE;
}

static enum parse decode(str frame, bool sent, struct colyseus_message *out)
{
    struct colyseus_message m = { 0 };
    enum parse answer = PARSE_DONE;
    str rest;

    if (frame.n == 0)
        return PARSE_BAD;
    m.code = (uint8_t)*frame.p;
    rest = str_n(frame.p + 1, frame.n - 1);
    switch (m.code) {
    case COLYSEUS_ROOM_REQUEST:
        answer = schema_read_uint(&rest, UINT32_MAX, &m.id);
        if (answer != PARSE_DONE)
            break;
        __attribute__((fallthrough));
    case COLYSEUS_ROOM_DATA:
    case COLYSEUS_ROOM_DATA_BYTES:
        answer = read_type(&rest, &m.type);
        break;
    case COLYSEUS_ROOM_RESPONSE:
        answer = sent ? read_response(&rest, &m) : PARSE_DONE;
        break;
    case COLYSEUS_ERROR:
        answer = sent ? read_error(&rest, &m) : PARSE_DONE;
        break;
    default:
        break;
    }
    if (answer != PARSE_DONE)
        return PARSE_BAD;
    m.body = rest;
    *out = m;
    return PARSE_DONE;
}

enum parse colyseus_decode(str frame, struct colyseus_message *out)
{
    return decode(frame, false, out);
}

enum parse colyseus_decode_sent(str frame, struct colyseus_message *out)
{
    return decode(frame, true, out);
}

/* --- Writing --- */

static void write_short(struct buf *out, str s)
{
    ASSERT(s.n <= UINT8_MAX);
    buf_byte(out, (uint8_t)s.n);
    buf_add(out, s);
}

void colyseus_write_join(struct buf *out, const struct colyseus_join *join)
{
    buf_byte(out, COLYSEUS_JOIN_ROOM);
    write_short(out, join->token);
    write_short(out, join->serializer);
    if (join->generation == COLYSEUS_18) {
        schema_write_uint(out, (uint32_t)join->reflection.n);
    } else if (join->generation == COLYSEUS_ANY && join->reflection.n > 0) {
        /* Decoders up to 0.17 take the length for a field that they do not know, and look for the
         * next switch of structures, with which this reflection begins. Without reflection they
         * must see nothing at all, and 0.18 copes with that. */
        schema_write_uint(out, (uint32_t)join->reflection.n);
    }
    buf_add(out, join->reflection);
}

void colyseus_write_join_section(struct buf *out, uint8_t tag, str bytes)
{
    buf_byte(out, tag);
    schema_write_uint(out, (uint32_t)bytes.n);
    buf_add(out, bytes);
}

void colyseus_write_code(struct buf *out, enum colyseus_code code)
{
    buf_byte(out, (uint8_t)code);
}

void colyseus_write_error(struct buf *out, int32_t code, str text)
{
    buf_byte(out, COLYSEUS_ERROR);
    schema_write_number(out, code);
    schema_write_text(out, text);
}

static void write_type(struct buf *out, const struct colyseus_type *type)
{
    if (type->name.p)
        schema_write_text(out, type->name);
    else
        schema_write_number(out, (double)type->number);
}

void colyseus_write_data(struct buf *out, enum colyseus_code code, const struct colyseus_type *type,
                         str body)
{
    ASSERT(code == COLYSEUS_ROOM_DATA || code == COLYSEUS_ROOM_DATA_BYTES);
    buf_byte(out, (uint8_t)code);
    write_type(out, type);
    buf_add(out, body);
}

void colyseus_write_request(struct buf *out, uint32_t id, const struct colyseus_type *type,
                            str payload)
{
    buf_byte(out, COLYSEUS_ROOM_REQUEST);
    schema_write_uint(out, id);
    write_type(out, type);
    buf_add(out, payload);
}

void colyseus_write_response(struct buf *out, uint32_t id, enum colyseus_status status, str payload)
{
    buf_byte(out, COLYSEUS_ROOM_RESPONSE);
    schema_write_uint(out, id);
    buf_byte(out, (uint8_t)status);
    buf_add(out, payload);
}
