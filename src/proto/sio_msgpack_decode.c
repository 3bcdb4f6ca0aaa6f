/* proto/sio_msgpack_decode.c - messages of socket.io-msgpack-parser to packets.
 *
 * The outer map is read into slices of its values, of several members of one name the last, as in
 * JavaScript; then each is looked at. What the usual protocol refuses is refused here too, so that
 * all above may rely on the same.
 *
 * Start reading at sio_msgpack_decode().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_msgpack.h"

#include "base/utf8.h"
#include "proto/json.h"
#include "proto/msgpack.h"
#include "proto/sio_msgpack_json.h"

enum { TYPE, DATA, NSP, ID, FIELDS };

static const str names[FIELDS] = { { "type", 4 }, { "data", 4 }, { "nsp", 3 }, { "id", 2 } };

/* What is being decoded. The steps below return NULL or why the packet is refused. */
struct decoder {
    str fields[FIELDS]; /* the bytes of the values; p == NULL: absent, or undefined */
    struct sio_packet packet;
    struct sio_msgpack *m;
    const struct sio_limits *limits;
};

/* The value stays as bytes: containers are stepped over. */
static const char *read_member(struct decoder *d, struct msgpack_reader *r)
{
    str raw;

    if (msgpack_reader_next(r) != MSGPACK_STRING)
        return "a field without a name";
    for (int i = 0; i <= FIELDS; i++) {
        if (i < FIELDS && !str_eq(r->bytes, names[i]))
            continue;
        if (msgpack_reader_skip(r, &raw) != PARSE_DONE)
            return "not MessagePack";
        if (i < FIELDS)
            d->fields[i] = sio_msgpack_undefined(raw) ? (str){ 0 } : raw;
        break;
    }
    return NULL;
}

static const char *read_fields(struct decoder *d, str message)
{
    struct msgpack_reader r;
    const char *why = NULL;

    msgpack_reader_init(&r, message, 1);
    if (msgpack_reader_next(&r) != MSGPACK_MAP)
        return "not a MessagePack map";
    for (uint32_t left = r.count; left > 0 && !why; left--)
        why = read_member(d, &r);
    return why || r.at == r.end ? why : "bytes behind the packet";
}

/* The token of a value that is no container; otherwise of its head. */
static enum msgpack_token read_scalar(str raw, struct msgpack_reader *r)
{
    msgpack_reader_init(r, raw, 1);
    return raw.n ? msgpack_reader_next(r) : MSGPACK_END;
}

/* An integer from 0, in any form that means one. */
static bool read_integer(str raw, int64_t *out)
{
    struct msgpack_reader r;
    enum msgpack_token t = read_scalar(raw, &r);

    if (t == MSGPACK_FLOAT && r.number >= 0 && r.number < 0x1p63)
        *out = (int64_t)r.number;
    else if (t == MSGPACK_UINT && r.uint <= INT64_MAX)
        *out = (int64_t)r.uint;
    else
        return false;
    return t == MSGPACK_UINT || r.number == (double)*out;
}

static const char *read_type(struct decoder *d)
{
    int64_t type;

    if (!read_integer(d->fields[TYPE], &type) || type > SIO_CONNECT_ERROR)
        return "unknown packet type";
    d->packet.type = (enum sio_type)type;
    return NULL;
}

static const char *read_nsp(struct decoder *d)
{
    struct msgpack_reader r;

    if (read_scalar(d->fields[NSP], &r) != MSGPACK_STRING)
        return "no namespace";
    if (r.bytes.n == 0 || r.bytes.p[0] != '/' || !utf8_valid(r.bytes.p, r.bytes.n))
        return "invalid namespace";
    d->packet.nsp = r.bytes;
    return NULL;
}

static const char *read_id(struct decoder *d)
{
    if (d->fields[ID].p && !read_integer(d->fields[ID], &d->packet.id))
        return "invalid id";
    return NULL;
}

static bool has_arguments(enum sio_type type)
{
    return type == SIO_EVENT || type == SIO_ACK;
}

/* Whether the packet asks for data of this kind. Clients in Python send nil for none. */
static const char *check_kind(struct decoder *d)
{
    struct msgpack_reader r;
    enum msgpack_token t = read_scalar(d->fields[DATA], &r);
    bool none = t == MSGPACK_END || t == MSGPACK_NIL, object = t == MSGPACK_MAP;

    switch (d->packet.type) {
    case SIO_CONNECT:
        return none || object ? NULL : "connect data is not an object";
    case SIO_DISCONNECT:
        return none ? NULL : "disconnect carries data";
    case SIO_CONNECT_ERROR:
        return object || t == MSGPACK_STRING ? NULL : "error data is no object or string";
    case SIO_ACK:
        return t == MSGPACK_ARRAY ? NULL : "ack data is not an array";
    default:
        return t == MSGPACK_ARRAY ? NULL : "event data is not an array";
    }
}

/* The first argument names the event: a string that is not reserved, or a number. */
static const char *read_event(struct decoder *d)
{
    str event = json_at(d->packet.data, 0);
    enum json_type type = json_type_of(event);

    if (type == JSON_STRING ? sio_event_reserved(event) : type != JSON_NUMBER)
        return type == JSON_STRING ? "reserved event name" : "invalid event name";
    d->packet.event = event;
    return NULL;
}

static const char *read_data(struct decoder *d)
{
    unsigned depth_max = d->limits->depth_max;
    bool arguments = has_arguments(d->packet.type);
    struct sio_msgpack_json to = {
        .text = &d->m->text,
        .attachments = arguments ? &d->m->slices : NULL,
        .attachments_max = d->limits->attachments_max,
        .depth_max = depth_max < JSON_DEPTH ? depth_max : JSON_DEPTH,
    };
    const char *why = check_kind(d);

    if (why || !d->fields[DATA].p || (uint8_t)d->fields[DATA].p[0] == 0xc0)
        return why;
    if ((why = sio_msgpack_to_json(&to, d->fields[DATA])))
        return why;
    d->packet.data = buf_str(&d->m->text);
    d->packet.attachments = (uint32_t)(d->m->slices.len / sizeof(str));
    if (d->packet.type == SIO_EVENT)
        why = read_event(d);
    if (d->packet.attachments > 0)
        d->packet.type = d->packet.type == SIO_EVENT ? SIO_BINARY_EVENT : SIO_BINARY_ACK;
    return why;
}

static const char *decode(struct decoder *d, str message)
{
    const char *why = read_fields(d, message);

    if (!why)
        why = read_type(d);
    if (!why)
        why = read_nsp(d);
    if (!why)
        why = read_id(d);
    if (!why)
        why = read_data(d);
    return why;
}

enum parse sio_msgpack_decode(str message, const struct sio_limits *limits, struct sio_msgpack *m,
                              struct sio_packet *out, const char **why)
{
    struct decoder d = { .packet = { .id = SIO_NO_ID }, .m = m, .limits = limits };
    const char *reason;

    buf_clear(&m->text);
    buf_clear(&m->slices);
    reason = decode(&d, message);
    if (reason) {
        if (why)
            *why = reason;
        return PARSE_BAD;
    }
    *out = d.packet;
    return PARSE_DONE;
}

void sio_msgpack_free(struct sio_msgpack *m)
{
    buf_free(&m->text);
    buf_free(&m->slices);
}
