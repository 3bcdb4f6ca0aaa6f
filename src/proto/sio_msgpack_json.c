/* proto/sio_msgpack_json.c - the data of a packet, from MessagePack to JSON.
 *
 * One pass over the tokens. What stands in front of a value follows from the last character
 * written: behind [, { and : there is no comma, and no text ends in one of these, since a string
 * ends in its quote.
 *
 * Start reading at sio_msgpack_to_json().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_msgpack_json.h"

#include "proto/json.h"
#include "proto/msgpack.h"

enum { NOTEPACK = 0 }; /* the ext type of what notepack adds to MessagePack */

struct converter {
    const struct sio_msgpack_json *to;
    struct buf *text;
    struct msgpack_reader r;
    size_t member;       /* where the member began whose key was read last, its comma included */
    uint32_t count;      /* attachments */
    bool has_lookalikes; /* a member is called _placeholder */
};

static const char *const too_deep = "data is nested too deep";

/* A comma, unless this is the first of its container or belongs to a key. */
static void separate(struct buf *b)
{
    char last = b->len ? (char)b->data[b->len - 1] : '[';

    if (last != '[' && last != '{' && last != ':')
        buf_byte(b, ',');
}

/* 2.1: as JSON.stringify() writes a Buffer. */
static void write_buffer(struct buf *b, str bytes)
{
    buf_add(b, STR("{\"type\":\"Buffer\",\"data\":["));
    for (size_t i = 0; i < bytes.n; i++) {
        if (i > 0)
            buf_byte(b, ',');
        buf_u64(b, (uint8_t)bytes.p[i]);
    }
    buf_add(b, STR("]}"));
}

/* `around`: containers written around it that are not the message's. */
static const char *write_bytes(struct converter *c, unsigned around)
{
    bool inlined = !c->to->attachments;

    if (c->r.depth + around + (inlined ? 2 : 1) > c->to->depth_max)
        return too_deep;
    if (inlined) {
        write_buffer(c->text, c->r.bytes);
        return NULL;
    }
    if (c->count == c->to->attachments_max)
        return "too many attachments";
    buf_add(c->text, STR("{\"_placeholder\":true,\"num\":"));
    buf_u64(c->text, c->count++);
    buf_byte(c->text, '}');
    buf_append(c->to->attachments, &c->r.bytes, sizeof c->r.bytes);
    return NULL;
}

static void write_padded(struct buf *b, int64_t n, unsigned digits)
{
    uint8_t *to = buf_extend(b, digits);

    for (; digits > 0; n /= 10)
        to[--digits] = (uint8_t)('0' + n % 10);
}

/* ECMA-262, 21.4.1.32: the date-time string format, of milliseconds since 1970. The calendar is
 * counted from March, so that the leap day is a year's last, in eras of 400 years. */
static void write_date(struct buf *b, int64_t ms)
{
    const int64_t day_ms = 86400000, most = 100000000 * day_ms; /* 21.4.1.1 */
    int64_t days, time, era, of_era, year, of_year, month;

    if (ms < -most || ms > most) {
        buf_add(b, STR("null"));
        return;
    }
    time = (ms % day_ms + day_ms) % day_ms;
    days = (ms - time) / day_ms + 719468; /* from 1 March of the year 0 */
    era = (days >= 0 ? days : days - 146096) / 146097;
    of_era = days - era * 146097;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153; /* from March */
    year += era * 400 + (month >= 10);

    buf_byte(b, '"');
    if (year < 0 || year > 9999) {
        buf_byte(b, year < 0 ? '-' : '+');
        write_padded(b, year < 0 ? -year : year, 6);
    } else {
        write_padded(b, year, 4);
    }
    buf_byte(b, '-');
    write_padded(b, month < 10 ? month + 3 : month - 9, 2);
    buf_byte(b, '-');
    write_padded(b, of_year - (153 * month + 2) / 5 + 1, 2);
    buf_byte(b, 'T');
    write_padded(b, time / 3600000, 2);
    buf_byte(b, ':');
    write_padded(b, time / 60000 % 60, 2);
    buf_byte(b, ':');
    write_padded(b, time / 1000 % 60, 2);
    buf_byte(b, '.');
    write_padded(b, time % 1000, 3);
    buf_add(b, STR("Z\""));
}

static int64_t signed_64(str bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.n; i++)
        value = value << 8 | (uint8_t)bytes.p[i];
    return (int64_t)value;
}

static const char *write_ext(struct converter *c)
{
    const char *why;

    if (c->r.ext == NOTEPACK && !c->r.fixext)
        return write_bytes(c, 0); /* an ArrayBuffer or a typed array */
    if (c->r.ext == NOTEPACK && c->r.bytes.n == 1) {
        buf_add(c->text, STR("null"));
        return NULL;
    }
    if (c->r.ext == NOTEPACK && c->r.bytes.n == 8) {
        write_date(c->text, signed_64(c->r.bytes));
        return NULL;
    }
    buf_byte(c->text, '[');
    json_write_integer(c->text, c->r.ext);
    buf_byte(c->text, ',');
    if ((why = write_bytes(c, 1)))
        return why;
    buf_byte(c->text, ']');
    return NULL;
}

static const char *write_key(struct converter *c, enum msgpack_token t)
{
    c->member = c->text->len;
    separate(c->text);
    switch (t) {
    case MSGPACK_STRING:
        c->has_lookalikes |= str_eq(c->r.bytes, STR("_placeholder"));
        json_write_string(c->text, c->r.bytes);
        break;
    case MSGPACK_UINT:
        buf_byte(c->text, '"');
        buf_u64(c->text, c->r.uint);
        buf_byte(c->text, '"');
        break;
    case MSGPACK_INT:
        buf_byte(c->text, '"');
        json_write_integer(c->text, c->r.integer);
        buf_byte(c->text, '"');
        break;
    default:
        return "a key is neither text nor an integer";
    }
    buf_byte(c->text, ':');
    return NULL;
}

static const char *write_value(struct converter *c, enum msgpack_token t)
{
    switch (t) {
    case MSGPACK_NIL:
        buf_add(c->text, STR("null"));
        return NULL;
    case MSGPACK_FALSE:
        buf_add(c->text, STR("false"));
        return NULL;
    case MSGPACK_TRUE:
        buf_add(c->text, STR("true"));
        return NULL;
    case MSGPACK_UINT:
        buf_u64(c->text, c->r.uint);
        return NULL;
    case MSGPACK_INT:
        json_write_integer(c->text, c->r.integer);
        return NULL;
    case MSGPACK_FLOAT:
        json_write_number(c->text, c->r.number);
        return NULL;
    case MSGPACK_STRING:
        json_write_string(c->text, c->r.bytes);
        return NULL;
    case MSGPACK_BINARY:
        return write_bytes(c, 0);
    case MSGPACK_EXT:
        return write_ext(c);
    case MSGPACK_ARRAY:
        buf_byte(c->text, '[');
        return NULL;
    default:
        buf_byte(c->text, '{');
        return NULL;
    }
}

/* A member whose value is undefined, for which r stands behind the key. */
static bool drop_undefined(struct converter *c)
{
    const char *p = c->r.at;
    str raw;

    if (c->r.end - p < 3 || !sio_msgpack_undefined(str_n(p, 3)))
        return false;
    c->text->len = c->member;
    return msgpack_reader_skip(&c->r, &raw) == PARSE_DONE;
}

static const char *convert(struct converter *c)
{
    const char *why = NULL;

    while (!why) {
        enum msgpack_token t = msgpack_reader_next(&c->r);
        switch (t) {
        case MSGPACK_END:
            return NULL;
        case MSGPACK_MORE:
        case MSGPACK_BAD: /* the value is whole and was walked over: nothing else can be wrong */
            return too_deep;
        case MSGPACK_ARRAY_END:
        case MSGPACK_MAP_END:
            buf_byte(c->text, t == MSGPACK_MAP_END ? '}' : ']');
            continue;
        default:
            break;
        }
        if (c->r.key) {
            why = write_key(c, t);
            if (!why)
                (void)drop_undefined(c);
        } else {
            separate(c->text);
            why = write_value(c, t);
        }
    }
    return why;
}

const char *sio_msgpack_to_json(const struct sio_msgpack_json *to, str value)
{
    struct converter c;
    const char *why;

    c.to = to;
    c.text = to->text;
    c.member = 0;
    c.count = 0;
    c.has_lookalikes = false;
    msgpack_reader_init(&c.r, value, to->depth_max);
    why = convert(&c);
    /* Beside attachments an object that looks like a placeholder would be taken for one. */
    if (!why && c.count > 0 && c.has_lookalikes)
        why = "a placeholder in the data";
    return why;
}
