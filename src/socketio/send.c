/* socketio/send.c - what is sent to one socket: events, and answers to its own.
 *
 * Start reading at sio_socket_send_event().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/client.h"
#include "socketio/encode.h"
#include "socketio/lifecycle.h"
#include "socketio/recovery.h"
#include "socketio/tail.h"

/* 2.2: what is sent to a connecting socket arrives before its CONNECT; clients keep it until then.
 */
static bool may_send(const struct sio_socket *s)
{
    return s->state <= SIO_SOCKET_CONNECTED || s->state == SIO_SOCKET_MOVED;
}

/* 2.6: with its offset, and kept in case it gets lost. */
static int send_kept(struct sio_socket *s, const struct sio_data *data, unsigned flags)
{
    struct sio_server *io = s->nsp->server;
    struct hub_audience to = { .only = sio_socket_id(s) };
    struct sio_outgoing p = sio_event_of(s, data, flags, SIO_NO_ID);
    struct sio_stamp stamp;
    struct sio_frames f;
    struct parcel parcel;
    int err;

    sio_stamp_make(s->nsp, s, flags, &stamp);
    p.offset = (str){ stamp.text, sizeof stamp.text };
    if (!stamp.keep)
        return sio_send(s->client, &p);
    if ((err = sio_encode(io, &p, SIO_FORM_TEXT, &f)) < 0)
        return err;
    if ((err = sio_stamp_keep(s->nsp, &stamp, &f, &to, flags)) < 0) {
        sio_frames_free(&f);
        return err;
    }
    if (s->state == SIO_SOCKET_MOVED) { /* who has it now sends what was kept */
        sio_frames_free(&f);
        s->nsp->server->stats.tail_out++;
        return 0;
    }
    if (s->form != SIO_FORM_TEXT) {
        sio_frames_free(&f);
        return sio_send(s->client, &p);
    }
    parcel = sio_parcel(s->nsp, &f, SIO_NO_ID, sio_key(s->nsp, data, NULL));
    err = eio_session_send_parcel(&s->client->session, &parcel, sio_output(s->nsp));
    sio_frames_free(&f);
    return err;
}

static int send_now(struct sio_socket *s, const struct sio_data *data, unsigned flags, int64_t id)
{
    struct sio_outgoing p = sio_event_of(s, data, flags, id);

    if (s->state == SIO_SOCKET_MOVED && !sio_tail_keeps(s, flags, id))
        return sio_tail_emit(s, data, flags, id);
    if (s->recoverable && id == SIO_NO_ID)
        return send_kept(s, data, flags);
    return sio_send(s->client, &p);
}

int sio_socket_send_event(struct sio_socket *s, const struct sio_data *data, unsigned flags,
                          int64_t id)
{
    struct sio_server *io = s->nsp->server;
    int err;

    if (may_send(s) && s->nsp->watch_outgoing && io->events->on_outgoing)
        io->events->on_outgoing(s, data);
    if (!may_send(s))
        return ATR_ECLOSED;
    err = send_now(s, data, flags, id);
    if (err == 0)
        io->stats.events_out++;
    return err;
}

int sio_socket_emit(struct sio_socket *s, const struct sio_data *data, unsigned flags)
{
    return sio_socket_send_event(s, data, flags, SIO_NO_ID);
}

int sio_socket_ack(struct sio_socket *s, int64_t ack, const struct sio_data *data)
{
    struct sio_outgoing p = { .type = SIO_ACK, .nsp = s->nsp->name, .id = ack, .data = data };
    int err;

    if (!sio_socket_alive(s))
        return ATR_ECLOSED;
    err = s->state == SIO_SOCKET_MOVED ? sio_tail_ack(s, ack, data) : sio_send(s->client, &p);
    if (err == 0)
        s->nsp->server->stats.acks_out++;
    return err;
}
