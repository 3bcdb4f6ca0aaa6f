/* fuzz/fuzz_eio3_payload.c - any bytes as a polling payload of Engine.IO 3, in either form.
 *
 * The packets up to the first bad one are written again in both forms; decoding either gives the
 * same packets.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/eio3_payload.h"

#include "base/utf8.h"
#include "fuzz.h"

typedef enum parse (*next_fn)(str *rest, struct eio_packet *out);
typedef void (*add_fn)(struct buf *out, enum eio_type type, bool binary, str data);

/* Decodes a copy of body and appends the packets to out. Returns how many were good. */
static size_t rewrite(str body, next_fn next, add_fn add, struct buf *out)
{
    str copy = { fuzz_copy(body.p, body.n), body.n }, rest = copy;
    size_t count = 0;
    struct eio_packet p;

    buf_clear(out);
    while (next(&rest, &p) == PARSE_DONE) {
        ASSERT(p.type <= EIO_NOOP);
        ASSERT(!p.binary || p.type == EIO_MESSAGE);
        ASSERT(p.data.p >= copy.p && p.data.p + p.data.n <= copy.p + copy.n);
        ASSERT(!rest.p || (rest.n > 0 && rest.n < copy.n && rest.p + rest.n == copy.p + copy.n));
        add(out, p.type, p.binary, p.data);
        count++;
        if (!rest.p)
            break;
    }
    free((void *)copy.p);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf text, binary, again;
    str body = str_n(data, n);
    bool as_text = n > 0 && data[0] > 1; /* a binary payload starts with 0 or 1 */
    next_fn next = as_text ? eio3_payload_next : eio3_payload_next_binary;
    size_t count = rewrite(body, next, eio3_payload_add, &text);

    ASSERT(rewrite(body, next, eio3_payload_add_binary, &binary) == count);
    /* Text must be known to be UTF-8 for more than staying in bounds. */
    if (count == 0 || (as_text && !utf8_valid(body.p, body.n)))
        return 0;
    ASSERT(rewrite(buf_str(&text), eio3_payload_next, eio3_payload_add, &again) == count);
    ASSERT(str_eq(buf_str(&again), buf_str(&text)));
    ASSERT(rewrite(buf_str(&text), eio3_payload_next, eio3_payload_add_binary, &again) == count);
    ASSERT(str_eq(buf_str(&again), buf_str(&binary)));
    ASSERT(rewrite(buf_str(&binary), eio3_payload_next_binary, eio3_payload_add, &again) == count);
    ASSERT(str_eq(buf_str(&again), buf_str(&text)));
    return 0;
}
