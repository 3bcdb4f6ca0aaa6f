/* socketio/cluster_history.c - see cluster_history.h.
 *
 * It is walked backwards, once: from the rooms that a member has now, undoing what the notes say it
 * joined and left. A change that another server's note caused is published a little later than it
 * happened, and says as of which number; so it is met before it is to be undone.
 *
 * Start reading at sio_history_missed().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster_history.h"

#include "base/arena.h"
#include "base/mem.h"
#include "socketio/cluster_parts.h"

static struct bus *bus_of(const struct sio_namespace *n)
{
    return n->server->cluster->exchange->bus;
}

uint64_t sio_history_seen(const struct sio_namespace *n)
{
    return bus_catch_up(bus_of(n));
}

static bool no_body(void *arg, const struct bus_message *m)
{
    *(uint64_t *)arg = m->time_ms;
    return false;
}

bool sio_history_holds(const struct sio_namespace *n, uint64_t after, uint64_t since_ms)
{
    struct bus *bus = bus_of(n);
    uint64_t first, last, time_ms;

    bus->ops->range(bus, &first, &last);
    if (after > last)
        return false;
    if (after + 1 >= first)
        return true;
    /* What was dropped is older than the oldest that is there. */
    return bus->ops->read(bus, first, no_body, NULL, &time_ms) && time_ms <= since_ms;
}

/* --- Walking back --- */

/* A change of rooms that holds from a number on, which lies before the note that tells of it. */
struct move {
    uint64_t at;
    str room; /* in the walk's arena */
    bool joined;
};

struct walk {
    struct sio_namespace *n;
    const struct hub_reader *reader;
    struct arena texts;
    str *rooms; /* it was in, when the note was published that is looked at */
    size_t room_count, room_cap;
    struct move *moves; /* to be undone yet */
    size_t move_count, move_cap;
    struct sio_history_list *out;
};

static void enter(struct walk *w, str room)
{
    if (w->room_count == w->room_cap) {
        w->room_cap = w->room_cap ? w->room_cap * 2 : 16;
        w->rooms = mem_realloc(w->rooms, w->room_cap * sizeof *w->rooms);
    }
    w->rooms[w->room_count++] = room;
}

static void leave(struct walk *w, str room)
{
    for (size_t i = 0; i < w->room_count; i++) {
        if (str_eq(w->rooms[i], room)) {
            w->rooms[i] = w->rooms[--w->room_count];
            return;
        }
    }
}

static bool is_in(const struct walk *w, str room)
{
    for (size_t i = 0; i < w->room_count; i++) {
        if (str_eq(w->rooms[i], room))
            return true;
    }
    return false;
}

static void note_move(struct walk *w, const struct bus_message *m, const struct sio_wire_target *t,
                      struct sio_reader *r)
{
    uint64_t as_of;

    if (t->room_count != 2 || !str_eq(t->rooms[0], w->reader->name))
        return;
    as_of = sio_read_u64(r);
    if (w->move_count == w->move_cap) {
        w->move_cap = w->move_cap ? w->move_cap * 2 : 8;
        w->moves = mem_realloc(w->moves, w->move_cap * sizeof *w->moves);
    }
    w->moves[w->move_count++] = (struct move){ .at = as_of && as_of < m->number ? as_of : m->number,
                                               .room = arena_copy(&w->texts, t->rooms[1]),
                                               .joined = t->flags };
}

/* Before that number, moves that held from it on had not happened. The latest is undone first. */
static void undo_moves(struct walk *w, uint64_t number)
{
    for (size_t i = 0; i < w->move_count;) {
        const struct move m = w->moves[i];

        if (m.at < number) {
            i++;
            continue;
        }
        if (m.joined)
            leave(w, m.room);
        else
            enter(w, m.room);
        memmove(w->moves + i, w->moves + i + 1, (w->move_count - i - 1) * sizeof m);
        w->move_count--;
    }
}

static bool was_for(const struct walk *w, uint16_t kind, const struct sio_wire_target *t)
{
    bool meant = t->room_count == 0;

    if (kind == SIO_NOTE_SENT)
        return t->room_count == 1 && str_eq(t->rooms[0], w->reader->name);
    for (size_t i = 0; i < t->room_count && !meant; i++)
        meant = is_in(w, t->rooms[i]);
    for (size_t i = 0; i < t->except_count && meant; i++)
        meant = !is_in(w, t->except[i]) && !str_eq(t->except[i], w->reader->name);
    return meant;
}

static void add(struct sio_history_list *l, const struct bus_message *m)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->numbers = mem_realloc(l->numbers, l->cap * sizeof *l->numbers);
    }
    l->numbers[l->count++] = m->number;
    l->bytes += m->body_bytes;
}

/* Wants the body of those whose target stands there. */
static bool look(void *arg, const struct bus_message *m)
{
    struct walk *w = arg;
    struct sio_reader r = { m->head.p, m->head.p + m->head.n, false };
    struct sio_wire_target t;
    bool in_body = false;

    if ((m->kind != SIO_NOTE_CAST && m->kind != SIO_NOTE_SENT && m->kind != SIO_NOTE_MOVED) ||
        sio_wire_read(&r, &t) < 0)
        return false;
    if (!str_eq(t.nsp, w->n->name) || (m->kind == SIO_NOTE_CAST && (t.flags & SIO_VOLATILE)))
        ; /* nothing that was kept for it */
    else if (m->kind == SIO_NOTE_MOVED)
        note_move(w, m, &t, &r);
    else if (t.in_body)
        in_body = true;
    else if (was_for(w, m->kind, &t))
        add(w->out, m);
    sio_wire_free(&t);
    return in_body;
}

static void look_inside(void *arg, const struct bus_message *m, struct msg *body)
{
    struct walk *w = arg;
    struct sio_wire_target t;
    str bytes = msg_payload(body);
    struct sio_reader r;

    if (!sio_cluster_read(w->n->server->cluster, m, &bytes, &r, &t))
        return;
    if (was_for(w, m->kind, &t))
        add(w->out, m);
    sio_wire_free(&t);
}

void sio_history_missed(struct sio_namespace *n, uint64_t after, const struct hub_reader *r,
                        struct sio_history_list *out)
{
    struct walk w = { .n = n, .reader = r, .out = out };
    struct bus *bus = bus_of(n);
    uint64_t first, last, seen = sio_history_seen(n);

    *out = (struct sio_history_list){ 0 };
    bus->ops->range(bus, &first, &last);
    for (size_t i = 0; i < r->group_count; i++)
        enter(&w, r->groups[i]);
    for (uint64_t i = seen; i > after && i >= first; i--) {
        if (w.move_count)
            undo_moves(&w, i + 1);
        (void)bus->ops->read(bus, i, look, look_inside, &w);
    }
    arena_free(&w.texts);
    mem_free(w.rooms);
    mem_free(w.moves);
}

void sio_history_list_free(struct sio_history_list *l)
{
    mem_free(l->numbers);
}

/* --- Giving what was found --- */

struct giving {
    struct sio_namespace *n;
    void (*fn)(void *arg, struct msg *const *msgs, size_t count);
    void *arg;
};

static bool want(void *arg, const struct bus_message *m)
{
    (void)arg;
    (void)m;
    return true;
}

static void give(void *arg, const struct bus_message *m, struct msg *body)
{
    struct giving *g = arg;
    struct sio_frames f;
    struct sio_wire_target t;
    str bytes = msg_payload(body);
    struct sio_reader r;

    if (!sio_cluster_read(g->n->server->cluster, m, &bytes, &r, &t))
        return;
    if (sio_cluster_frames(&r, bytes, &f) == 0) {
        g->fn(g->arg, f.msgs, f.count);
        sio_frames_free(&f);
    }
    sio_wire_free(&t);
}

bool sio_history_give(struct sio_namespace *n, const struct sio_history_list *l,
                      void (*fn)(void *arg, struct msg *const *msgs, size_t count), void *arg)
{
    struct giving g = { n, fn, arg };
    struct bus *bus = bus_of(n);
    bool whole = true;

    for (size_t i = l->count; i-- > 0;)
        whole = bus->ops->read(bus, l->numbers[i], want, give, &g) && whole;
    return whole;
}

/* --- What is published for it --- */

int sio_history_sent(struct sio_namespace *n, str id, const struct sio_frames *f,
                     void (*stamp)(uint8_t *at, uint64_t number), size_t stamp_at, uint64_t *number)
{
    struct sio_target t = { .rooms = &id, .room_count = 1 };

    return sio_cluster_publish(n, SIO_NOTE_SENT, &t, f, stamp, stamp_at, number);
}

void sio_history_moved(struct sio_namespace *n, str id, str room, bool joined)
{
    struct sio_cluster *c = n->server->cluster;

    if (c->delivering)
        sio_cluster_defer_move(n, id, room, joined, c->delivered);
    else
        sio_history_publish_move(n, id, room, joined, 0);
}

void sio_history_publish_move(struct sio_namespace *n, str id, str room, bool joined,
                              uint64_t as_of)
{
    struct sio_cluster *c = n->server->cluster;
    str names[] = { id, room };
    struct sio_target t = { .rooms = names, .room_count = 2, .flags = joined };
    struct bus_note note = { .kind = SIO_NOTE_MOVED, .to = BUS_TO_ALL };
    uint64_t number;

    sio_cluster_write(c, n, &t);
    if (c->front.len) /* a room's name of kilobytes: it is not remembered */
        return;
    sio_write_u64(&c->head, as_of);
    note.head = buf_str(&c->head);
    if (bus_publish(c->exchange->bus, &note, &number) < 0)
        n->server->stats.limits_hit++;
}
