/* proto/sio_packet.c - Socket.IO protocol 5 packets: <type>[<attachments>-][<nsp>,][<id>][<json>].
 *
 * What a JavaScript server's decoder refuses is refused here, so that the JSON text may travel on
 * without being looked at again. Pure; nothing is allocated or copied.
 *
 * Start reading at sio_packet_decode().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_packet.h"

#include "proto/json.h"
#include "proto/json_scan.h"

enum { DECIMALS_MAX = 20 }; /* of any 64-bit number */

/* What is being decoded: the fields so far and the text that is left. The steps below return NULL
 * or why the packet is refused. */
struct decoder {
    struct sio_packet packet;
    const char *p, *end;
};

static bool is_binary(enum sio_type type)
{
    return type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK;
}

/* Reads a run of digits; leading zeros mean nothing. False above max. */
static bool read_decimal(struct decoder *d, int64_t max, int64_t *out)
{
    int64_t value = 0;

    for (; d->p < d->end && json_is_digit(*d->p); d->p++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *d->p - '0', &value) || value > max)
            return false;
    *out = value;
    return true;
}

static const char *read_type(struct decoder *d)
{
    if (d->p == d->end)
        return "empty packet";
    if (*d->p < '0' + SIO_CONNECT || *d->p > '0' + SIO_BINARY_ACK)
        return "unknown packet type";
    d->packet.type = (enum sio_type)(*d->p++ - '0');
    return NULL;
}

static const char *read_attachments(struct decoder *d, uint32_t max)
{
    int64_t count;

    if (!read_decimal(d, max, &count))
        return "too many attachments";
    if (count == 0 || d->p == d->end || *d->p != '-')
        return "illegal attachments";
    d->p++;
    d->packet.attachments = (uint32_t)count;
    return NULL;
}

/* Everything up to the comma, taken literally: a query stays part of the name. */
static void read_nsp(struct decoder *d)
{
    const char *comma;

    if (d->p == d->end || *d->p != '/')
        return;
    comma = memchr(d->p, ',', (size_t)(d->end - d->p));
    d->packet.nsp = str_n(d->p, (size_t)((comma ? comma : d->end) - d->p));
    d->p = comma ? comma + 1 : d->end;
}

static const char *read_id(struct decoder *d)
{
    if (d->p < d->end && json_is_digit(*d->p) && !read_decimal(d, INT64_MAX, &d->packet.id))
        return "id out of range";
    return NULL;
}

/* The first argument names the event: a string that is not reserved, or a number. */
static const char *read_event(struct decoder *d)
{
    str data = d->packet.data, event;
    const char *end = data.p + data.n, *p = json_skip_space(data.p + 1, end);

    event = str_n(p, (size_t)(json_skip_value(p, end) - p));
    if (*p == '"' ? sio_event_reserved(event) : *p != '-' && !json_is_digit(*p))
        return *p == '"' ? "reserved event name" : "invalid event name";
    d->packet.event = event;
    return NULL;
}

static const char *read_data(struct decoder *d, unsigned depth_max)
{
    const char *p = d->p, *end = d->end;
    bool array, object, string;

    /* White space here is the id 0 to a JavaScript server, and none to anybody else. */
    if (json_is_space(*p) || json_check(str_n(p, (size_t)(end - p)), depth_max) < 0)
        return "invalid payload";
    while (json_is_space(end[-1]))
        end--;
    d->packet.data = str_n(p, (size_t)(end - p));
    array = *p == '[', object = *p == '{', string = *p == '"';

    switch (d->packet.type) {
    case SIO_CONNECT:
        return object ? NULL : "connect data is not an object";
    case SIO_DISCONNECT:
        return "disconnect carries data";
    case SIO_CONNECT_ERROR:
        return object || string ? NULL : "error data is no object or string";
    case SIO_ACK:
    case SIO_BINARY_ACK:
        return array ? NULL : "ack data is not an array";
    default:
        return array ? read_event(d) : "event data is not an array";
    }
}

static const char *decode(struct decoder *d, const struct sio_limits *limits)
{
    const char *why = read_type(d);

    if (!why && is_binary(d->packet.type))
        why = read_attachments(d, limits->attachments_max);
    if (why)
        return why;
    read_nsp(d);
    why = read_id(d);
    if (!why && d->p < d->end)
        why = read_data(d, limits->depth_max);
    return why;
}

enum parse sio_packet_decode(str text, const struct sio_limits *limits, struct sio_packet *out,
                             const char **why)
{
    struct decoder d = {
        .packet = { .nsp = STR("/"), .id = SIO_NO_ID },
        .p = text.p,
        .end = json_end_of(text),
    };
    const char *reason = decode(&d, limits);

    if (reason) {
        if (why)
            *why = reason;
        return PARSE_BAD;
    }
    *out = d.packet;
    return PARSE_DONE;
}

size_t sio_packet_head_size(str nsp)
{
    return 1 + DECIMALS_MAX + 1 + nsp.n + 1 + DECIMALS_MAX;
}

void sio_packet_head(struct buf *out, enum sio_type type, uint32_t attachments, str nsp, int64_t id)
{
    buf_byte(out, (uint8_t)('0' + type));
    if (is_binary(type)) {
        buf_u64(out, attachments);
        buf_byte(out, '-');
    }
    if (nsp.n > 0 && !str_eq(nsp, STR("/"))) {
        buf_add(out, nsp);
        buf_byte(out, ',');
    }
    if (id >= 0)
        buf_u64(out, (uint64_t)id);
}

bool sio_event_reserved(str token)
{
    static const str reserved[] = {
        { "connect", 7 },        { "connect_error", 13 }, { "disconnect", 10 },
        { "disconnecting", 13 }, { "newListener", 11 },   { "removeListener", 14 },
    };
    char first = token.n > 2 ? token.p[1] : 0;

    if (first != 'c' && first != 'd' && first != 'n' && first != 'r' && first != '\\')
        return false; /* the usual case */
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (json_string_is(token, reserved[i]))
            return true;
    return false;
}
