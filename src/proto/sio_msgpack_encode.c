/* proto/sio_msgpack_encode.c - packets to messages of socket.io-msgpack-parser.
 *
 * MessagePack wants to know how long a container is before what is in it, so the JSON is walked
 * twice: the first walk writes down a shape per container, in the order in which they open, and
 * finds the placeholders; the second writes. Members stand in the order in which a JavaScript
 * server writes them.
 *
 * Invariant: every write is announced to the output's ceiling before.
 *
 * Start reading at sio_msgpack_encode().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_msgpack.h"

#include "base/assert.h"
#include "proto/json.h"
#include "proto/json_scan.h"
#include "proto/msgpack.h"
#include "proto/sio_placeholder.h"

/* A container: written down where it opens, known where it closes. */
struct shape {
    uint32_t count;  /* elements or pairs; of a placeholder: which attachment */
    uint32_t inside; /* containers within it */
    bool placeholder;
};

/* A container that is open during the first walk. */
struct level {
    size_t shape; /* its index */
    bool object;
    struct sio_candidate candidate;
};

struct encoder {
    struct buf *out;
    struct buf *scratch; /* the shapes, then room for a text without its escapes */
    const struct sio_packet *packet;
    const str *attachments;
    size_t shapes; /* how many there are; in the second walk, how many have come */
};

static struct shape *shape_at(struct encoder *e, size_t i)
{
    return (struct shape *)(void *)e->scratch->data + i;
}

/* --- The first walk --- */

static void open_shape(struct encoder *e, struct level *level, const char *p, const char *end)
{
    struct shape shape = { 0 };
    bool object = *p == '{';

    *level = (struct level){ .shape = e->shapes++, .object = object, .candidate = SIO_CANDIDATE };
    p = json_skip_space(p + 1, end);
    shape.count = p < end && *p == (object ? '}' : ']') ? 0 : 1;
    buf_append(e->scratch, &shape, sizeof shape);
}

static int close_shape(struct encoder *e, const struct level *level)
{
    struct shape *shape = shape_at(e, level->shape);
    const struct sio_candidate *c = &level->candidate;

    shape->inside = (uint32_t)(e->shapes - level->shape - 1);
    if (e->packet->attachments == 0 || !level->object || !c->marked)
        return 0;
    if (c->num == SIO_NO_NUMBER || c->num >= e->packet->attachments)
        return ATR_EPROTOCOL;
    shape->placeholder = true;
    shape->count = (uint32_t)c->num;
    return 0;
}

/* A string, or a key: then what it may tell about its object is noted. Returns what follows. */
static const char *pass_string(struct level *level, const char *p, const char *end)
{
    str token = str_n(p, (size_t)(json_skip_string(p, end) - p));

    p = json_skip_space(p + token.n, end);
    if (p < end && *p == ':' && level->object)
        sio_candidate_learn(&level->candidate, token, json_skip_space(p + 1, end), end);
    return p;
}

static int measure(struct encoder *e, str json)
{
    struct level levels[JSON_DEPTH + 1], *top = levels; /* the first is around all */
    const char *p = json.p, *end = json_end_of(json);
    int err = 0;

    levels[0] = (struct level){ 0 };
    while (p < end && err == 0) {
        switch (*p) {
        case '"':
            p = pass_string(top, p, end);
            continue;
        case '{':
        case '[':
            if (top == levels + JSON_DEPTH)
                return ATR_ELIMIT;
            open_shape(e, ++top, p, end);
            break;
        case '}':
        case ']':
            if (top == levels)
                return ATR_ESYNTAX;
            err = close_shape(e, top--);
            break;
        case ',':
            if (top > levels)
                shape_at(e, top->shape)->count++;
            break;
        default:
            break;
        }
        p++;
    }
    return err < 0 || top == levels ? err : ATR_ESYNTAX;
}

/* --- The second walk --- */

static int write_string(struct encoder *e, str token)
{
    size_t shapes = e->scratch->len;
    str text;
    int err = json_string(token, e->scratch, &text);

    if (err == 0)
        err = buf_reserve(e->out, MSGPACK_HEAD_MAX + text.n);
    if (err == 0)
        msgpack_write_string(e->out, text);
    e->scratch->len = shapes;
    return err == ATR_ETYPE ? ATR_ESYNTAX : err; /* no quote at its end */
}

static int write_attachment(struct encoder *e, str bytes)
{
    int err = bytes.n <= UINT32_MAX ? buf_reserve(e->out, MSGPACK_HEAD_MAX + bytes.n) : ATR_ELIMIT;

    if (err == 0)
        msgpack_write_binary(e->out, bytes);
    return err;
}

/* Returns what follows: what is inside, or for a placeholder what is behind. */
static const char *write_container(struct encoder *e, const char *p, const char *end, int *err)
{
    struct shape shape;

    ASSERT(e->shapes * sizeof shape < e->scratch->len);
    shape = *shape_at(e, e->shapes++);
    if (shape.placeholder) {
        *err = write_attachment(e, e->attachments[shape.count]);
        e->shapes += shape.inside;
        return json_skip_value(p, end);
    }
    if ((*err = buf_reserve(e->out, MSGPACK_HEAD_MAX)) < 0)
        return p;
    if (*p == '{')
        msgpack_write_map(e->out, shape.count);
    else
        msgpack_write_array(e->out, shape.count);
    return p + 1;
}

/* Integers stay exact within 64 bits; what is beyond is the double that JavaScript would read. */
static int write_number(struct buf *out, str token)
{
    uint64_t natural;
    int64_t integer;
    double number;

    if (str_to_u64(token, UINT64_MAX, &natural) == 0)
        msgpack_write_uint(out, natural);
    else if (json_integer(token, &integer) == 0)
        msgpack_write_int(out, integer);
    else if (json_number(token, &number) == 0)
        msgpack_write_double(out, number);
    else
        return ATR_ESYNTAX;
    return 0;
}

static int write_scalar(struct encoder *e, str token)
{
    int err = buf_reserve(e->out, MSGPACK_HEAD_MAX);

    if (err < 0)
        return err;
    if (str_eq(token, STR("null")))
        msgpack_write_nil(e->out);
    else if (str_eq(token, STR("true")) || str_eq(token, STR("false")))
        msgpack_write_bool(e->out, token.n == 4);
    else
        return write_number(e->out, token);
    return 0;
}

static int convert(struct encoder *e, str json)
{
    const char *p = json.p, *end = json_end_of(json);
    int err = 0;

    while (p < end && err == 0) {
        str token;
        switch (*p) {
        case ',':
        case ':':
        case ']':
        case '}':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            p++;
            break;
        case '{':
        case '[':
            p = write_container(e, p, end, &err);
            break;
        default:
            token = str_n(p, (size_t)(json_skip_value(p, end) - p));
            err = *p == '"' ? write_string(e, token) : write_scalar(e, token);
            p += token.n;
        }
    }
    return err;
}

static int write_json(struct encoder *e, str json)
{
    int err;

    if (json.n > UINT32_MAX)
        return ATR_ELIMIT;
    buf_clear(e->scratch);
    e->shapes = 0;
    if ((err = measure(e, json)) < 0)
        return err;
    e->shapes = 0;
    return convert(e, json);
}

/* --- The map around --- */

static int write_name(struct encoder *e, str name)
{
    int err = buf_reserve(e->out, 2 * MSGPACK_HEAD_MAX + name.n); /* and a number behind it */

    if (err == 0)
        msgpack_write_string(e->out, name);
    return err;
}

static int write_number_field(struct encoder *e, str name, int64_t n)
{
    int err = write_name(e, name);

    if (err == 0)
        msgpack_write_int(e->out, n);
    return err;
}

static int write_data(struct encoder *e, bool arguments)
{
    str json = e->packet->data;
    int err;

    if (!json.p && !arguments)
        return 0;
    /* No decoder takes an event or an ack without arguments for one. */
    if ((err = write_name(e, STR("data"))) == 0)
        err = write_json(e, json.p ? json : STR("[]"));
    return err;
}

static int write_packet(struct encoder *e, enum sio_type type)
{
    const struct sio_packet *p = e->packet;
    bool has_id = p->id >= 0, ack = type == SIO_ACK, arguments = ack || type == SIO_EVENT;
    int err = buf_reserve(e->out, MSGPACK_HEAD_MAX);

    if (err == 0)
        msgpack_write_map(e->out, 2u + has_id + (arguments || p->data.p));
    if (err == 0 && has_id && ack)
        err = write_number_field(e, STR("id"), p->id);
    if (err == 0)
        err = write_number_field(e, STR("type"), (int64_t)type);
    if (err == 0)
        err = write_data(e, arguments);
    if (err == 0 && has_id && !ack)
        err = write_number_field(e, STR("id"), p->id);
    if (err == 0)
        err = write_name(e, STR("nsp"));
    if (err == 0)
        err =
            p->nsp.n <= UINT32_MAX ? buf_reserve(e->out, MSGPACK_HEAD_MAX + p->nsp.n) : ATR_ELIMIT;
    if (err == 0)
        msgpack_write_string(e->out, p->nsp);
    return err;
}

int sio_msgpack_encode(struct buf *out, const struct sio_packet *p, const str *attachments,
                       struct buf *scratch)
{
    struct encoder e = {
        .out = out,
        .scratch = scratch,
        .packet = p,
        .attachments = attachments,
    };
    size_t start = out->len;
    enum sio_type type = p->type == SIO_BINARY_EVENT ? SIO_EVENT
                         : p->type == SIO_BINARY_ACK ? SIO_ACK
                                                     : p->type;
    int err = write_packet(&e, type);

    if (err < 0)
        out->len = start;
    return err;
}
