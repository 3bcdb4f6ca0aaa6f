/* socketio/cluster.c - a server's part in its cluster: what comes over the bus, and events to many.
 *
 * Start reading at on_head(), on_message() and sio_cluster_cast().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster.h"

#include "base/assert.h"
#include "base/mem.h"
#include "socketio/ack.h"
#include "socketio/cluster_parts.h"
#include "socketio/cluster_session.h"
#include "socketio/tail.h"

/* --- Whom a note concerns --- */

/* Whether any local socket may be meant: a look at the rooms' names. */
static bool concerns(struct sio_namespace *n, const struct sio_wire_target *t)
{
    if (n->hub.count == 0)
        return false;
    if (t->in_body || t->room_count == 0)
        return true;
    for (size_t i = 0; i < t->room_count; i++) {
        if (hub_group(&n->hub, t->rooms[i]) || sio_namespace_socket(n, t->rooms[i]))
            return true;
    }
    return false;
}

static bool wants(struct sio_cluster *c, const struct bus_message *m)
{
    struct sio_reader r = { m->head.p, m->head.p + m->head.n, false };
    struct sio_wire_target t;
    struct sio_namespace *n;
    bool wanted;

    if (sio_wire_read(&r, &t) < 0) {
        c->stats.malformed++;
        return false;
    }
    n = map_get(&c->io->namespaces, t.nsp);
    if (m->kind == SIO_NOTE_TAIL || m->kind == SIO_NOTE_SENT)
        wanted = n && sio_tail_concerns(n, &t);
    else
        wanted = n && !(t.flags & SIO_LOCAL) && (m->kind == SIO_NOTE_SIDE || concerns(n, &t));
    sio_wire_free(&t);
    return wanted;
}

static bool on_head(void *user, const struct bus_message *m)
{
    struct sio_cluster *c = user;

    c->told = m->number;
    if (c->io->closing || m->kind == SIO_NOTE_MOVED)
        return false;
    if (m->kind == SIO_NOTE_SENT || m->kind == SIO_NOTE_TAIL) /* the history's, or a tail's */
        return c->io->handover && wants(c, m);
    return m->kind == SIO_NOTE_ANSWERED || m->kind == SIO_NOTE_REPLIED || wants(c, m);
}

/* --- What comes --- */

/* Its namespace and target; NULL when there is no sense in it. *r stands behind the target. */
struct sio_namespace *sio_cluster_read(struct sio_cluster *c, const struct bus_message *m,
                                       str *body, struct sio_reader *r, struct sio_wire_target *t)
{
    struct sio_namespace *n;

    *r = (struct sio_reader){ m->head.p, m->head.p + m->head.n, false };
    if (sio_wire_read(r, t) < 0)
        goto malformed;
    if (t->in_body) {
        struct sio_reader front = { body->p, body->p + body->n, false };

        if (sio_wire_read_front(&front, t) < 0)
            goto malformed;
        *body = str_n(front.at, (size_t)(front.end - front.at));
    }
    if ((n = map_get(&c->io->namespaces, t->nsp)))
        return n;
    sio_wire_free(t);
    return NULL;
malformed:
    c->stats.malformed++;
    return NULL;
}

static struct sio_target target_of(const struct sio_wire_target *t)
{
    return (struct sio_target){ .rooms = t->rooms,
                                .room_count = t->room_count,
                                .except = t->except,
                                .except_count = t->except_count,
                                .flags = t->flags };
}

int sio_cluster_frames(struct sio_reader *r, str body, struct sio_frames *f)
{
    struct sio_wire_frames sizes;

    if (sio_wire_read_frames(r, body.n, &sizes) < 0 || sizes.count == 0)
        return ATR_ESYNTAX;
    *f = (struct sio_frames){ .msgs = f->few };
    if (sizes.count > SIO_FRAMES_FEW)
        f->msgs = mem_alloc(sizes.count * sizeof *f->msgs);
    for (; f->count < sizes.count; f->count++)
        f->msgs[f->count] = sio_wire_frame(&sizes, (uint32_t)f->count, &body);
    return 0;
}

static void take_cast(struct sio_cluster *c, const struct bus_message *m, str body)
{
    struct sio_wire_target t;
    struct sio_frames f;
    struct sio_target target;
    struct sio_reader r;
    struct sio_namespace *n = sio_cluster_read(c, m, &body, &r, &t);

    if (!n)
        return;
    target = target_of(&t);
    if (sio_cluster_frames(&r, body, &f) == 0) {
        sio_cast_received(n, &target, &f);
        sio_frames_free(&f);
        c->stats.casts_in++;
    } else {
        c->stats.malformed++;
    }
    sio_wire_free(&t);
}

static void on_message(void *user, const struct bus_message *m, struct msg *body)
{
    struct sio_cluster *c = user;

    c->delivering = true;
    c->delivered = m->number;
    if (m->kind == SIO_NOTE_CAST)
        take_cast(c, m, msg_payload(body));
    else if (m->kind == SIO_NOTE_SENT || m->kind == SIO_NOTE_TAIL || m->kind == SIO_NOTE_REPLIED)
        sio_tail_take(c, m, msg_payload(body));
    else
        sio_cluster_control(c, m, msg_payload(body));
    c->delivering = false;
}

static void on_missed(void *user, uint64_t count)
{
    ((struct sio_cluster *)user)->stats.missed += count;
}

static void on_node(void *user, struct bus_node node, bool here)
{
    struct sio_cluster *c = user;

    if (here)
        return;
    sio_questions_lost(c->io, node);
    sio_sessions_lost(c);
    sio_tail_lost(c->io, node);
}

static const struct bus_events bus_events = { on_head, on_message, on_missed, on_node };

/* --- What goes out --- */

/* Head and front of a note about a target, in the cluster's scratch. */
void sio_cluster_write(struct sio_cluster *c, const struct sio_namespace *n,
                       const struct sio_target *t)
{
    static const struct sio_target everyone;

    if (!t)
        t = &everyone;
    buf_clear(&c->head);
    buf_clear(&c->front);
    sio_wire_write(&c->head, &c->front, n->name, (uint8_t)t->flags, t->rooms, t->room_count,
                   t->except, t->except_count);
}

int sio_cluster_publish(struct sio_namespace *n, uint16_t kind, const struct sio_target *t,
                        const struct sio_frames *f, void (*stamp)(uint8_t *at, uint64_t number),
                        size_t stamp_at, uint64_t *number)
{
    struct sio_cluster *c = n->server->cluster;
    str few[1 + SIO_FRAMES_FEW], *parts = few;
    struct bus_note note = { .kind = kind, .to = BUS_TO_ALL, .stamp = stamp };
    struct sio_target whom = t ? *t : (struct sio_target){ 0 };
    int err;

    ASSERT(!c->delivering);
    if (stamp)
        whom.flags |= SIO_WIRE_STAMPED;
    sio_cluster_write(c, n, &whom);
    sio_wire_write_frames(&c->head, f->msgs, f->count);
    if (f->count > SIO_FRAMES_FEW)
        parts = mem_alloc((1 + f->count) * sizeof *parts);
    parts[0] = buf_str(&c->front);
    for (size_t i = 0; i < f->count; i++)
        parts[1 + i] = str_n(f->msgs[i]->data, f->msgs[i]->len);
    note.head = buf_str(&c->head);
    note.parts = parts;
    note.part_count = 1 + f->count;
    note.stamp_at = c->front.len + stamp_at;
    err = bus_publish(c->exchange->bus, &note, number);
    if (err == 0)
        c->told = *number;
    if (parts != few)
        mem_free(parts);
    return err;
}

int sio_cluster_cast(struct sio_namespace *n, const struct sio_target *t,
                     const struct sio_frames *f, void (*stamp)(uint8_t *at, uint64_t number),
                     size_t stamp_at, uint64_t *number)
{
    int err = sio_cluster_publish(n, SIO_NOTE_CAST, t, f, stamp, stamp_at, number);

    if (err == 0)
        n->server->cluster->stats.casts_out++;
    return err;
}

/* --- Life --- */

void sio_cluster_open(struct sio_server *io, struct exchange *x)
{
    struct sio_cluster *c = mem_zalloc(sizeof *c);
    struct exchange_user user = { .first = BUS_KIND_SOCKETIO,
                                  .count = SIO_KINDS,
                                  .events = &bus_events,
                                  .user = c,
                                  .questions = &sio_cluster_questions };

    ASSERT(!io->cluster);
    c->io = io;
    c->exchange = x;
    list_init(&c->deferred);
    list_init(&c->describing);
    loop_job_init(&c->job, sio_cluster_run);
    io->cluster = c;
    exchange_add(x, &user);
}

void sio_cluster_free(struct sio_server *io)
{
    struct sio_cluster *c = io->cluster;

    if (!c)
        return;
    sio_sessions_free(c);
    sio_cluster_describe_no_more(c);
    exchange_remove(c->exchange, BUS_KIND_SOCKETIO);
    sio_cluster_forget(c);
    list_remove(&c->job.link);
    buf_free(&c->head);
    buf_free(&c->front);
    mem_free(c);
    io->cluster = NULL;
}

static bool count_node(void *arg, struct bus_node node)
{
    (void)node;
    ++*(uint32_t *)arg;
    return true;
}

uint32_t sio_server_count(const struct sio_server *io)
{
    uint32_t count = 1;

    if (io->cluster)
        io->cluster->exchange->bus->ops->nodes(io->cluster->exchange->bus, count_node, &count);
    return count;
}
