/* socketio/pack.c - packets in the form of socket.io-msgpack-parser (2.8): one message, attachments
 * within it.
 *
 * All above writes JSON, so a packet is converted, once for all who want this form. What is kept
 * for connection state recovery has the form of texts, and is converted when somebody comes back.
 *
 * The scratch is the server's and is not used across a send.
 *
 * Start reading at sio_pack().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/encode.h"

#include "base/mem.h"
#include "proto/json.h"
#include "ws/conn.h"

enum { SCRATCH_KEEP_BYTES = 64 * 1024, MARGIN = 128 };

/* What no packet exceeds in which every attachment stands once, since a number of n characters
 * takes at most 3 n bytes, and all else less. Without a ceiling, a few bytes that name one large
 * attachment a thousand times would have us write it a thousand times. */
static size_t ceiling(const struct sio_outgoing *p)
{
    size_t most = MARGIN + p->nsp.n + 3 * (p->data ? p->data->json.n + p->offset.n : 0);

    for (size_t i = 0; p->data && i < p->data->attachment_count; i++)
        most += p->data->attachments[i].n;
    return most < UINT32_MAX - MARGIN ? most : UINT32_MAX - MARGIN;
}

static str with_offset(struct buf *out, const struct sio_outgoing *p)
{
    buf_clear(out);
    buf_add(out, sio_array_opened(p->data->json));
    buf_add(out, STR(",\""));
    buf_add(out, p->offset);
    buf_add(out, STR("\"]"));
    return buf_str(out);
}

static void trim(struct buf *scratch)
{
    if (scratch->cap > SCRATCH_KEEP_BYTES)
        buf_free(scratch);
}

int sio_pack(struct sio_server *io, const struct sio_outgoing *p, struct msg **out)
{
    struct sio_packing *scratch = &io->packing;
    struct sio_packet packet = { .type = p->type, .nsp = p->nsp, .id = p->id };
    int err;

    if (p->data) {
        packet.data = p->offset.n ? with_offset(&scratch->json, p) : p->data->json;
        packet.attachments = (uint32_t)p->data->attachment_count;
    }
    buf_clear(&scratch->out);
    scratch->out.max = ceiling(p);
    err = sio_msgpack_encode(&scratch->out, &packet, p->data ? p->data->attachments : NULL,
                             &scratch->shapes);
    if (err == 0)
        *out = ws_msg(WS_BINARY, buf_str(&scratch->out));
    trim(&scratch->json);
    trim(&scratch->shapes);
    trim(&scratch->out);
    return err;
}

int sio_texts_read(const struct sio_frames *texts, struct sio_packet *packet, struct sio_data *data)
{
    const struct sio_limits limits = { UINT32_MAX, JSON_DEPTH };
    str text = msg_payload(texts->msgs[0]), *attachments;

    /* Behind Engine.IO's type. */
    if (text.n == 0 ||
        sio_packet_decode(str_n(text.p + 1, text.n - 1), &limits, packet, NULL) != PARSE_DONE)
        return ATR_ESYNTAX;
    attachments = mem_alloc(texts->count * sizeof *attachments);
    for (size_t i = 1; i < texts->count; i++)
        attachments[i - 1] = msg_payload(texts->msgs[i]);
    *data = (struct sio_data){ packet->data, attachments, texts->count - 1 };
    return 0;
}

int sio_encode_again(struct sio_server *io, const struct sio_frames *texts, enum sio_form form,
                     struct sio_frames *f)
{
    struct sio_packet packet;
    struct sio_data data;
    struct sio_outgoing p = { .type = SIO_EVENT, .data = &data };
    int err = sio_texts_read(texts, &packet, &data);

    if (err < 0)
        return err;
    p.nsp = packet.nsp;
    p.id = packet.id;
    p.flags = texts->msgs[0]->incompressible ? SIO_NO_COMPRESS : 0;
    err = sio_encode(io, &p, form, f);
    mem_free((str *)(uintptr_t)data.attachments);
    return err;
}
