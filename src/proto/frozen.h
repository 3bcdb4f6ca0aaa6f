/* proto/frozen.h - the state of an object on its way to another process: a MessagePack map with
 * text keys, whose first pair is its version.
 *
 * Who reads passes over keys that it does not know and has a default for those that are not there,
 * so that programs of neighbouring versions understand each other. What is read comes from another
 * process and is checked like what comes from a peer: a value of another type than expected counts
 * as not there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_FROZEN_H
#define PROTO_FROZEN_H

#include "proto/msgpack.h"

enum { FROZEN_FIELDS_MAX = 64 };

/* --- Writing: begin, any number of fields, end. A map may be a field of another: begun in what
 * frozen_put_value() gives, and ended before the other goes on. --- */

struct frozen_writer {
    struct buf *out;
    size_t count_at; /* where the number of pairs goes */
    uint32_t count;
};

void frozen_begin(struct frozen_writer *w, struct buf *out, unsigned version);
void frozen_put_uint(struct frozen_writer *w, const char *key, uint64_t n);
void frozen_put_bool(struct frozen_writer *w, const char *key, bool value);
void frozen_put_bytes(struct frozen_writer *w, const char *key, str bytes);
/* The caller appends one MessagePack value (of any kind) to the buffer that is returned. */
struct buf *frozen_put_value(struct frozen_writer *w, const char *key);
void frozen_end(struct frozen_writer *w);

/* --- Reading --- */

struct frozen_field {
    str key, value; /* value: its MessagePack */
};

struct frozen {
    unsigned version;
    uint32_t count;
    struct frozen_field fields[FROZEN_FIELDS_MAX];
};

/* Reads the map that `in` begins with; *used is its size. Fields point into the input.
 * ATR_ESYNTAX: there is none, it is not whole, or has no version; ATR_ELIMIT: it has more fields
 * than FROZEN_FIELDS_MAX. */
int frozen_open(struct frozen *f, str in, size_t *used) MUST_CHECK;

uint64_t frozen_uint(const struct frozen *f, const char *key, uint64_t otherwise);
bool frozen_bool(const struct frozen *f, const char *key); /* false when it is not there */
/* Bytes or a text; p is NULL when it is not there. */
str frozen_bytes(const struct frozen *f, const char *key);
/* A value as MessagePack; p is NULL when it is not there. */
str frozen_value(const struct frozen *f, const char *key);
/* Enters an array: *r gives its elements next. Returns how many there are; 0 when it is not there.
 */
uint32_t frozen_array(const struct frozen *f, const char *key, struct msgpack_reader *r);

#endif
