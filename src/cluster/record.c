/* cluster/record.c - see record.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/record.h"

#include "proto/msgpack.h"

enum kind { TEXT_FIELD, COUNT_FIELD, NUMBER_FIELD };

static const struct field {
    enum kind kind;
    size_t at;
} fields[] = {
#define TEXT(name)   { TEXT_FIELD, offsetof(struct store_record, name) },
#define COUNT(name)  { COUNT_FIELD, offsetof(struct store_record, name) },
#define NUMBER(name) { NUMBER_FIELD, offsetof(struct store_record, name) },
    STORE_FIELDS(TEXT, COUNT, NUMBER)
#undef TEXT
#undef COUNT
#undef NUMBER
};
enum { FIELDS = sizeof fields / sizeof *fields };

static void *field_of(const struct store_record *r, const struct field *f)
{
    return (char *)(uintptr_t)r + f->at;
}

static bool is_set(const struct store_record *r, const struct field *f)
{
    const void *at = field_of(r, f);

    return f->kind == TEXT_FIELD ? ((const str *)at)->n > 0 : *(const uint64_t *)at != 0;
}

void store_record_write(struct buf *out, const struct store_record *r)
{
    uint32_t count = 0;

    for (size_t i = 0; i < FIELDS; i++)
        count += is_set(r, &fields[i]);
    msgpack_write_map(out, count);
    for (size_t i = 0; i < FIELDS; i++) {
        const void *at = field_of(r, &fields[i]);

        if (!is_set(r, &fields[i]))
            continue;
        msgpack_write_uint(out, i);
        if (fields[i].kind == TEXT_FIELD)
            msgpack_write_binary(out, *(const str *)at);
        else if (fields[i].kind == COUNT_FIELD)
            msgpack_write_uint(out, *(const uint64_t *)at);
        else
            msgpack_write_int(out, *(const int64_t *)at);
    }
}

/* Reads the value of field f. */
static int read_field(struct msgpack_reader *in, const struct field *f, struct store_record *r)
{
    enum msgpack_token t = msgpack_reader_next(in);
    void *at = field_of(r, f);

    if (f->kind == TEXT_FIELD && (t == MSGPACK_BINARY || t == MSGPACK_STRING))
        *(str *)at = in->bytes;
    else if (f->kind == COUNT_FIELD && t == MSGPACK_UINT)
        *(uint64_t *)at = in->uint;
    else if (f->kind == NUMBER_FIELD && t == MSGPACK_INT)
        *(int64_t *)at = in->integer;
    else if (f->kind == NUMBER_FIELD && t == MSGPACK_UINT && in->uint <= INT64_MAX)
        *(int64_t *)at = (int64_t)in->uint;
    else
        return ATR_ESYNTAX;
    return 0;
}

int store_record_read(str *in, struct store_record *out)
{
    struct store_record r = { 0 };
    struct msgpack_reader reader;
    str skipped;

    msgpack_reader_init(&reader, *in, 8);
    if (msgpack_reader_next(&reader) != MSGPACK_MAP)
        return ATR_ESYNTAX;
    for (uint32_t left = reader.count; left; left--) {
        if (msgpack_reader_next(&reader) != MSGPACK_UINT)
            return ATR_ESYNTAX;
        if (reader.uint < FIELDS) {
            if (read_field(&reader, &fields[reader.uint], &r) < 0)
                return ATR_ESYNTAX;
        } else if (msgpack_reader_skip(&reader, &skipped) != PARSE_DONE) {
            return ATR_ESYNTAX;
        }
    }
    if (msgpack_reader_next(&reader) != MSGPACK_MAP_END)
        return ATR_ESYNTAX;
    *in = str_n(reader.at, in->n - (size_t)(reader.at - in->p));
    *out = r;
    return 0;
}
