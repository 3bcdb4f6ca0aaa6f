/* fuzz/fuzz_sio_packet.c - any bytes as a Socket.IO packet.
 *
 * Head and data of what was accepted make a packet that decodes to the same fields. What is
 * forwarded without another look is sound: data is JSON of the right type, an event's name is
 * allowed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_packet.h"

#include "fuzz.h"
#include "proto/json.h"

static const struct sio_limits limits = { .attachments_max = 10, .depth_max = JSON_DEPTH };

static void check_data(const struct sio_packet *p)
{
    enum json_type type = json_type_of(p->data), name = json_type_of(p->event);
    bool event = p->type == SIO_EVENT || p->type == SIO_BINARY_EVENT;

    ASSERT(json_check(p->data, JSON_DEPTH) == 0);
    ASSERT(p->type != SIO_DISCONNECT);
    if (p->type == SIO_CONNECT || p->type == SIO_CONNECT_ERROR)
        ASSERT(type == JSON_OBJECT || (p->type == SIO_CONNECT_ERROR && type == JSON_STRING));
    else
        ASSERT(type == JSON_ARRAY);
    ASSERT(event == (p->event.p != NULL));
    if (event) {
        ASSERT(name == JSON_STRING || name == JSON_NUMBER);
        ASSERT(str_eq(p->event, json_at(p->data, 0)));
        ASSERT(!sio_event_reserved(p->event));
    }
    if (sio_placeholders_check(p->data, p->attachments) == 0)
        ASSERT(sio_placeholder(p->data) < (int64_t)p->attachments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf again;
    str text = { fuzz_copy(data, n), n };
    struct sio_packet p, q;
    const char *why = NULL;

    if (sio_packet_decode(text, &limits, &p, &why) == PARSE_DONE) {
        bool binary = p.type == SIO_BINARY_EVENT || p.type == SIO_BINARY_ACK;
        ASSERT(binary ? p.attachments >= 1 && p.attachments <= 10 : p.attachments == 0);
        ASSERT(p.nsp.n > 0 && p.nsp.p[0] == '/' && !memchr(p.nsp.p, ',', p.nsp.n));
        ASSERT(p.id >= SIO_NO_ID);
        if (p.data.p)
            check_data(&p);
        buf_clear(&again);
        sio_packet_head(&again, p.type, p.attachments, p.nsp, p.id);
        ASSERT(again.len <= sio_packet_head_size(p.nsp));
        buf_add(&again, p.data);
        ASSERT(sio_packet_decode(buf_str(&again), &limits, &q, NULL) == PARSE_DONE);
        ASSERT(q.type == p.type && q.attachments == p.attachments && q.id == p.id);
        ASSERT(str_eq(q.nsp, p.nsp) && str_eq(q.data, p.data) && str_eq(q.event, p.event));
    } else {
        ASSERT(why && *why);
        (void)(sio_placeholders_check(text, 1) == 0); /* any answer, but in bounds */
    }
    free((void *)text.p);
    return 0;
}
