/* fuzz/fuzz_eio_packet.c - any bytes as a polling payload.
 *
 * The packets up to the first bad one are written again; decoding that gives the same packets.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/eio_packet.h"

#include "fuzz.h"

/* Decodes body, which it writes to, and appends the packets to out. Returns how many were good. */
static size_t rewrite(str body, struct buf *out)
{
    str rest = body;
    size_t count = 0;
    struct eio_packet p;

    buf_clear(out);
    while (eio_payload_next(&rest, &p) == PARSE_DONE) {
        ASSERT(p.type <= EIO_NOOP);
        ASSERT(!p.binary || p.type == EIO_MESSAGE);
        ASSERT(p.data.p >= body.p && p.data.p + p.data.n <= body.p + body.n);
        ASSERT(p.binary || !memchr(p.data.p, EIO_SEPARATOR, p.data.n));
        eio_payload_add(out, p.type, p.binary, p.data);
        count++;
        if (!rest.p)
            break;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf once, twice;
    str body = { fuzz_copy(data, n), n };
    size_t count = rewrite(body, &once);

    free((void *)body.p);
    if (count > 0) {
        body = (str){ fuzz_copy(once.data, once.len), once.len };
        ASSERT(rewrite(body, &twice) == count);
        ASSERT(str_eq(buf_str(&once), buf_str(&twice)));
        free((void *)body.p);
    }
    return 0;
}
