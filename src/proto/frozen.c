/* proto/frozen.c - see frozen.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/frozen.h"

#include <string.h>

static const char version_key[] = "v";

/* --- Writing --- */

enum { MAP32 = 0xdf, COUNT_BYTES = 4 };

void frozen_begin(struct frozen_writer *w, struct buf *out, unsigned version)
{
    static const uint8_t none[COUNT_BYTES];

    buf_byte(out, MAP32);
    *w = (struct frozen_writer){ .out = out, .count_at = out->len };
    buf_append(out, none, sizeof none);
    frozen_put_uint(w, version_key, version);
}

struct buf *frozen_put_value(struct frozen_writer *w, const char *key)
{
    msgpack_write_string(w->out, str_of(key));
    w->count++;
    return w->out;
}

void frozen_put_uint(struct frozen_writer *w, const char *key, uint64_t n)
{
    msgpack_write_uint(frozen_put_value(w, key), n);
}

void frozen_put_bool(struct frozen_writer *w, const char *key, bool value)
{
    msgpack_write_bool(frozen_put_value(w, key), value);
}

void frozen_put_bytes(struct frozen_writer *w, const char *key, str bytes)
{
    msgpack_write_binary(frozen_put_value(w, key), bytes);
}

void frozen_end(struct frozen_writer *w)
{
    uint8_t *at = w->out->data + w->count_at;

    for (int i = 0; i < COUNT_BYTES; i++)
        at[i] = (uint8_t)(w->count >> 8 * (COUNT_BYTES - 1 - i));
}

/* --- Reading --- */

static int read_fields(struct frozen *f, struct msgpack_reader *r, uint32_t count)
{
    f->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct frozen_field *field = &f->fields[i];

        if (msgpack_reader_next(r) != MSGPACK_STRING)
            return ATR_ESYNTAX;
        field->key = r->bytes;
        if (msgpack_reader_skip(r, &field->value) != PARSE_DONE)
            return ATR_ESYNTAX;
        f->count++;
    }
    return msgpack_reader_next(r) == MSGPACK_MAP_END ? 0 : ATR_ESYNTAX;
}

int frozen_open(struct frozen *f, str in, size_t *used)
{
    struct msgpack_reader r;
    uint64_t version;
    int err;

    f->count = 0;
    msgpack_reader_init(&r, in, MSGPACK_DEPTH);
    if (msgpack_reader_next(&r) != MSGPACK_MAP)
        return ATR_ESYNTAX;
    if (r.count > FROZEN_FIELDS_MAX)
        return ATR_ELIMIT;
    if ((err = read_fields(f, &r, r.count)) < 0)
        return err;
    version = frozen_uint(f, version_key, 0);
    if (version == 0 || version > UINT32_MAX)
        return ATR_ESYNTAX;
    f->version = (unsigned)version;
    *used = (size_t)(r.at - in.p);
    return 0;
}

str frozen_value(const struct frozen *f, const char *key)
{
    size_t n = strlen(key);

    for (uint32_t i = 0; i < f->count; i++) {
        str k = f->fields[i].key;

        if (k.n == n && memcmp(k.p, key, n) == 0)
            return f->fields[i].value;
    }
    return (str){ 0 };
}

static enum msgpack_token first_token(const struct frozen *f, const char *key,
                                      struct msgpack_reader *r)
{
    str value = frozen_value(f, key);

    if (!value.p)
        return MSGPACK_END;
    msgpack_reader_init(r, value, MSGPACK_DEPTH);
    return msgpack_reader_next(r);
}

uint64_t frozen_uint(const struct frozen *f, const char *key, uint64_t otherwise)
{
    struct msgpack_reader r;

    return first_token(f, key, &r) == MSGPACK_UINT ? r.uint : otherwise;
}

bool frozen_bool(const struct frozen *f, const char *key)
{
    struct msgpack_reader r;

    return first_token(f, key, &r) == MSGPACK_TRUE;
}

str frozen_bytes(const struct frozen *f, const char *key)
{
    struct msgpack_reader r;
    enum msgpack_token t = first_token(f, key, &r);

    return t == MSGPACK_STRING || t == MSGPACK_BINARY ? r.bytes : (str){ 0 };
}

uint32_t frozen_array(const struct frozen *f, const char *key, struct msgpack_reader *r)
{
    return first_token(f, key, r) == MSGPACK_ARRAY ? r->count : 0;
}
