/* socketio/record_wire.c - the record of a socket as bytes, for another server or for who inherits
 * this one's journal.
 *
 * Sender and receiver are of one machine: times are of its clock. What does not fit is refused.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/record.h"

#include "base/mem.h"
#include "socketio/cluster.h"

static void write_room(void *arg, str room)
{
    sio_write_str(arg, room);
}

void sio_record_write(const struct sio_record *rec, struct buf *out)
{
    struct buf rooms = { 0 };
    size_t at = 0;
    str room;

    if (rec->state == SIO_RECORD_LIVE)
        sio_socket_rooms(rec->socket, write_room, &rooms);
    while (rec->state != SIO_RECORD_LIVE && sio_record_room(rec, &at, &room))
        sio_write_str(&rooms, room);
    buf_append(out, rec->id, SIO_ID_LEN);
    sio_write_u64(out, rec->cursor);
    sio_write_u64(out, rec->joined_ms);
    sio_write_u64(out, rec->state == SIO_RECORD_SAVED ? rec->ended_ms : 0);
    sio_write_u64(out, rec->safe_ms);
    sio_write_str(out, buf_str(&rooms));
    sio_write_str(out, str_n(rec->frozen, rec->frozen_n));
    buf_free(&rooms);
}

/* Rooms are written as they are packed: a length, the name, and so on. */
static bool rooms_are_whole(str rooms)
{
    struct sio_reader r = { rooms.p, rooms.p + rooms.n, false };

    while (r.at < r.end && !r.broken)
        (void)sio_read_str(&r);
    return !r.broken;
}

struct sio_record *sio_record_read(struct sio_recovery *r, str pid, struct sio_reader *in)
{
    uint64_t now = r->nsp->server->engine.loop->now_ms, beat = sio_heartbeat_ms(r->nsp->server);
    struct sio_record *rec = mem_zalloc(sizeof *rec);
    str rooms, frozen;

    list_init(&rec->link);
    list_init(&rec->touched);
    rec->in = r;
    for (int i = 0; i < SIO_ID_LEN; i++)
        rec->id[i] = (char)sio_read_u8(in);
    memcpy(rec->pid, pid.p, SIO_ID_LEN);
    rec->cursor = rec->after = sio_read_u64(in);
    rec->joined_ms = sio_read_u64(in);
    rec->ended_ms = sio_read_u64(in);
    rec->safe_ms = sio_read_u64(in);
    rooms = sio_read_str(in);
    frozen = sio_read_str(in);
    if (in->broken || !rooms_are_whole(rooms)) {
        mem_free(rec);
        return NULL;
    }
    if (rec->ended_ms == 0) {
        rec->ended_ms = now;
        rec->safe_ms = now - rec->joined_ms >= beat ? now - beat : 0;
    }
    rec->rooms = rooms.n ? mem_dup(rooms.p, rooms.n) : NULL;
    rec->rooms_bytes = rooms.n;
    rec->frozen = frozen.n ? mem_dup(frozen.p, frozen.n) : NULL;
    rec->frozen_n = (uint32_t)frozen.n;
    map_put(&r->by_pid, sio_record_pid(rec), rec);
    r->nsp->population++; /* it stands for a socket */
    sio_record_wait(rec);
    return rec;
}
