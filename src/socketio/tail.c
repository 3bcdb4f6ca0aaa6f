/* socketio/tail.c - what this server remembers of what was handed over, and what it says of it.
 * What it is told: tail_in.c.
 *
 * A note's head is that of a note about a target, of which the one room is the socket's id; then
 * what is done, the node's generation, the socket's ref there, and a number. What else it takes is
 * the body.
 *
 * Invariant: a socket is in handover->moved exactly while it is SIO_SOCKET_MOVED.
 *
 * Start reading at say().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/tail.h"

#include "base/assert.h"
#include "base/mem.h"
#include "socketio/cluster_parts.h"
#include "socketio/recovery.h"

struct sio_handover *sio_handover_of(struct sio_server *io)
{
    if (!io->handover)
        io->handover = mem_zalloc(sizeof *io->handover);
    return io->handover;
}

/* --- Data until it is asked for --- */

struct arrival {
    uint64_t ref;
    size_t n;
    char data[];
};

static str key_of(const uint64_t *ref)
{
    return str_n(ref, sizeof *ref);
}

void sio_arrival_keep(struct sio_socket *s, str data)
{
    struct arrival *a;

    if (data.n == 0)
        return;
    a = mem_alloc(sizeof *a + data.n);
    *a = (struct arrival){ .ref = s->ref, .n = data.n };
    memcpy(a->data, data.p, data.n);
    map_put(&sio_handover_of(s->nsp->server)->arrivals, key_of(&a->ref), a);
}

str sio_arrival_data(const struct sio_socket *s)
{
    const struct sio_handover *h = s->nsp->server->handover;
    const struct arrival *a = s->handed_over && h ? map_get(&h->arrivals, key_of(&s->ref)) : NULL;

    return a ? str_n(a->data, a->n) : (str){ 0 };
}

void sio_arrival_over(struct sio_socket *s)
{
    struct sio_handover *h = s->nsp->server->handover;

    if (h)
        mem_free(map_remove(&h->arrivals, key_of(&s->ref)));
}

/* --- Where sockets came from --- */

static bool is_origin(const struct sio_handover *h, struct bus_node node)
{
    for (uint32_t i = 0; h && i < h->origin_count; i++)
        if (bus_same_node(h->origins[i], node))
            return true;
    return false;
}

struct looking {
    struct bus_node node;
    bool found;
};

static bool look(void *arg, struct bus_node node)
{
    struct looking *l = arg;

    l->found = bus_same_node(l->node, node);
    return !l->found;
}

static bool is_here(const struct sio_server *io, struct bus_node node)
{
    const struct bus *bus = io->cluster->exchange->bus;
    struct looking l = { .node = node };

    bus->ops->nodes(bus, look, &l);
    return l.found;
}

void sio_tail_from(struct sio_server *io, struct bus_node node)
{
    struct sio_handover *h = sio_handover_of(io);

    if (is_origin(h, node) || !is_here(io, node))
        return;
    if (h->origin_count == h->origin_cap) {
        h->origin_cap = h->origin_cap ? h->origin_cap * 2 : 4;
        h->origins = mem_realloc(h->origins, h->origin_cap * sizeof *h->origins);
    }
    h->origins[h->origin_count++] = node;
}

void sio_tail_lost(struct sio_server *io, struct bus_node node)
{
    struct sio_handover *h = io->handover;

    for (uint32_t i = 0; h && i < h->origin_count; i++) {
        if (bus_same_node(h->origins[i], node)) {
            h->origins[i] = h->origins[--h->origin_count];
            return;
        }
    }
}

void sio_ack_for(struct sio_socket *s, int64_t id, const struct sio_owner *owner)
{
    struct sio_owner *copy = mem_alloc(sizeof *copy);

    *copy = *owner;
    sio_ack_expect(s, id, 0, sio_tail_reply, copy);
}

void sio_tail_reply(void *user, int err, const struct sio_data *reply)
{
    struct sio_owner owner = *(struct sio_owner *)user;
    struct sio_cluster *c = owner.io->cluster;
    struct buf head = { 0 }, body = { 0 };
    struct bus_note note = { .kind = SIO_NOTE_REPLIED, .to = owner.node.number, .part_count = 1 };
    uint64_t number;
    str part;

    mem_free(user);
    /* That it has left is told once, of all. */
    if (err < 0 || !c || !is_origin(owner.io->handover, owner.node))
        return;
    sio_write_u32(&head, owner.node.generation);
    sio_write_u64(&head, owner.ref);
    sio_write_u64(&head, (uint64_t)owner.id);
    sio_write_data(&body, reply);
    part = buf_str(&body);
    note.head = buf_str(&head);
    note.parts = &part;
    if (bus_publish(c->exchange->bus, &note, &number) < 0)
        owner.io->stats.limits_hit++; /* an answer larger than the bus takes */
    buf_free(&head);
    buf_free(&body);
}

/* --- What goes out --- */

static int say(struct sio_socket *s, enum sio_tail_op op, unsigned flags, uint64_t number, str body)
{
    struct sio_server *io = s->nsp->server;
    struct sio_cluster *c = io->cluster;
    str id = sio_socket_id(s), parts[2] = { { 0 }, body };
    struct sio_target t = { .rooms = &id, .room_count = 1, .flags = flags };
    struct bus_note note = { .kind = SIO_NOTE_TAIL, .to = BUS_TO_ALL, .part_count = 2 };
    uint64_t published;
    int err;

    if (!c)
        return ATR_ECLOSED;
    ASSERT(!c->delivering);
    sio_cluster_write(c, s->nsp, &t);
    buf_byte(&c->head, (uint8_t)op);
    sio_write_u32(&c->head, bus_self(c->exchange->bus).generation);
    sio_write_u64(&c->head, s->ref);
    sio_write_u64(&c->head, number);
    parts[0] = buf_str(&c->front);
    note.head = buf_str(&c->head);
    note.parts = parts;
    err = bus_publish(c->exchange->bus, &note, &published);
    if (err < 0)
        io->stats.limits_hit++;
    else
        io->stats.tail_out++;
    return err;
}

static int say_data(struct sio_socket *s, enum sio_tail_op op, unsigned flags, uint64_t number,
                    const struct sio_data *data)
{
    struct buf body = { 0 };
    int err;

    sio_write_data(&body, data);
    err = say(s, op, flags, number, buf_str(&body));
    buf_free(&body);
    return err;
}

bool sio_tail_keeps(const struct sio_socket *s, unsigned flags, int64_t id)
{
    return s->recoverable && id == SIO_NO_ID && !(flags & SIO_VOLATILE) && s->nsp->recovery->shared;
}

/* The number 0 stands for no acknowledgement. */
int sio_tail_emit(struct sio_socket *s, const struct sio_data *data, unsigned flags, int64_t id)
{
    return say_data(s, SIO_TAIL_EMIT, flags & (SIO_VOLATILE | SIO_NO_COMPRESS),
                    id == SIO_NO_ID ? 0 : (uint64_t)id + 1, data);
}

int sio_tail_ack(struct sio_socket *s, int64_t ack, const struct sio_data *data)
{
    return say_data(s, SIO_TAIL_ACK, 0, (uint64_t)ack, data);
}

void sio_tail_disconnect(struct sio_socket *s, bool close)
{
    (void)say(s, SIO_TAIL_DISCONNECT, 0, close, (str){ 0 }); /* it fits */
}

void sio_tail_tell_gone(struct sio_socket *s)
{
    const struct sio_handover *h = s->nsp->server->handover;

    if (h && h->origin_count)
        (void)say(s, SIO_TAIL_GONE, 0, 0, (str){ 0 });
}

/* --- Rooms of a moved socket --- */

struct sio_moved *sio_moved_of(const struct sio_socket *s)
{
    return map_get(&s->nsp->server->handover->moved, sio_socket_id(s));
}

static void add_room(void *arg, str room)
{
    sio_write_str(arg, room);
}

void sio_tail_begin(struct sio_socket *s)
{
    struct sio_handover *h = sio_handover_of(s->nsp->server);
    struct sio_moved *m = mem_zalloc(sizeof *m);

    m->socket = s;
    for (uint32_t i = 0; i < s->member.group_count; i++)
        add_room(&m->rooms, hub_group_name(s->member.groups[i].group));
    map_put(&h->moved, sio_socket_id(s), m);
}

static bool next_room(struct sio_reader *r, str *room)
{
    if (r->at == r->end)
        return false;
    *room = sio_read_str(r);
    return true;
}

static struct sio_reader rooms_of(const struct sio_socket *s)
{
    str rooms = buf_str(&sio_moved_of(s)->rooms);

    if (!rooms.p)
        rooms = STR("");
    return (struct sio_reader){ rooms.p, rooms.p + rooms.n, false };
}

bool sio_tail_in(const struct sio_socket *s, str room)
{
    struct sio_reader r = rooms_of(s);
    str one;

    while (next_room(&r, &one))
        if (str_eq(one, room))
            return true;
    return false;
}

void sio_tail_rooms(const struct sio_socket *s, void (*fn)(void *arg, str room), void *arg)
{
    struct sio_reader r = rooms_of(s);
    str room;

    while (next_room(&r, &room))
        fn(arg, room);
}

int sio_tail_join(struct sio_socket *s, str room)
{
    if (sio_socket_in(s, room))
        return 0;
    if (str_eq(room, sio_socket_id(s)))
        s->left_own_room = false;
    else
        add_room(&sio_moved_of(s)->rooms, room);
    return say(s, SIO_TAIL_JOIN, 0, 0, room);
}

void sio_tail_leave(struct sio_socket *s, str room)
{
    struct sio_reader r = rooms_of(s);
    struct buf left = { 0 };
    str one;

    if (!sio_socket_in(s, room))
        return;
    while (next_room(&r, &one))
        if (!str_eq(one, room))
            add_room(&left, one);
    buf_free(&sio_moved_of(s)->rooms);
    sio_moved_of(s)->rooms = left;
    if (str_eq(room, sio_socket_id(s)))
        s->left_own_room = true;
    (void)say(s, SIO_TAIL_LEAVE, 0, 0, room); /* a name that is too long could not be joined */
}

void sio_handover_free(struct sio_server *io)
{
    struct sio_handover *h = io->handover;
    struct arrival *a;

    if (!h)
        return;
    ASSERT(h->moved.count == 0);
    for (uint32_t at = 0; (a = map_next(&h->arrivals, &at));)
        mem_free(a);
    map_free(&h->arrivals);
    map_free(&h->moved);
    mem_free(h->origins);
    mem_free(h);
    io->handover = NULL;
}
