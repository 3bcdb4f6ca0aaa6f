/* socketio/record.c - the record of a socket: saved when the connection is lost, claimed by the
 * client that comes back.
 *
 * Only who knows the private id (pid) can claim it, once: the record then belongs to the new
 * socket, and a second claim finds it taken. A claim cuts the old connection if the server has not
 * noticed its loss, and all that hung on it is saved as if it had.
 *
 * Start reading at sio_record_claim() and sio_record_save().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/record.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "proto/json.h"
#include "socketio/client.h"
#include "socketio/cluster_history.h"
#include "socketio/cluster_session.h"
#include "socketio/lifecycle.h"

/* Records of clients that are away may take this part of what the stream may. */
enum { SAVED_SHARE = 4 };
/* Two that come back as the same one must not cut each other's connection for ever: for so long the
 * first, if something could be sent to it, is taken to be well. */
enum { SETTLE_MS = 2000 };

static str pid_of(const struct sio_record *rec)
{
    return (str){ rec->pid, SIO_ID_LEN };
}

static struct sio_server *server_of(const struct sio_record *rec)
{
    return rec->in->nsp->server;
}

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
    map_put(&r->by_pid, pid_of(rec), rec);
    ((struct sio_recoverable *)s)->record = rec;
}

static void forget_rooms(struct sio_record *rec)
{
    mem_free(rec->rooms);
    rec->rooms = NULL;
    rec->rooms_bytes = 0;
}

static void forget_data(struct sio_record *rec)
{
    const struct sio_events *events = server_of(rec)->events;
    void *data = rec->data;

    rec->data = NULL;
    if (data && events->on_forgotten)
        events->on_forgotten(rec->in->nsp, data);
}

static void record_free(struct sio_record *rec)
{
    ASSERT(list_empty(&rec->link));
    forget_data(rec);
    (void)map_remove(&rec->in->by_pid, pid_of(rec));
    if (rec->socket)
        ((struct sio_recoverable *)rec->socket)->record = NULL;
    sio_session_forgotten(rec);
    list_remove(&rec->touched);
    forget_rooms(rec);
    mem_free(rec->frozen);
    mem_free(rec);
}

static void unsave(struct sio_record *rec)
{
    list_remove(&rec->link);
    rec->in->saved_bytes -= bytes_of(rec);
}

bool sio_record_drop(struct sio_record *rec)
{
    struct sio_server *io = server_of(rec);
    struct sio_namespace *n = rec->in->nsp;
    bool alone = rec->socket == NULL; /* else the socket is counted, and still to go */

    unsave(rec);
    record_free(rec);
    io->stats.recovery_expired++;
    if (alone)
        sio_namespace_shrink(n);
    return n->gone;
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

    forget_rooms(rec);
    sio_socket_rooms(s, measure_room, &p);
    if (p.bytes == 0)
        return;
    rec->rooms = p.at = mem_alloc(p.bytes);
    rec->rooms_bytes = p.bytes;
    sio_socket_rooms(s, pack_room, &p);
}

static bool next_room(const struct sio_record *rec, size_t *at, str *room)
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

/* In the order of their loss, which is also that of their end: the time that they are given is one
 * for all. A record that goes back to wait has lost its connection earlier. */
static void save(struct sio_record *rec)
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
    save(rec);
    sio_session_changed(rec);
}

void sio_record_abandoned(struct sio_socket *s)
{
    struct sio_record *rec = sio_record_of(s);

    if (!rec || !s->recovered || s->nsp->server->closing)
        return;
    save(rec);
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

/* --- Coming back --- */

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
    server_of(rec)->stats.recovery_evicted++;
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
    while (next_room(rec, &pos, &room))
        out->group_count++;
    out->groups = rooms = at = mem_alloc((out->group_count + 1) * sizeof *rooms);
    for (pos = 0; next_room(rec, &pos, at); at++)
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
            server_of(rec)->stats.recovery_gaps++; /* it was whole when it was claimed */
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
    return m.bytes < server_of(rec)->engine.options.output.bytes_max / 2 &&
           m.packets < EIO_MSGS_MAX / 2;
}

static bool just_came_back(const struct sio_record *rec)
{
    return rec->state == SIO_RECORD_LIVE && rec->socket->recovered &&
           eio_session_writable(&rec->socket->client->session) &&
           server_of(rec)->engine.loop->now_ms - rec->joined_ms < SETTLE_MS;
}

/* The saved record of that pid, once a connection that still holds it is cut. */
static struct sio_record *find_saved(struct sio_namespace *n, const struct sio_client *c, str pid)
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

    if (pid.n && !(rec = find_saved(n, c, pid))) {
        stats->recovery_unknown++;
    } else if (rec && !can_catch_up(rec, offset)) {
        stats->recovery_gaps++;
        (void)sio_record_drop(rec); /* who comes back as somebody new will not ask for it again */
        rec = NULL;
    } else if (rec) {
        unsave(rec);
        rec->state = SIO_RECORD_JOINING;
    }
    buf_free(&pid_scratch);
    buf_free(&offset_scratch);
    return rec;
}

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
    while (next_room(rec, &at, &room)) {
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

    while (next_room(rec, &at, &old)) {
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

    while (next_room(rec, &at, &room)) {
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
    forget_rooms(rec);
    sio_session_changed(rec);
}

/* --- Crossing servers --- */

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
    while (rec->state != SIO_RECORD_LIVE && next_room(rec, &at, &room))
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
    map_put(&r->by_pid, pid_of(rec), rec);
    r->nsp->population++; /* it stands for a socket */
    save(rec);
    return rec;
}

struct sio_record *sio_record_take(struct sio_namespace *n, str pid)
{
    return find_saved(n, NULL, pid);
}

void sio_record_release(struct sio_record *rec)
{
    struct sio_namespace *n = rec->in->nsp;
    bool alone = rec->socket == NULL; /* else the socket is counted, and still to go */

    unsave(rec);
    record_free(rec);
    if (alone)
        sio_namespace_shrink(n);
}

str sio_socket_frozen(const struct sio_socket *s)
{
    const struct sio_record *rec = sio_record_of(s);

    return rec ? str_n(rec->frozen, rec->frozen_n) : (str){ 0 };
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
