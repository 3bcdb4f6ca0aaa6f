/* proto/colyseus_payload.c - what JavaScript's packer wrote, as plain MessagePack.
 *
 * The input is walked once, with a stack of open containers and records instead of recursion. A
 * byte from 40 to 7f is a record only where the same message defined it before; other clients send
 * those integers as they are.
 *
 * Start reading at colyseus_plain().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/colyseus_message.h"

#include "proto/msgpack.h"

enum {
    FIXEXT1 = 0xd4,
    RECORD = 0x72, /* the type of the ext that defines one */
    RECORD_FIRST = 0x40,
    RECORDS_MAX = 64
};

/* The keys of a shape, in the input. */
struct shape {
    str keys; /* MessagePack of the texts, one after the other */
    uint32_t count;
};

/* What is open: values that must still come, and for a record the keys that go before them. */
struct frame {
    uint64_t left;
    str keys; /* p is NULL for containers */
};

struct walk {
    str in; /* what was not read yet */
    struct buf *out;
    unsigned depth, depth_max;
    bool defined[RECORDS_MAX];
    struct shape shapes[RECORDS_MAX];
    struct frame frames[MSGPACK_DEPTH];
};

static str drop(str s, size_t n)
{
    return str_n(s.p + n, s.n - n);
}

static int copy(struct walk *w, size_t n)
{
    int err = buf_try_append(w->out, w->in.p, n);

    if (err == 0)
        w->in = drop(w->in, n);
    return err;
}

static int open(struct walk *w, uint64_t values, str keys)
{
    if (w->depth == w->depth_max)
        return ATR_ELIMIT;
    if (values > w->in.n) /* each is a byte at least */
        return ATR_ESYNTAX;
    w->frames[w->depth++] = (struct frame){ values, keys };
    return 0;
}

/* Behind the id of a definition: an array of texts. */
static int read_shape(struct walk *w, struct shape *shape)
{
    struct msgpack_reader r;

    msgpack_reader_init(&r, w->in, 1);
    if (msgpack_reader_next(&r) != MSGPACK_ARRAY)
        return ATR_ESYNTAX;
    shape->count = r.count;
    shape->keys.p = r.at;
    for (uint32_t i = 0; i < r.count; i++) {
        if (msgpack_reader_next(&r) != MSGPACK_STRING)
            return ATR_ESYNTAX;
    }
    shape->keys.n = (size_t)(r.at - shape->keys.p);
    w->in = str_n(r.at, (size_t)(r.end - r.at));
    return 0;
}

static int begin_record(struct walk *w, const struct shape *shape)
{
    if (w->out->max && buf_reserve(w->out, MSGPACK_HEAD_MAX) < 0)
        return ATR_ELIMIT;
    msgpack_write_map(w->out, shape->count);
    return open(w, shape->count, shape->keys);
}

/* 1: it was a definition or a reference, or undefined; 0: something plain; or an error. */
static int packer_value(struct walk *w)
{
    uint8_t first = (uint8_t)*w->in.p;
    struct shape shape;
    unsigned id;
    int err;

    if (first >= RECORD_FIRST && first < 0x80 && w->defined[first - RECORD_FIRST]) {
        w->in = drop(w->in, 1);
        err = begin_record(w, &w->shapes[first - RECORD_FIRST]);
        return err < 0 ? err : 1;
    }
    if (first != FIXEXT1 || w->in.n < 3)
        return 0;
    if (w->in.p[1] == 0) { /* undefined */
        w->in = drop(w->in, 3);
        err = buf_try_append(w->out, "\xc0", 1);
        return err < 0 ? err : 1;
    }
    if (w->in.p[1] != RECORD)
        return 0;
    id = (uint8_t)w->in.p[2] & (RECORDS_MAX - 1);
    w->in = drop(w->in, 3);
    if ((err = read_shape(w, &shape)) < 0)
        return err;
    w->shapes[id] = shape;
    w->defined[id] = true;
    err = begin_record(w, &shape);
    return err < 0 ? err : 1;
}

static int plain_value(struct walk *w)
{
    struct msgpack_reader r;
    enum msgpack_token t;
    uint64_t values;
    int err;

    /* The head of a container alone: its values may be records, which the reader does not know. */
    msgpack_reader_init(&r, w->in, 1);
    t = msgpack_reader_next(&r);
    if (t == MSGPACK_MORE || t == MSGPACK_BAD)
        return ATR_ESYNTAX;
    values = t == MSGPACK_ARRAY ? r.count : t == MSGPACK_MAP ? (uint64_t)r.count * 2 : 0;
    if ((err = copy(w, (size_t)(r.at - w->in.p))) < 0)
        return err;
    return t == MSGPACK_ARRAY || t == MSGPACK_MAP ? open(w, values, (str){ 0 }) : 0;
}

/* Inside a record each value has its key in front. */
static int write_key(struct walk *w, struct frame *f)
{
    size_t n;
    int err;

    if (!f->keys.p)
        return 0;
    if (msgpack_size(f->keys, &n) != PARSE_DONE)
        return ATR_ESYNTAX;
    err = buf_try_append(w->out, f->keys.p, n);
    f->keys = drop(f->keys, n);
    return err;
}

static int walk_values(struct walk *w)
{
    int err;

    do {
        if (w->depth > 0) {
            struct frame *f = &w->frames[w->depth - 1];

            f->left--;
            if ((err = write_key(w, f)) < 0)
                return err;
        }
        if (w->in.n == 0)
            return ATR_ESYNTAX;
        if ((err = packer_value(w)) == 0)
            err = plain_value(w);
        if (err < 0)
            return err;
        while (w->depth > 0 && w->frames[w->depth - 1].left == 0)
            w->depth--;
    } while (w->depth > 0);
    return w->in.n == 0 ? 0 : ATR_ESYNTAX;
}

/* Whether a walk would change nothing: there is no ext of the packer's. What looks like one inside
 * a text costs a walk that copies. */
static bool has_packer_ext(str in)
{
    const char *p = in.p, *end = in.p + in.n;

    while (p < end && (p = memchr(p, FIXEXT1, (size_t)(end - p)))) {
        if (end - p >= 3 && (p[1] == RECORD || p[1] == 0))
            return true;
        p++;
    }
    return false;
}

/* One whole value within the depth? */
static int check_plain(str in, unsigned depth_max)
{
    struct msgpack_reader r;
    size_t used;

    if (msgpack_size(in, &used) != PARSE_DONE || used != in.n)
        return ATR_ESYNTAX;
    msgpack_reader_init(&r, in, depth_max);
    for (;;) {
        switch (msgpack_reader_next(&r)) {
        case MSGPACK_END:
            return 0;
        case MSGPACK_MORE:
            return ATR_ESYNTAX;
        case MSGPACK_BAD: /* its size was found, so it is too deep */
            return ATR_ELIMIT;
        default:
            break;
        }
    }
}

int colyseus_plain(str in, unsigned depth_max, struct buf *scratch, str *out)
{
    struct walk w;
    int err;

    if (!has_packer_ext(in)) {
        if ((err = check_plain(in, depth_max)) == 0)
            *out = in;
        return err;
    }
    w.in = in;
    w.out = scratch;
    w.depth = 0;
    w.depth_max = depth_max < MSGPACK_DEPTH ? depth_max : MSGPACK_DEPTH;
    memset(w.defined, 0, sizeof w.defined);
    buf_clear(scratch);
    if ((err = walk_values(&w)) < 0)
        return err;
    *out = buf_str(scratch);
    return 0;
}
