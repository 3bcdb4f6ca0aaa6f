/* socketio/cluster_control.c - notes that change rooms, disconnect, or carry events between
 * servers; and what is put off because it runs application code.
 *
 * Rooms change at once, so that an event which follows meets the rooms it was meant for; their
 * listeners are told from the job.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster_parts.h"

#include "base/mem.h"
#include "socketio/gather.h"

enum deferred_kind { DISCONNECT, SIDE, ROOM, MOVE, OUTGOING, CALL };

/* Something put off: the texts lie behind it. */
struct deferred {
    struct list link;
    uint8_t kind;
    bool close;      /* of DISCONNECT */
    uint8_t room;    /* of ROOM: enum sio_room_change */
    bool joined;     /* of MOVE */
    uint64_t socket; /* of DISCONNECT and ROOM: a ref; 0: none. Of MOVE: as of which number */
    void (*fn)(struct sio_server *io, uint64_t ref, str text); /* of CALL, with socket */
    uint32_t nsp_n, n; /* the namespace's name, and what follows it */
    char text[];
};

static void defer(struct sio_cluster *c, const struct deferred *d, str nsp, str text)
{
    struct deferred *copy = mem_alloc(sizeof *copy + nsp.n + text.n);

    *copy = *d;
    copy->nsp_n = (uint32_t)nsp.n;
    copy->n = (uint32_t)text.n;
    if (nsp.n)
        memcpy(copy->text, nsp.p, nsp.n);
    if (text.n)
        memcpy(copy->text + nsp.n, text.p, text.n);
    list_init(&copy->link);
    list_append(&c->deferred, &copy->link);
    loop_defer(c->io->engine.loop, &c->job);
}

/* --- What comes --- */

struct change {
    struct sio_cluster *c;
    const str *rooms;
    size_t count;
    bool join, close;
};

static void change_rooms(void *arg, struct sio_socket *s)
{
    const struct change *ch = arg;

    for (size_t i = 0; i < ch->count; i++) {
        if (ch->join)
            (void)sio_socket_join(s, ch->rooms[i]); /* a limit is counted there */
        else
            sio_socket_leave(s, ch->rooms[i]);
    }
}

static void disconnect_later(void *arg, struct sio_socket *s)
{
    const struct change *ch = arg;

    defer(ch->c, &(struct deferred){ .kind = DISCONNECT, .close = ch->close, .socket = s->ref },
          (str){ 0 }, (str){ 0 });
}

/* A list of texts, to be freed with mem_free(); NULL: there is no sense in it. */
static str *read_texts(struct sio_reader *r, size_t *count)
{
    struct sio_reader again = *r;
    str *rooms;

    *count = sio_read_u32(r);
    for (size_t i = 0; i < *count && !r->broken; i++)
        (void)sio_read_str(r);
    if (r->broken)
        return NULL;
    rooms = mem_alloc(*count * sizeof *rooms + 1);
    (void)sio_read_u32(&again);
    for (size_t i = 0; i < *count; i++)
        rooms[i] = sio_read_str(&again);
    return rooms;
}

static void act(struct sio_cluster *c, struct sio_namespace *n, uint16_t kind,
                const struct sio_target *t, str body)
{
    struct change ch = { .c = c, .join = kind == SIO_NOTE_JOIN };
    struct sio_reader r = { body.p, body.p + body.n, false };
    str *rooms = NULL;

    if (kind == SIO_NOTE_DISCONNECT) {
        ch.close = sio_read_u8(&r);
    } else if (!(ch.rooms = rooms = read_texts(&r, &ch.count))) {
        c->stats.malformed++;
        return;
    }
    c->stats.controls_in++;
    sio_each(n, t, kind == SIO_NOTE_DISCONNECT ? disconnect_later : change_rooms, &ch);
    mem_free(rooms);
}

void sio_cluster_control(struct sio_cluster *c, const struct bus_message *m, str body)
{
    struct sio_wire_target t;
    struct sio_target target;
    struct sio_namespace *n;
    struct sio_reader r;

    if (m->kind == SIO_NOTE_ANSWERED) {
        sio_cluster_answered(c, m, body);
        return;
    }
    if (!(n = sio_cluster_read(c, m, &body, &r, &t)))
        return;
    if (m->kind == SIO_NOTE_SIDE) {
        defer(c, &(struct deferred){ .kind = SIDE }, t.nsp, body);
    } else {
        target = (struct sio_target){ .rooms = t.rooms,
                                      .room_count = t.room_count,
                                      .except = t.except,
                                      .except_count = t.except_count };
        act(c, n, m->kind, &target, body);
    }
    sio_wire_free(&t);
}

void sio_cluster_defer_room(struct sio_namespace *n, enum sio_room_change what, str room,
                            struct sio_socket *s)
{
    defer(n->server->cluster,
          &(struct deferred){ .kind = ROOM, .room = (uint8_t)what, .socket = s ? s->ref : 0 },
          n->name, room);
}

/* The room's name follows the id, which is as long as all ids are. */
void sio_cluster_defer_move(struct sio_namespace *n, str id, str room, bool joined, uint64_t as_of)
{
    struct buf both = { 0 };

    buf_add(&both, id);
    buf_add(&both, room);
    defer(n->server->cluster, &(struct deferred){ .kind = MOVE, .joined = joined, .socket = as_of },
          n->name, buf_str(&both));
    buf_free(&both);
}

void sio_cluster_defer_call(struct sio_cluster *c,
                            void (*fn)(struct sio_server *io, uint64_t ref, str text), uint64_t ref,
                            str text)
{
    defer(c, &(struct deferred){ .kind = CALL, .fn = fn, .socket = ref }, (str){ 0 }, text);
}

/* The refs of those it went to, then the event. */
void sio_cluster_defer_told(struct sio_namespace *n, const struct sio_gathered *to,
                            const struct sio_data *data)
{
    struct buf text = { 0 };

    sio_write_u32(&text, to->count);
    for (uint32_t i = 0; i < to->count; i++)
        sio_write_u64(&text, to->sockets[i]->ref);
    sio_write_data(&text, data);
    defer(n->server->cluster, &(struct deferred){ .kind = OUTGOING }, n->name, buf_str(&text));
    buf_free(&text);
}

void sio_cluster_defer_outgoing(struct sio_namespace *n, const struct sio_target *t,
                                const struct sio_frames *f)
{
    struct sio_gathered to;
    struct sio_packet packet;
    struct sio_data data;

    if (sio_texts_read(f, &packet, &data) < 0)
        return;
    sio_gather(n, t, &to);
    sio_cluster_defer_told(n, &to, &data);
    sio_gathered_free(&to);
    mem_free((str *)(uintptr_t)data.attachments);
}

/* --- What was put off --- */

static void outgoing(struct sio_cluster *c, str text)
{
    struct sio_reader r = { text.p, text.p + text.n, false }, refs = r;
    uint32_t count = sio_read_u32(&r);
    struct sio_data data;
    str *attachments;

    for (uint32_t i = 0; i < count; i++)
        (void)sio_read_u64(&r);
    if (sio_read_data(&r, &data, &attachments) < 0)
        return;
    (void)sio_read_u32(&refs);
    for (uint32_t i = 0; i < count; i++) {
        struct sio_socket *s = sio_socket_find(c->io, sio_read_u64(&refs));

        if (s && sio_socket_alive(s) && s->nsp->watch_outgoing)
            c->io->events->on_outgoing(s, &data);
    }
    mem_free(attachments);
}

static void side(struct sio_cluster *c, struct sio_namespace *n, str body)
{
    struct sio_reader r = { body.p, body.p + body.n, false };
    struct sio_data data;
    str *attachments;

    if (sio_read_data(&r, &data, &attachments) < 0) {
        c->stats.malformed++;
        return;
    }
    c->stats.controls_in++;
    if (c->io->events->on_server_side)
        c->io->events->on_server_side(n, &data, NULL);
    mem_free(attachments);
}

static void carry_out(struct sio_cluster *c, const struct deferred *d)
{
    struct sio_socket *s = d->socket && d->kind != MOVE ? sio_socket_find(c->io, d->socket) : NULL;
    struct sio_namespace *n = map_get(&c->io->namespaces, str_n(d->text, d->nsp_n));
    str text = str_n(d->text + d->nsp_n, d->n);

    if (d->kind == CALL)
        d->fn(c->io, d->socket, text);
    else if (d->kind == DISCONNECT && s)
        sio_socket_disconnect(s, d->close);
    else if (d->kind == SIDE && n)
        side(c, n, text);
    else if (d->kind == ROOM && n && (s || !d->socket))
        c->io->events->on_room(n, d->room, text, s);
    else if (d->kind == OUTGOING && n)
        outgoing(c, text);
    else if (d->kind == MOVE && n)
        sio_history_publish_move(n, str_n(text.p, SIO_ID_LEN),
                                 str_n(text.p + SIO_ID_LEN, text.n - SIO_ID_LEN), d->joined,
                                 d->socket);
}

void sio_cluster_run(struct loop_job *job)
{
    struct sio_cluster *c = container_of(job, struct sio_cluster, job);
    struct list batch;

    list_take(&batch, &c->deferred);
    while (!list_empty(&batch)) {
        struct deferred *d = container_of(batch.next, struct deferred, link);

        list_remove(&d->link);
        if (!c->io->closing)
            carry_out(c, d);
        mem_free(d);
    }
}

void sio_cluster_forget(struct sio_cluster *c)
{
    while (!list_empty(&c->deferred)) {
        struct deferred *d = container_of(c->deferred.next, struct deferred, link);

        list_remove(&d->link);
        mem_free(d);
    }
}

/* --- What goes out --- */

static void publish(struct sio_cluster *c, uint16_t kind)
{
    str front = buf_str(&c->front);
    struct bus_note note = {
        .kind = kind, .to = BUS_TO_ALL, .head = buf_str(&c->head), .parts = &front, .part_count = 1
    };
    uint64_t number;

    if (bus_publish(c->exchange->bus, &note, &number) < 0)
        c->io->stats.limits_hit++; /* larger than the bus takes */
}

void sio_cluster_rooms(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                       size_t count, bool join)
{
    struct sio_cluster *c = n->server->cluster;

    sio_cluster_write(c, n, t);
    sio_write_u32(&c->front, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        sio_write_str(&c->front, rooms[i]);
    publish(c, join ? SIO_NOTE_JOIN : SIO_NOTE_LEAVE);
}

void sio_cluster_disconnect(struct sio_namespace *n, const struct sio_target *t, bool close)
{
    struct sio_cluster *c = n->server->cluster;

    sio_cluster_write(c, n, t);
    buf_byte(&c->front, close);
    publish(c, SIO_NOTE_DISCONNECT);
}

int sio_server_side_emit(struct sio_namespace *n, const struct sio_data *data)
{
    struct sio_cluster *c = n->server->cluster;
    struct buf bytes = { 0 };
    uint64_t number;
    str body;
    int err;

    if (!c)
        return 0; /* there are no others */
    sio_write_data(&bytes, data);
    sio_cluster_write(c, n, NULL);
    body = buf_str(&bytes);
    err = bus_publish(c->exchange->bus,
                      &(struct bus_note){ .kind = SIO_NOTE_SIDE,
                                          .to = BUS_TO_ALL,
                                          .head = buf_str(&c->head),
                                          .parts = &body,
                                          .part_count = 1 },
                      &number);
    buf_free(&bytes);
    return err;
}

/* --- Data as bytes --- */

void sio_write_data(struct buf *b, const struct sio_data *d)
{
    sio_write_str(b, d->json);
    sio_write_u32(b, (uint32_t)d->attachment_count);
    for (size_t i = 0; i < d->attachment_count; i++)
        sio_write_str(b, d->attachments[i]);
}

int sio_read_data(struct sio_reader *r, struct sio_data *out, str **attachments)
{
    str json = sio_read_str(r), *list;
    size_t count;

    if (r->broken || !(list = read_texts(r, &count)))
        return ATR_ESYNTAX;
    *out = (struct sio_data){ json, list, count };
    *attachments = list;
    return 0;
}
