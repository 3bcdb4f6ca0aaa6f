/* fuzz/fuzz_sio_msgpack.c - any bytes as a message of socket.io-msgpack-parser, and as text that
 * is to become one.
 *
 * A packet that was accepted is one that the usual protocol could have carried, and encoding it
 * gives a message that decodes to the same packet.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_msgpack.h"

#include "fuzz.h"
#include "proto/json.h"
#include "proto/msgpack.h"

enum { EXPANSION = 20, ATTACHMENTS_MAX = 10 };

static const struct sio_limits limits = {
    .attachments_max = ATTACHMENTS_MAX,
    .depth_max = JSON_DEPTH,
};

static void check(str message, const struct sio_msgpack *m, const struct sio_packet *p)
{
    bool event = p->type == SIO_EVENT || p->type == SIO_BINARY_EVENT;
    bool binary = p->type == SIO_BINARY_EVENT || p->type == SIO_BINARY_ACK;
    enum json_type name = json_type_of(p->event);

    ASSERT(binary ? p->attachments >= 1 && p->attachments <= ATTACHMENTS_MAX : !p->attachments);
    ASSERT(p->nsp.n > 0 && p->nsp.p[0] == '/' && p->id >= SIO_NO_ID);
    ASSERT(m->text.len <= message.n * EXPANSION);
    ASSERT(!p->data.p || json_check(p->data, JSON_DEPTH) == 0);
    ASSERT(event == (p->event.p != NULL));
    if (event) {
        ASSERT(name == JSON_STRING || name == JSON_NUMBER);
        ASSERT(str_eq(p->event, json_at(p->data, 0)) && !sio_event_reserved(p->event));
    }
    if (binary)
        ASSERT(sio_placeholders_check(p->data, p->attachments) == 0);
    for (uint32_t i = 0; i < p->attachments; i++) {
        str piece = sio_msgpack_attachments(m)[i];
        ASSERT(piece.p >= message.p && piece.p + piece.n <= message.p + message.n);
    }
}

static void same(const struct sio_msgpack *m, const struct sio_packet *p,
                 const struct sio_msgpack *again, const struct sio_packet *q)
{
    ASSERT(q->type == p->type && q->id == p->id && q->attachments == p->attachments);
    ASSERT(str_eq(q->nsp, p->nsp) && str_eq(q->data, p->data) && str_eq(q->event, p->event));
    for (uint32_t i = 0; i < p->attachments; i++)
        ASSERT(str_eq(sio_msgpack_attachments(m)[i], sio_msgpack_attachments(again)[i]));
}

/* Decodes; then there and back again. */
static void round_trip(str message)
{
    static struct sio_msgpack m, again;
    static struct buf out, scratch;
    struct sio_packet p, q;
    const char *why = NULL;

    if (sio_msgpack_decode(message, &limits, &m, &p, &why) != PARSE_DONE) {
        ASSERT(why && *why);
        return;
    }
    check(message, &m, &p);
    buf_clear(&out);
    ASSERT(sio_msgpack_encode(&out, &p, sio_msgpack_attachments(&m), &scratch) == 0);
    ASSERT(sio_msgpack_decode(buf_str(&out), &limits, &again, &q, NULL) == PARSE_DONE);
    same(&m, &p, &again, &q);
}

/* A packet of the usual protocol, or any text at all, under a ceiling. */
static void encode(str text, size_t max)
{
    static struct buf scratch;
    static const str pieces[ATTACHMENTS_MAX] = { { "a", 1 }, { "bc", 2 }, { "", 0 } };
    struct buf out = BUF_MAX(max);
    struct sio_packet p;
    bool packet = sio_packet_decode(text, &limits, &p, NULL) == PARSE_DONE;
    size_t used = 0;

    if (!packet)
        p = (struct sio_packet){ .type = SIO_ACK, .nsp = STR("/"), .id = 5, .data = text };
    if (sio_msgpack_encode(&out, &p, pieces, &scratch) < 0) {
        ASSERT(out.len == 0);
    } else if (packet) {
        ASSERT(msgpack_size(buf_str(&out), &used) == PARSE_DONE && used == out.len);
        round_trip(buf_str(&out));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = { fuzz_copy(data, n), n };

    round_trip(in);
    encode(in, 0);
    encode(in, 1 + n / 2);
    free((void *)in.p);
    return 0;
}
