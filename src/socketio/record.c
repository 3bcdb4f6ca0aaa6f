/* socketio/record.c - the record of a socket: its life, and how it is saved when the connection is
 * lost. How a client comes back: record_claim.c; how records cross servers: record_wire.c.
 *
 * Start reading at sio_record_save().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/record.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "socketio/client.h"
#include "socketio/cluster_session.h"
#include "socketio/lifecycle.h"
#include "socketio/tail.h"

/* Records of clients that are away may take this part of what the stream may. */
enum { SAVED_SHARE = 4 };

static size_t bytes_of(const struct sio_record *rec)
{
    return sizeof *rec + rec->rooms_bytes + rec->frozen_n;
}

void sio_record_new(struct sio_recovery *r, struct sio_socket *s)
{
    struct sio_record *rec = mem_zalloc(sizeof *rec);

    rec->in = r;
    rec->socket = s;
    rec->state = SIO_RECORD_JOINING;
    rec->cursor = rec->after = sio_recovery_last(r);
    list_init(&rec->link);
    list_init(&rec->touched);
    memcpy(rec->id, s->id, SIO_ID_LEN);
    random_name(rec->pid, SIO_ID_LEN);
    map_put(&r->by_pid, sio_record_pid(rec), rec);
    ((struct sio_recoverable *)s)->record = rec;
}

void sio_record_forget_rooms(struct sio_record *rec)
{
    mem_free(rec->rooms);
    rec->rooms = NULL;
    rec->rooms_bytes = 0;
}

static void forget_data(struct sio_record *rec)
{
    const struct sio_events *events = sio_record_server(rec)->events;
    void *data = rec->data;

    rec->data = NULL;
    if (data && events->on_forgotten)
        events->on_forgotten(rec->in->nsp, data);
}

static void record_free(struct sio_record *rec)
{
    ASSERT(list_empty(&rec->link));
    forget_data(rec);
    (void)map_remove(&rec->in->by_pid, sio_record_pid(rec));
    if (rec->socket)
        ((struct sio_recoverable *)rec->socket)->record = NULL;
    sio_session_forgotten(rec);
    list_remove(&rec->touched);
    sio_record_forget_rooms(rec);
    mem_free(rec->frozen);
    mem_free(rec);
}

void sio_record_unsave(struct sio_record *rec)
{
    list_remove(&rec->link);
    rec->in->saved_bytes -= bytes_of(rec);
}

bool sio_record_drop(struct sio_record *rec)
{
    struct sio_server *io = sio_record_server(rec);
    struct sio_namespace *n = rec->in->nsp;
    bool alone = rec->socket == NULL; /* else the socket is counted, and still to go */

    sio_record_unsave(rec);
    record_free(rec);
    io->stats.recovery_expired++;
    if (alone)
        sio_namespace_shrink(n);
    return n->gone;
}

void sio_record_release(struct sio_record *rec)
{
    struct sio_namespace *n = rec->in->nsp;
    bool alone = rec->socket == NULL; /* else the socket is counted, and still to go */

    sio_record_unsave(rec);
    record_free(rec);
    if (alone)
        sio_namespace_shrink(n);
}

/* --- Rooms, as one block: a length, the name, and so on --- */

struct packing {
    char *at;
    size_t bytes;
};

static void measure_room(void *arg, str room)
{
    struct packing *p = arg;

    p->bytes += sizeof(uint32_t) + room.n;
}

static void pack_room(void *arg, str room)
{
    struct packing *p = arg;
    uint32_t n = (uint32_t)room.n;

    memcpy(p->at, &n, sizeof n);
    if (n)
        memcpy(p->at + sizeof n, room.p, n);
    p->at += sizeof n + n;
}

static void pack_rooms(struct sio_record *rec, const struct sio_socket *s)
{
    struct packing p = { 0 };

    sio_record_forget_rooms(rec);
    sio_socket_rooms(s, measure_room, &p);
    if (p.bytes == 0)
        return;
    rec->rooms = p.at = mem_alloc(p.bytes);
    rec->rooms_bytes = p.bytes;
    sio_socket_rooms(s, pack_room, &p);
}

bool sio_record_room(const struct sio_record *rec, size_t *at, str *room)
{
    uint32_t n;

    if (*at == rec->rooms_bytes)
        return false;
    memcpy(&n, rec->rooms + *at, sizeof n);
    *room = (str){ rec->rooms + *at + sizeof n, n };
    *at += sizeof n + n;
    return true;
}

/* --- Losing the connection --- */

static bool comes_back_from(const struct sio_server *io, const char *reason)
{
    /* Not from namespace disconnects: those were meant. */
    static const enum eio_reason reasons[] = { EIO_TRANSPORT_CLOSE, EIO_TRANSPORT_ERROR,
                                               EIO_PING_TIMEOUT, EIO_FORCED_CLOSE,
                                               EIO_FORCED_SERVER_CLOSE };

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (strcmp(reason, eio_reason_text(reasons[i])) == 0)
            return true;
    }
    /* Alone there is nowhere to come back to. */
    return io->cluster && io->cluster->sessions &&
           strcmp(reason, eio_reason_text(EIO_SERVER_SHUTTING_DOWN)) == 0;
}

/* A record that goes back to wait has lost its connection earlier than others. */
void sio_record_wait(struct sio_record *rec)
{
    struct sio_recovery *r = rec->in;
    struct list *at = r->saved.prev;

    rec->state = SIO_RECORD_SAVED;
    while (at != &r->saved && container_of(at, struct sio_record, link)->ended_ms > rec->ended_ms)
        at = at->prev;
    list_append(at->next, &rec->link);
    r->saved_bytes += bytes_of(rec);
    sio_recovery_clean_later(r);
    while (r->saved_bytes > r->stream.bytes_max / SAVED_SHARE && r->saved.next != &rec->link)
        (void)sio_record_drop(container_of(r->saved.next, struct sio_record, link));
}

void sio_record_save(struct sio_socket *s, const char *reason)
{
    struct sio_record *rec = sio_record_of(s);
    struct sio_server *io = s->nsp->server;
    uint64_t now = io->engine.loop->now_ms, beat = sio_heartbeat_ms(io);

    if (!rec || io->closing || !comes_back_from(io, reason))
        return;
    sio_session_settle(s);
    pack_rooms(rec, s);
    rec->ended_ms = now;
    if (now - rec->joined_ms >= beat)
        rec->safe_ms = now - beat;
    io->stats.recovery_saved++;
    sio_record_wait(rec);
    sio_session_changed(rec);
}

void sio_record_abandoned(struct sio_socket *s)
{
    struct sio_record *rec = sio_record_of(s);

    if (!rec || !s->recovered || s->nsp->server->closing)
        return;
    sio_record_wait(rec);
}

bool sio_record_part(struct sio_socket *s)
{
    struct sio_record *rec = sio_record_of(s);

    if (!rec)
        return false;
    if (rec->state == SIO_RECORD_SAVED) {
        rec->socket = NULL;
        ((struct sio_recoverable *)s)->record = NULL;
        return true;
    }
    record_free(rec);
    return false;
}

/* --- Between servers --- */

void sio_record_move(struct sio_socket *s)
{
    struct sio_record *rec = sio_record_of(s);

    if (rec)
        record_free(rec);
}

/* One that waits is what was inherited from a server that died after it had handed the socket over.
 */
static bool make_way(struct sio_recovery *r, str pid)
{
    struct sio_record *old = map_get(&r->by_pid, pid);

    if (!old)
        return true;
    if (old->state != SIO_RECORD_SAVED || old->socket || old->data)
        return false;
    sio_record_release(old);
    return true;
}

void sio_record_thaw(struct sio_socket *s, const struct sio_record_state *state)
{
    struct sio_recovery *r = s->nsp->recovery;
    struct sio_record *rec;

    if (!s->recoverable || state->pid.n != SIO_ID_LEN || !make_way(r, state->pid))
        return;
    rec = mem_zalloc(sizeof *rec);
    rec->in = r;
    rec->socket = s;
    rec->state = SIO_RECORD_LIVE;
    rec->cursor = rec->after = r->shared ? state->cursor : r->stream.last;
    rec->joined_ms = state->joined_ms;
    list_init(&rec->link);
    list_init(&rec->touched);
    memcpy(rec->id, s->id, SIO_ID_LEN);
    memcpy(rec->pid, state->pid.p, SIO_ID_LEN);
    rec->frozen = state->data.n ? mem_dup(state->data.p, state->data.n) : NULL;
    rec->frozen_n = (uint32_t)state->data.n;
    map_put(&r->by_pid, sio_record_pid(rec), rec);
    ((struct sio_recoverable *)s)->record = rec;
}

/* --- What the application keeps --- */

int sio_socket_keep(struct sio_socket *s, void *data)
{
    struct sio_record *rec = sio_record_of(s);

    if (!rec || rec->state != SIO_RECORD_SAVED)
        return ATR_ECLOSED;
    forget_data(rec);
    rec->data = data;
    return 0;
}

void *sio_socket_kept(struct sio_socket *s)
{
    struct sio_record *rec = sio_record_of(s);
    void *data = rec ? rec->data : NULL;

    if (rec)
        rec->data = NULL;
    return data;
}

str sio_socket_frozen(const struct sio_socket *s)
{
    const struct sio_record *rec = sio_record_of(s);

    return rec ? str_n(rec->frozen, rec->frozen_n) : sio_arrival_data(s);
}
