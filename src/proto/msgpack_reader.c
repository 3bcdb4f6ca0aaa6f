/* proto/msgpack_reader.c - MessagePack as a stream of tokens, and the size of whole values.
 *
 * One table says what each first byte stands for; read_item() is the only place that looks at
 * bytes. Nothing is allocated, nothing recurses.
 *
 * Invariants
 *   - an item is consumed whole or not at all;
 *   - owed is the number of values without which the outermost is not complete: 1 at first, one
 *     less with every item, more by what a container announces. The input is at least as long.
 *
 * Start reading at msgpack_reader_next().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/msgpack.h"

#include <string.h>

/* What a first byte from c0 to df stands for. */
static const struct form {
    uint8_t token;
    uint8_t width; /* bytes of the number behind it: a value, a length or a count */
    uint8_t fixed; /* of fixext: the length */
} forms[] = {
    { MSGPACK_NIL, 0, 0 },    { MSGPACK_BAD, 0, 0 },    { MSGPACK_FALSE, 0, 0 },
    { MSGPACK_TRUE, 0, 0 },   { MSGPACK_BINARY, 1, 0 }, { MSGPACK_BINARY, 2, 0 },
    { MSGPACK_BINARY, 4, 0 }, { MSGPACK_EXT, 1, 0 },    { MSGPACK_EXT, 2, 0 },
    { MSGPACK_EXT, 4, 0 },    { MSGPACK_FLOAT, 4, 0 },  { MSGPACK_FLOAT, 8, 0 },
    { MSGPACK_UINT, 1, 0 },   { MSGPACK_UINT, 2, 0 },   { MSGPACK_UINT, 4, 0 },
    { MSGPACK_UINT, 8, 0 },   { MSGPACK_INT, 1, 0 },    { MSGPACK_INT, 2, 0 },
    { MSGPACK_INT, 4, 0 },    { MSGPACK_INT, 8, 0 },    { MSGPACK_EXT, 0, 1 },
    { MSGPACK_EXT, 0, 2 },    { MSGPACK_EXT, 0, 4 },    { MSGPACK_EXT, 0, 8 },
    { MSGPACK_EXT, 0, 16 },   { MSGPACK_STRING, 1, 0 }, { MSGPACK_STRING, 2, 0 },
    { MSGPACK_STRING, 4, 0 }, { MSGPACK_ARRAY, 2, 0 },  { MSGPACK_ARRAY, 4, 0 },
    { MSGPACK_MAP, 2, 0 },    { MSGPACK_MAP, 4, 0 },
};

/* One item: a scalar with all its bytes, or a container's head. */
struct item {
    uint8_t token; /* enum msgpack_token */
    uint8_t width; /* of the number's form; 0: within the first byte */
    int8_t ext;
    uint64_t value;  /* the number; a length or a count */
    size_t head;     /* bytes in front of the body */
    uint64_t values; /* that must follow: elements, keys and values */
};

static bool has_body(uint8_t token)
{
    return token == MSGPACK_STRING || token == MSGPACK_BINARY || token == MSGPACK_EXT;
}

/* The first byte of all but c0 to df holds everything. */
static struct item short_form(uint8_t c)
{
    if (c < 0x80)
        return (struct item){ .token = MSGPACK_UINT, .value = c, .head = 1 };
    if (c >= 0xe0)
        return (struct item){ .token = MSGPACK_INT, .value = (uint64_t)(int8_t)c, .head = 1 };
    if (c >= 0xa0)
        return (struct item){ .token = MSGPACK_STRING, .value = c & 0x1f, .head = 1 };
    return (struct item){
        .token = c < 0x90 ? MSGPACK_MAP : MSGPACK_ARRAY,
        .value = c & 0x0f,
        .head = 1,
    };
}

static uint64_t big_endian(const char *p, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++)
        value = value << 8 | (uint8_t)p[i];
    return value;
}

/* Signed forms: the sign goes up, and what is not negative is a UINT. */
static void normalise(struct item *item)
{
    unsigned shift = 64 - 8 * item->width;

    if (item->token != MSGPACK_INT || item->width == 0)
        return;
    item->value = (uint64_t)((int64_t)(item->value << shift) >> shift);
    if ((int64_t)item->value >= 0)
        item->token = MSGPACK_UINT;
}

static enum parse read_item(const char *p, size_t n, struct item *out)
{
    struct item item;
    uint8_t c;

    if (n == 0)
        return PARSE_MORE;
    c = (uint8_t)*p;
    if (c < 0xc0 || c >= 0xe0) {
        item = short_form(c);
    } else {
        const struct form *f = &forms[c - 0xc0];
        bool ext = f->token == MSGPACK_EXT;
        item = (struct item){ f->token, f->width, .head = 1u + f->width + ext };
        if (f->token == MSGPACK_BAD)
            return PARSE_BAD;
        if (n < item.head)
            return PARSE_MORE;
        item.value = f->width ? big_endian(p + 1, f->width) : f->fixed;
        if (ext)
            item.ext = (int8_t)p[item.head - 1];
        normalise(&item);
    }
    if (has_body(item.token) && n - item.head < item.value)
        return PARSE_MORE;
    item.values = item.token == MSGPACK_ARRAY ? item.value
                  : item.token == MSGPACK_MAP ? item.value * 2
                                              : 0;
    *out = item;
    return PARSE_DONE;
}

static size_t item_size(const struct item *item)
{
    return item->head + (has_body(item->token) ? (size_t)item->value : 0);
}

enum parse msgpack_size(str in, size_t *used)
{
    struct item item;
    size_t at = 0;
    uint64_t owed = 1;

    do {
        enum parse answer;
        if (owed > in.n - at)
            return PARSE_MORE; /* a value is a byte at least: also what bounds `owed` */
        answer = read_item(in.p + at, in.n - at, &item);
        if (answer != PARSE_DONE)
            return answer;
        at += item_size(&item);
        owed += item.values - 1;
    } while (owed > 0);
    *used = at;
    return PARSE_DONE;
}

void msgpack_reader_init(struct msgpack_reader *r, str in, unsigned depth_max)
{
    msgpack_reader_feed(r, in);
    r->key = r->broken = false;
    r->depth = 0;
    r->depth_max = (uint16_t)(depth_max < MSGPACK_DEPTH ? depth_max : MSGPACK_DEPTH);
    r->owed = 1;
}

/* The innermost container: values left times two, and whether it is a map. */
static uint64_t *top(struct msgpack_reader *r)
{
    return &r->stack[r->depth - 1];
}

static bool at_end_of_container(struct msgpack_reader *r)
{
    return r->depth > 0 && *top(r) < 2;
}

/* Notes that a value, or the head of one, was read. */
static void consume(struct msgpack_reader *r, size_t n, uint64_t values)
{
    r->at += n;
    r->owed += values - 1;
    r->key = false;
    if (r->depth > 0) {
        r->key = *top(r) % 4 == 1; /* a map with an even number of values left */
        *top(r) -= 2;
    }
}

static double to_double(uint64_t bits, uint8_t width)
{
    uint32_t low = (uint32_t)bits;
    float small;
    double number;

    if (width == sizeof small) {
        memcpy(&small, &low, sizeof small);
        return (double)small;
    }
    memcpy(&number, &bits, sizeof number);
    return number;
}

static void set_fields(struct msgpack_reader *r, const struct item *item)
{
    if (has_body(item->token))
        r->bytes = str_n(r->at + item->head, (size_t)item->value);
    switch (item->token) {
    case MSGPACK_UINT:
        r->uint = item->value;
        break;
    case MSGPACK_INT:
        r->integer = (int64_t)item->value;
        break;
    case MSGPACK_FLOAT:
        r->number = to_double(item->value, item->width);
        break;
    case MSGPACK_ARRAY:
    case MSGPACK_MAP:
        r->count = (uint32_t)item->value;
        break;
    case MSGPACK_EXT:
        r->ext = item->ext;
        r->fixext = item->width == 0;
        break;
    default:
        break;
    }
}

static enum msgpack_token broken(struct msgpack_reader *r)
{
    r->broken = true;
    return MSGPACK_BAD;
}

enum msgpack_token msgpack_reader_next(struct msgpack_reader *r)
{
    struct item item;
    enum parse answer;
    bool container;

    if (r->broken)
        return MSGPACK_BAD;
    if (at_end_of_container(r)) {
        r->key = false;
        return r->stack[--r->depth] & 1 ? MSGPACK_MAP_END : MSGPACK_ARRAY_END;
    }
    if (r->owed == 0)
        return MSGPACK_END;
    answer = read_item(r->at, (size_t)(r->end - r->at), &item);
    if (answer != PARSE_DONE)
        return answer == PARSE_MORE ? MSGPACK_MORE : broken(r);
    container = item.token == MSGPACK_ARRAY || item.token == MSGPACK_MAP;
    if (container && r->depth == r->depth_max)
        return broken(r);
    if (container && r->owed - 1 + item.values > (size_t)(r->end - r->at) - item.head)
        return MSGPACK_MORE;
    set_fields(r, &item);
    consume(r, item_size(&item), item.values);
    if (container)
        r->stack[r->depth++] = item.values << 1 | (item.token == MSGPACK_MAP);
    return (enum msgpack_token)item.token;
}

enum parse msgpack_reader_skip(struct msgpack_reader *r, str *raw)
{
    size_t used;
    enum parse answer;

    if (r->broken || r->owed == 0 || at_end_of_container(r))
        return PARSE_BAD;
    answer = msgpack_size(str_n(r->at, (size_t)(r->end - r->at)), &used);
    if (answer == PARSE_DONE) {
        *raw = str_n(r->at, used);
        consume(r, used, 0);
    } else if (answer == PARSE_BAD) {
        (void)broken(r); /* the answer says it already */
    }
    return answer;
}

int msgpack_timestamp(int8_t ext, str bytes, int64_t *seconds, uint32_t *nanoseconds)
{
    uint64_t word;

    if (ext != MSGPACK_TIMESTAMP)
        return ATR_ETYPE;
    switch (bytes.n) {
    case 4:
        *seconds = (int64_t)big_endian(bytes.p, 4);
        *nanoseconds = 0;
        return 0;
    case 8: /* 30 bits of nanoseconds, 34 of seconds */
        word = big_endian(bytes.p, 8);
        if (word >> 34 > 999999999)
            return ATR_ERANGE;
        *seconds = (int64_t)(word & ((UINT64_C(1) << 34) - 1));
        *nanoseconds = (uint32_t)(word >> 34);
        return 0;
    case 12:
        word = big_endian(bytes.p, 4);
        if (word > 999999999)
            return ATR_ERANGE;
        *seconds = (int64_t)big_endian(bytes.p + 4, 8);
        *nanoseconds = (uint32_t)word;
        return 0;
    default:
        return ATR_ETYPE;
    }
}
