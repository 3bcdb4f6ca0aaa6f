/* fuzz/fuzz_colyseus_message.c - any bytes as a frame of a Colyseus room, from either end.
 *
 * What is read lies in the input, and written again it reads the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/colyseus_message.h"

#include "fuzz.h"

static bool within(str part, str whole)
{
    return !part.p || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static bool write_again(struct buf *out, const struct colyseus_message *m)
{
    switch (m->code) {
    case COLYSEUS_ROOM_DATA:
    case COLYSEUS_ROOM_DATA_BYTES:
        colyseus_write_data(out, (enum colyseus_code)m->code, &m->type, m->body);
        return true;
    case COLYSEUS_ROOM_REQUEST:
        colyseus_write_request(out, m->id, &m->type, m->body);
        return true;
    case COLYSEUS_ROOM_RESPONSE:
        colyseus_write_response(out, m->id, (enum colyseus_status)m->status, m->body);
        return true;
    case COLYSEUS_ERROR:
        colyseus_write_error(out, m->error, m->body);
        return true;
    default:
        return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf out;
    str in = { fuzz_copy(data, n), n };
    struct colyseus_message m, again;

    if (colyseus_decode(in, &m) == PARSE_DONE)
        ASSERT(within(m.body, in) && within(m.type.name, in));
    if (colyseus_decode_sent(in, &m) == PARSE_DONE) {
        ASSERT(within(m.body, in) && within(m.type.name, in));
        buf_clear(&out);
        if (write_again(&out, &m)) {
            ASSERT(colyseus_decode_sent(buf_str(&out), &again) == PARSE_DONE);
            ASSERT(again.code == m.code && again.id == m.id && again.status == m.status);
            ASSERT(again.error == m.error && again.type.number == m.type.number);
            ASSERT(str_eq(again.type.name, m.type.name) && str_eq(again.body, m.body));
        }
    }
    free((void *)in.p);
    return 0;
}
