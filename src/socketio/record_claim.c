/* socketio/record_claim.c - the record of a socket is claimed by the client that comes back.
 *
 * Only who knows the private id (pid) can claim it, once: the record then belongs to the new
 * socket, and a second claim finds it taken. A claim cuts the old connection if the server has not
 * noticed its loss, and all that hung on it is saved as if it had.
 *
 * Start reading at sio_record_claim().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/record.h"

#include "base/assert.h"
#include "base/mem.h"
#include "proto/json.h"
#include "socketio/client.h"
#include "socketio/cluster_history.h"
#include "socketio/cluster_session.h"
#include "socketio/lifecycle.h"

/* Two that come back as the same one must not cut each other's connection for ever: for so long the
 * first, if something could be sent to it, is taken to be well. */
enum { SETTLE_MS = 2000 };

/* --- Claiming --- */

static str text_member(str object, str name, struct buf *scratch)
{
    str value = json_get(object, name), text = { 0 };

    if (!value.p || json_string(value, scratch, &text) < 0)
        return (str){ 0 };
    return text;
}

/* A connection that the client has given up, unless it is the one that asks. Callbacks run. */
static void cut_old(struct sio_record *rec, const struct sio_client *c)
{
    struct sio_client *old = rec->socket->client;

    if (old == c)
        return;
    sio_record_server(rec)->stats.recovery_evicted++;
    eio_session_close(&old->session, EIO_TRANSPORT_CLOSE, true);
}

struct missed {
    struct sio_client *to;
    size_t packets, bytes;
};

static void count_missed(void *arg, struct msg *const *msgs, size_t n)
{
    struct missed *m = arg;

    m->packets += n;
    for (size_t i = 0; i < n; i++)
        m->bytes += msgs[i]->len;
}

static void send_missed(void *arg, struct msg *const *msgs, size_t n)
{
    struct missed *m = arg;
    struct sio_frames texts = { .msgs = (struct msg **)(uintptr_t)msgs, .count = n }, f;

    m->packets++;
    /* No policy drops it; a full queue ends the session. */
    if (sio_client_form(m->to) == SIO_FORM_TEXT) {
        (void)eio_session_send(&m->to->session, msgs, n);
    } else if (sio_encode_again(sio_client_server(m->to), &texts, SIO_FORM_MSGPACK, &f) == 0) {
        (void)eio_session_send(&m->to->session, f.msgs, f.count);
        sio_frames_free(&f);
    }
}

/* Whom the record is, for those who look for what it missed. Free with mem_free(). */
static str *reader_of(const struct sio_record *rec, struct hub_reader *out)
{
    str *rooms, *at, room;
    size_t pos = 0;

    *out = (struct hub_reader){ .name = { rec->id, SIO_ID_LEN } };
    while (sio_record_room(rec, &pos, &room))
        out->group_count++;
    out->groups = rooms = at = mem_alloc((out->group_count + 1) * sizeof *rooms);
    for (pos = 0; sio_record_room(rec, &pos, at); at++)
        continue;
    return rooms;
}

static void count_all_missed(const struct sio_record *rec, struct missed *m)
{
    struct hub_reader reader;
    str *rooms = reader_of(rec, &reader);
    struct sio_history_list all;

    if (rec->in->shared) {
        sio_history_missed(rec->in->nsp, rec->after, &reader, &all);
        m->packets = all.count;
        m->bytes = all.bytes;
        sio_history_list_free(&all);
    } else {
        hub_stream_each(&rec->in->stream, rec->after, &reader, count_missed, m);
    }
    mem_free(rooms);
}

static void send_all_missed(const struct sio_record *rec, struct missed *m)
{
    struct hub_reader reader;
    str *rooms = reader_of(rec, &reader);
    struct sio_history_list all;

    if (rec->in->shared) {
        sio_history_missed(rec->in->nsp, rec->after, &reader, &all);
        if (!sio_history_give(rec->in->nsp, &all, send_missed, m))
            sio_record_server(rec)->stats.recovery_gaps++; /* it was whole when it was claimed */
        sio_history_list_free(&all);
    } else {
        hub_stream_each(&rec->in->stream, rec->after, &reader, send_missed, m);
    }
    mem_free(rooms);
}

static bool holds(const struct sio_record *rec)
{
    return rec->in->shared ? sio_history_holds(rec->in->nsp, rec->after, rec->safe_ms)
                           : hub_stream_holds(&rec->in->stream, rec->after, rec->safe_ms);
}

/* Whether all that it missed is still there, and no more than a connection may be sent. */
static bool can_catch_up(struct sio_record *rec, str offset)
{
    struct missed m = { 0 };
    uint64_t number = 0;

    switch (offset.p ? sio_offset_read(rec->in, offset, &number) : SIO_OFFSET_FOREIGN) {
    case SIO_OFFSET_NONE:
        return false;
    case SIO_OFFSET_FOREIGN:
        number = 0;
        break;
    case SIO_OFFSET_OURS:
        break;
    }
    rec->after = number > rec->cursor ? number : rec->cursor;
    if (!holds(rec))
        return false;
    count_all_missed(rec, &m);
    return m.bytes < sio_record_server(rec)->engine.options.output.bytes_max / 2 &&
           m.packets < EIO_MSGS_MAX / 2;
}

static bool just_came_back(const struct sio_record *rec)
{
    return rec->state == SIO_RECORD_LIVE && rec->socket->recovered &&
           eio_session_writable(&rec->socket->client->session) &&
           sio_record_server(rec)->engine.loop->now_ms - rec->joined_ms < SETTLE_MS;
}

struct sio_record *sio_record_find(struct sio_namespace *n, const struct sio_client *c, str pid)
{
    struct sio_record *rec = map_get(&n->recovery->by_pid, pid);

    if (rec && rec->state == SIO_RECORD_LIVE && !just_came_back(rec)) {
        cut_old(rec, c);
        rec = n->gone || (c && c->closing) ? NULL : map_get(&n->recovery->by_pid, pid);
    }
    return rec && rec->state == SIO_RECORD_SAVED ? rec : NULL;
}

struct sio_record *sio_record_claim(struct sio_namespace *n, struct sio_client *c, str auth)
{
    struct sio_stats *stats = &n->server->stats;
    struct buf pid_scratch = { 0 }, offset_scratch = { 0 };
    str pid = auth.n ? text_member(auth, STR("pid"), &pid_scratch) : (str){ 0 };
    str offset = pid.n ? text_member(auth, STR("offset"), &offset_scratch) : (str){ 0 };
    struct sio_record *rec = NULL;

    if (pid.n && !(rec = sio_record_find(n, c, pid))) {
        stats->recovery_unknown++;
    } else if (rec && !can_catch_up(rec, offset)) {
        stats->recovery_gaps++;
        (void)sio_record_drop(rec); /* who comes back as somebody new will not ask for it again */
        rec = NULL;
    } else if (rec) {
        sio_record_unsave(rec);
        rec->state = SIO_RECORD_JOINING;
    }
    buf_free(&pid_scratch);
    buf_free(&offset_scratch);
    return rec;
}

/* --- Coming back --- */

void sio_record_resume(struct sio_record *rec, struct sio_socket *s)
{
    size_t at = 0;
    str room;

    ASSERT(!rec->socket);
    s->nsp->population--; /* the record has stood for a socket */
    rec->socket = s;
    ((struct sio_recoverable *)s)->record = rec;
    s->recovered = s->left_own_room = true;
    memcpy(s->id, rec->id, SIO_ID_LEN);
    while (sio_record_room(rec, &at, &room)) {
        if (str_eq(room, sio_socket_id(s)))
            s->left_own_room = false;
        else
            (void)hub_join(&s->nsp->hub, &s->member, room);
    }
}

static void note_new_room(void *arg, str room)
{
    const struct sio_record *rec = arg;
    size_t at = 0;
    str old;

    while (sio_record_room(rec, &at, &old)) {
        if (str_eq(old, room))
            return;
    }
    sio_recovery_moved(rec->socket, room, true);
}

/* Rooms that a middleware had it join or leave: from now on. */
static void note_moves(const struct sio_record *rec, const struct sio_socket *s)
{
    size_t at = 0;
    str room;

    while (sio_record_room(rec, &at, &room)) {
        if (!sio_socket_in(s, room))
            sio_recovery_moved(s, room, false);
    }
    sio_socket_rooms(s, note_new_room, (void *)(uintptr_t)rec);
}

void sio_record_joined(struct sio_socket *s)
{
    struct sio_record *rec = sio_record_of(s);
    struct sio_server *io = s->nsp->server;
    struct missed m = { .to = s->client };

    if (!rec)
        return;
    rec->state = SIO_RECORD_LIVE;
    rec->joined_ms = io->engine.loop->now_ms;
    if (!s->recovered) {
        rec->cursor = sio_recovery_last(rec->in);
        return;
    }
    send_all_missed(rec, &m);
    io->stats.recoveries++;
    io->stats.recovery_packets += m.packets;
}

void sio_record_entered(struct sio_socket *s)
{
    struct sio_record *rec = sio_record_of(s);

    if (!rec)
        return;
    if (s->recovered)
        note_moves(rec, s);
    sio_record_forget_rooms(rec);
    sio_session_changed(rec);
}
