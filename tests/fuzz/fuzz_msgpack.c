/* fuzz/fuzz_msgpack.c - any bytes as MessagePack.
 *
 * A value that the reader takes is as long as msgpack_size() says, reads the same when its bytes
 * come in pieces, and, written again, reads and writes the same once more. Counts never promise
 * more than the input holds.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/msgpack.h"

#include "fuzz.h"

static void rewrite_token(struct buf *out, const struct msgpack_reader *r, enum msgpack_token t)
{
    int64_t seconds;
    uint32_t nanoseconds;

    switch (t) {
    case MSGPACK_NIL:
        msgpack_write_nil(out);
        break;
    case MSGPACK_FALSE:
    case MSGPACK_TRUE:
        msgpack_write_bool(out, t == MSGPACK_TRUE);
        break;
    case MSGPACK_UINT:
        msgpack_write_uint(out, r->uint);
        break;
    case MSGPACK_INT:
        ASSERT(r->integer < 0);
        msgpack_write_int(out, r->integer);
        break;
    case MSGPACK_FLOAT:
        msgpack_write_double(out, r->number);
        break;
    case MSGPACK_STRING:
        msgpack_write_string(out, r->bytes);
        break;
    case MSGPACK_BINARY:
        msgpack_write_binary(out, r->bytes);
        break;
    case MSGPACK_EXT:
        if (msgpack_timestamp(r->ext, r->bytes, &seconds, &nanoseconds) == 0)
            msgpack_write_timestamp(out, seconds, nanoseconds);
        else
            msgpack_write_ext(out, r->ext, r->bytes);
        break;
    case MSGPACK_ARRAY:
        msgpack_write_array(out, r->count);
        break;
    case MSGPACK_MAP:
        msgpack_write_map(out, r->count);
        break;
    default:
        break;
    }
}

/* Writes the first value again. Returns the last token; *used is how far it came. */
static enum msgpack_token rewrite(str in, struct buf *out, size_t *used)
{
    struct msgpack_reader r;
    size_t promised = 0;
    enum msgpack_token t;

    buf_clear(out);
    msgpack_reader_init(&r, in, MSGPACK_DEPTH);
    while ((t = msgpack_reader_next(&r)) > MSGPACK_BAD) {
        ASSERT(r.at > in.p && r.at <= in.p + in.n);
        ASSERT(r.depth <= MSGPACK_DEPTH);
        if (t == MSGPACK_STRING || t == MSGPACK_BINARY || t == MSGPACK_EXT)
            ASSERT(r.bytes.p >= in.p && r.bytes.p + r.bytes.n == r.at);
        if (t == MSGPACK_ARRAY || t == MSGPACK_MAP)
            promised += r.count;
        ASSERT(promised <= in.n);
        rewrite_token(out, &r, t);
    }
    *used = (size_t)(r.at - in.p);
    return t;
}

/* The same with `step` more bytes each time, always in a block of their own. */
static enum msgpack_token rewrite_in_pieces(str in, size_t step, struct buf *out)
{
    struct msgpack_reader r;
    size_t taken = 0, n = 0;
    enum msgpack_token t;
    str piece = { fuzz_copy(in.p, 0), 0 };

    buf_clear(out);
    msgpack_reader_init(&r, piece, MSGPACK_DEPTH);
    for (;;) {
        const char *before = r.at;
        t = msgpack_reader_next(&r);
        taken += (size_t)(r.at - before);
        if (t > MSGPACK_BAD) {
            rewrite_token(out, &r, t);
            continue;
        }
        if (t != MSGPACK_MORE || n == in.n)
            break;
        n = n + step < in.n ? n + step : in.n;
        free((void *)piece.p);
        piece = str_n(fuzz_copy(in.p + taken, n - taken), n - taken);
        msgpack_reader_feed(&r, piece);
    }
    free((void *)piece.p);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf once, twice;
    str in = { fuzz_copy(data, n), n };
    size_t used = 0, size = 0;
    enum parse answer = msgpack_size(in, &size);
    enum msgpack_token t = rewrite(in, &once, &used);

    ASSERT(t == MSGPACK_END || t == MSGPACK_MORE || t == MSGPACK_BAD);
    ASSERT(answer != PARSE_BAD || t == MSGPACK_BAD);
    ASSERT(answer != PARSE_DONE || t != MSGPACK_MORE); /* BAD: too deep */
    if (n <= 512) {
        ASSERT(rewrite_in_pieces(in, n ? 1 + data[0] % 7u : 1, &twice) == t);
        ASSERT(str_eq(buf_str(&once), buf_str(&twice)));
    }
    free((void *)in.p);
    if (t == MSGPACK_END) {
        ASSERT(answer == PARSE_DONE && used == size);
        in = str_n(fuzz_copy(once.data, once.len), once.len);
        ASSERT(rewrite(in, &twice, &used) == MSGPACK_END && used == in.n);
        ASSERT(str_eq(in, buf_str(&twice)));
        free((void *)in.p);
    }
    return 0;
}
