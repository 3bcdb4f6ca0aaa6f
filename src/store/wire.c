/* store/wire.c - see wire.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/wire.h"

#include "proto/msgpack.h"

void wire_write_number(struct buf *out, uint64_t n)
{
    msgpack_write_uint(out, n);
}

void wire_write_request(struct buf *out, unsigned op, uint64_t seq, str record)
{
    msgpack_write_uint(out, op);
    msgpack_write_uint(out, seq);
    buf_add(out, record);
}

void wire_write_answer(struct buf *out, const struct wire_answer *a)
{
    msgpack_write_uint(out, a->seq);
    msgpack_write_int(out, a->err);
    msgpack_write_uint(out, a->count);
    msgpack_write_binary(out, a->body);
}

/* Cuts a value of that kind off *in. */
static int read_token(str *in, struct msgpack_reader *r, enum msgpack_token wanted)
{
    msgpack_reader_init(r, *in, 1);
    if (msgpack_reader_next(r) != wanted)
        return ATR_ESYNTAX;
    *in = str_n(r->at, in->n - (size_t)(r->at - in->p));
    return 0;
}

int wire_read_number(str *in, uint64_t *n)
{
    struct msgpack_reader r;

    if (read_token(in, &r, MSGPACK_UINT) < 0)
        return ATR_ESYNTAX;
    *n = r.uint;
    return 0;
}

int wire_read_request(str *in, struct wire_request *q)
{
    struct wire_request read;
    str at = *in;

    if (wire_read_number(&at, &read.op) < 0 || wire_read_number(&at, &read.seq) < 0 ||
        store_record_read(&at, &read.r) < 0)
        return ATR_ESYNTAX;
    *q = read;
    *in = at;
    return 0;
}

/* 0, or a negative code. */
static int read_error(str *in, int *err)
{
    struct msgpack_reader r;
    uint64_t zero;

    if (wire_read_number(in, &zero) == 0) {
        *err = 0;
        return zero ? ATR_ESYNTAX : 0;
    }
    if (read_token(in, &r, MSGPACK_INT) < 0 || r.integer < 2 * (int64_t)ATR_ERROR_BASE)
        return ATR_ESYNTAX;
    *err = (int)r.integer;
    return 0;
}

int wire_read_answer(str *in, struct wire_answer *a)
{
    struct msgpack_reader r;
    struct wire_answer read;
    uint64_t count;
    str at = *in;

    if (wire_read_number(&at, &read.seq) < 0 || read_error(&at, &read.err) < 0 ||
        wire_read_number(&at, &count) < 0 || count > UINT32_MAX ||
        read_token(&at, &r, MSGPACK_BINARY) < 0)
        return ATR_ESYNTAX;
    read.count = (uint32_t)count;
    read.body = r.bytes;
    *a = read;
    *in = at;
    return 0;
}
