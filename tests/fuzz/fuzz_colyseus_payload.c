/* fuzz/fuzz_colyseus_payload.c - any bytes as the payload of JavaScript's packer.
 *
 * What is accepted is one whole value of plain MessagePack within the limits. (Made plain again it
 * may change: a copied byte string can hold what looks like a record.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/colyseus_message.h"
#include "proto/msgpack.h"

#include "fuzz.h"

enum { DEPTH = 32, BYTES_MAX = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf scratch = { .max = BYTES_MAX };
    str in = { fuzz_copy(data, n), n }, out;
    struct msgpack_reader r;
    enum msgpack_token t;
    size_t used;

    if (colyseus_plain(in, DEPTH, &scratch, &out) == 0) {
        ASSERT(out.p == in.p || out.n <= BYTES_MAX);
        ASSERT(msgpack_size(out, &used) == PARSE_DONE && used == out.n);
        msgpack_reader_init(&r, out, DEPTH);
        do {
            t = msgpack_reader_next(&r);
            ASSERT(t != MSGPACK_MORE && t != MSGPACK_BAD);
        } while (t != MSGPACK_END);
    }
    free((void *)in.p);
    return 0;
}
