/* proto/msgpack.h - MessagePack (the specification of 2013, with bin, ext and timestamp): a pull
 * reader, a walk over whole values, a writer.
 *
 * Values stay where they are: texts and bytes are slices of the input. Text is not checked to be
 * UTF-8. Every form of a value is read, also longer ones than needed; the shortest is written.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_MSGPACK_H
#define PROTO_MSGPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/parse.h"

enum { MSGPACK_DEPTH = 256, MSGPACK_TIMESTAMP = -1 };

/* --- Pull reader: one call, one token; containers are entered and left explicitly. --- */
enum msgpack_token {
    MSGPACK_END,  /* behind one whole value; r->at is where it ended */
    MSGPACK_MORE, /* the input ends within a token: nothing was consumed */
    MSGPACK_BAD,  /* the byte c1, or too deep; for good */
    MSGPACK_NIL,
    MSGPACK_FALSE,
    MSGPACK_TRUE,
    MSGPACK_UINT,   /* integers from 0, whatever the form */
    MSGPACK_INT,    /* integers below 0 */
    MSGPACK_FLOAT,  /* of 32 or 64 bits */
    MSGPACK_STRING, /* not checked to be UTF-8 */
    MSGPACK_BINARY,
    MSGPACK_EXT,
    MSGPACK_ARRAY,
    MSGPACK_ARRAY_END,
    MSGPACK_MAP, /* then keys and values in turn: any token may be a key */
    MSGPACK_MAP_END
};

struct msgpack_reader {
    const char *at, *end;
    uint64_t uint;   /* of UINT */
    int64_t integer; /* of INT */
    double number;   /* of FLOAT */
    str bytes;       /* of STRING, BINARY and EXT; points into the input */
    int8_t ext;      /* of EXT: its type */
    bool fixext;     /* of EXT: it had a fixext form, which some applications tell apart */
    uint32_t count;  /* of ARRAY: elements; of MAP: pairs */
    bool key;        /* the token is, or begins, the key of a pair; false for ends */
    bool broken;     /* internal, as all that follows */
    uint16_t depth, depth_max;
    uint64_t owed;                 /* values that must still come */
    uint64_t stack[MSGPACK_DEPTH]; /* per open container: values left in it, and a bit for maps */
};

/* At most depth_max containers deep (MSGPACK_DEPTH when that is less). */
void msgpack_reader_init(struct msgpack_reader *r, str in, unsigned depth_max);

/* The next token. Of the fields above only those of its kind are set.
 *
 * A container is begun only when the input has at least a byte for every value that is then still
 * owed (MSGPACK_MORE otherwise): the counts of all containers together never exceed the input's
 * size, so a caller may make room for `count` elements. A caller whose input is whole takes
 * MSGPACK_MORE for MSGPACK_BAD. */
enum msgpack_token msgpack_reader_next(struct msgpack_reader *r);

/* Steps over the next value, which may be a container of any depth; raw is its bytes. PARSE_BAD
 * also where no value may come: behind the last of a container, or of the input. */
enum parse msgpack_reader_skip(struct msgpack_reader *r, str *raw);

/* Goes on after MSGPACK_MORE with the bytes from r->at on and some more, which may lie elsewhere.
 */
static inline void msgpack_reader_feed(struct msgpack_reader *r, str in)
{
    r->at = in.p;
    r->end = in.n ? in.p + in.n : in.p;
}

/* How many bytes the first value of the input takes, at any depth. */
enum parse msgpack_size(str in, size_t *used);

/* Reads a timestamp: an ext of type -1 with 4, 8 or 12 bytes. ATR_ETYPE when it is none, ATR_ERANGE
 * when the nanoseconds are a second or more. */
int msgpack_timestamp(int8_t ext, str bytes, int64_t *seconds, uint32_t *nanoseconds) MUST_CHECK;

/* --- Writer: appends to a buffer without a ceiling; texts, bytes and containers are shorter than
 * 4 GiB. --- */
enum { MSGPACK_HEAD_MAX = 9 }; /* what a write adds beside text and bytes; a timestamp: 15 */

void msgpack_write_nil(struct buf *b);
void msgpack_write_bool(struct buf *b, bool value);
void msgpack_write_uint(struct buf *b, uint64_t n);
void msgpack_write_int(struct buf *b, int64_t n);
void msgpack_write_float(struct buf *b, float n);
void msgpack_write_double(struct buf *b, double n);
/* An integer when it is one within 64 bits (-0 becomes 0), else a double. */
void msgpack_write_number(struct buf *b, double n);
void msgpack_write_string(struct buf *b, str s);
void msgpack_write_binary(struct buf *b, str bytes);
void msgpack_write_ext(struct buf *b, int8_t type, str bytes);
/* nanoseconds below 1e9. */
void msgpack_write_timestamp(struct buf *b, int64_t seconds, uint32_t nanoseconds);
/* What follows is count values, or count keys and values in turn. */
void msgpack_write_array(struct buf *b, uint32_t count);
void msgpack_write_map(struct buf *b, uint32_t count);

#endif
