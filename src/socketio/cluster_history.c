/* socketio/cluster_history.c - see cluster_history.h.
 *
 * The rooms that a member was in at the time of each note are worked out backwards: from those it
 * has now, undoing what the notes say it joined and left since. A change that another server's note
 * caused is published a little later than it happened, and says as of which number.
 *
 * Start reading at walk().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster_history.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "socketio/cluster_parts.h"

static struct bus *bus_of(const struct sio_namespace *n)
{
    return n->server->cluster->exchange->bus;
}

uint64_t sio_history_last(const struct sio_namespace *n)
{
    uint64_t first, last;

    bus_of(n)->ops->range(bus_of(n), &first, &last);
    return last;
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

/* --- A member's rooms --- */

struct move {
    uint64_t at; /* the number from which on it holds */
    str room;    /* in the walk's arena */
    bool joined;
};

struct walk {
    struct sio_namespace *n;
    const struct hub_reader *reader;
    struct arena texts;
    str *rooms; /* it is in, at the note being looked at */
    size_t room_count, room_cap;
    struct move *moves;
    size_t move_count, move_cap, moves_done;
    uint64_t number;
    /* What is done with a packet; fn NULL: it is counted. */
    struct sio_missed count;
    void (*fn)(void *arg, struct msg *const *msgs, size_t count);
    void *arg;
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

/* --- First pass: where it went --- */

static bool take_move(void *arg, const struct bus_message *m)
{
    struct walk *w = arg;
    struct sio_reader r = { m->head.p, m->head.p + m->head.n, false };
    struct sio_wire_target t;

    if (m->kind != SIO_NOTE_MOVED || sio_wire_read(&r, &t) < 0)
        return false;
    if (t.room_count == 2 && str_eq(t.nsp, w->n->name) && str_eq(t.rooms[0], w->reader->name)) {
        uint64_t as_of = sio_read_u64(&r);
        if (w->move_count == w->move_cap) {
            w->move_cap = w->move_cap ? w->move_cap * 2 : 16;
            w->moves = mem_realloc(w->moves, w->move_cap * sizeof *w->moves);
        }
        w->moves[w->move_count++] =
            (struct move){ .at = as_of && as_of < m->number ? as_of : m->number,
                           .room = arena_copy(&w->texts, t.rooms[1]),
                           .joined = t.flags };
    }
    sio_wire_free(&t);
    return false;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct move *)a)->at, y = ((const struct move *)b)->at;

    return (x > y) - (x < y);
}

/* --- Second pass: what it was sent --- */

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

static void catch_up(struct walk *w, uint64_t number)
{
    for (; w->moves_done < w->move_count && w->moves[w->moves_done].at <= number; w->moves_done++) {
        const struct move *m = &w->moves[w->moves_done];

        if (m->joined)
            enter(w, m->room);
        else
            leave(w, m->room);
    }
}

static bool take_packet(void *arg, const struct bus_message *m)
{
    struct walk *w = arg;
    struct sio_reader r = { m->head.p, m->head.p + m->head.n, false };
    struct sio_wire_target t;
    bool wanted;

    if ((m->kind != SIO_NOTE_CAST && m->kind != SIO_NOTE_SENT) || sio_wire_read(&r, &t) < 0)
        return false;
    /* A target that stands in the body is read there. */
    wanted = str_eq(t.nsp, w->n->name) && !(t.flags & SIO_VOLATILE) &&
             (t.in_body || was_for(w, m->kind, &t));
    sio_wire_free(&t);
    if (wanted && !w->fn && !t.in_body) {
        w->count.packets++;
        w->count.bytes += m->body_bytes;
        return false;
    }
    return wanted;
}

static void give_packet(void *arg, const struct bus_message *m, struct msg *body)
{
    struct walk *w = arg;
    struct sio_frames f;
    struct sio_wire_target t;
    str bytes = msg_payload(body);
    struct sio_reader r;

    if (!sio_cluster_read(w->n->server->cluster, m, &bytes, &r, &t))
        return;
    if (was_for(w, m->kind, &t) && sio_cluster_frames(&r, bytes, &f) == 0) {
        w->count.packets++;
        w->count.bytes += bytes.n;
        if (w->fn)
            w->fn(w->arg, f.msgs, f.count);
        sio_frames_free(&f);
    }
    sio_wire_free(&t);
}

static void begin(struct walk *w, uint64_t after, uint64_t last)
{
    struct bus *bus = bus_of(w->n);

    for (size_t i = 0; i < w->reader->group_count; i++)
        enter(w, w->reader->groups[i]);
    for (uint64_t i = after + 1; i <= last; i++)
        (void)bus->ops->read(bus, i, take_move, NULL, w);
    if (w->move_count)
        qsort(w->moves, w->move_count, sizeof *w->moves, by_number);
    for (size_t i = w->move_count; i-- > 0;) {
        if (w->moves[i].joined)
            leave(w, w->moves[i].room);
        else
            enter(w, w->moves[i].room);
    }
}

/* Everything after a number. False: some has gone while it was read. */
static bool walk(struct walk *w, uint64_t after)
{
    struct bus *bus = bus_of(w->n);
    uint64_t first, last, from;
    bool whole = true;

    bus->ops->range(bus, &first, &last);
    from = after + 1 < first ? first : after + 1;
    begin(w, from - 1, last);
    for (uint64_t i = from; i <= last; i++) {
        catch_up(w, i);
        if (!bus->ops->read(bus, i, take_packet, give_packet, w))
            whole = false;
    }
    arena_free(&w->texts);
    mem_free(w->rooms);
    mem_free(w->moves);
    return whole;
}

void sio_history_count(struct sio_namespace *n, uint64_t after, const struct hub_reader *r,
                       struct sio_missed *out)
{
    struct walk w = { .n = n, .reader = r };

    (void)walk(&w, after);
    *out = w.count;
}

bool sio_history_each(struct sio_namespace *n, uint64_t after, const struct hub_reader *r,
                      void (*fn)(void *arg, struct msg *const *msgs, size_t count), void *arg)
{
    struct walk w = { .n = n, .reader = r, .fn = fn, .arg = arg };

    return walk(&w, after);
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
