/* socketio/ack.c - what single sockets have yet to acknowledge.
 *
 * A pending ack is found by (socket, id) in the server's map, and by its socket when that leaves.
 * It ends in exactly one way: answered, timed out, or its socket left.
 *
 * Start reading at sio_socket_emit_ack().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/ack.h"

#include "base/mem.h"
#include "base/slab.h"
#include "socketio/lifecycle.h"

struct ack_key {
    uint64_t socket;
    int64_t id;
};

struct sio_ack {
    struct ack_key key; /* the map's */
    struct sio_server *io;
    sio_ack_fn fn;
    void *user;
    struct timer timeout;       /* not running: no limit */
    struct sio_ack *next, **at; /* in the socket's list; at: what points here */
    uint8_t class;
};

static str key_of(const struct ack_key *k)
{
    return str_n(k, sizeof *k);
}

static void ack_free(struct sio_ack *a)
{
    map_remove(&a->io->acks, key_of(&a->key));
    loop_timer_stop(a->io->engine.loop, &a->timeout);
    *a->at = a->next;
    if (a->next)
        a->next->at = a->at;
    slab_free(a, a->class);
}

/* The record goes first: fn may do anything, also to the socket. */
static void settle(struct sio_ack *a, int err, const struct sio_data *reply)
{
    sio_ack_fn fn = a->fn;
    void *user = a->user;

    ack_free(a);
    fn(user, err, reply);
}

static void on_timeout(struct timer *t)
{
    struct sio_ack *a = container_of(t, struct sio_ack, timeout);

    a->io->stats.ack_timeouts++;
    settle(a, ATR_ETIMEOUT, NULL);
}

void sio_ack_expect(struct sio_socket *s, int64_t id, uint32_t timeout_ms, sio_ack_fn fn,
                    void *user)
{
    struct sio_server *io = s->nsp->server;
    uint8_t class;
    struct sio_ack *a = slab_alloc(sizeof *a, &class);

    *a = (struct sio_ack){ .key = { s->ref, id },
                           .io = io,
                           .fn = fn,
                           .user = user,
                           .next = s->acks,
                           .at = &s->acks,
                           .class = class };
    if (s->acks)
        s->acks->at = &a->next;
    s->acks = a;
    map_put(&io->acks, key_of(&a->key), a);
    timer_init(&a->timeout, on_timeout);
    if (timeout_ms)
        loop_timer(io->engine.loop, &a->timeout, timeout_ms);
}

int sio_socket_emit_ack(struct sio_socket *s, const struct sio_data *data, unsigned flags,
                        uint32_t timeout_ms, sio_ack_fn fn, void *user)
{
    int64_t id = s->nsp->next_ack++;
    int err = sio_socket_send_event(s, data, flags, id);

    if (err == 0)
        sio_ack_expect(s, id, timeout_ms, fn, user);
    return err;
}

static struct sio_ack *find(const struct sio_socket *s, int64_t id)
{
    struct ack_key key = { s->ref, id };

    return map_get(&s->nsp->server->acks, key_of(&key));
}

bool sio_ack_expected(const struct sio_socket *s, int64_t id)
{
    return find(s, id) != NULL;
}

void sio_ack_arrived(struct sio_socket *s, int64_t id, const struct sio_data *data)
{
    struct sio_ack *a = find(s, id);

    if (a)
        settle(a, 0, data);
    else
        sio_question_answered(s, id, data);
}

void sio_acks_fail(struct sio_socket *s)
{
    while (s->acks)
        settle(s->acks, ATR_ECLOSED, NULL);
    sio_questions_left(s);
}

/* --- Of sockets that another server has, or will have --- */

struct asking {
    void (*each)(void *arg, int64_t id, sio_ack_fn fn, void *user);
    void *arg;
};

static void question(void *arg, int64_t id)
{
    const struct asking *k = arg;

    k->each(k->arg, id, NULL, NULL);
}

void sio_acks_each(const struct sio_socket *s,
                   void (*each)(void *arg, int64_t id, sio_ack_fn fn, void *user), void *arg)
{
    struct asking k = { each, arg };

    for (const struct sio_ack *a = s->acks; a; a = a->next)
        each(arg, a->key.id, a->fn, a->user);
    sio_questions_each(s, question, &k);
}

void sio_acks_forget(struct sio_socket *s, sio_ack_fn fn)
{
    struct sio_ack *a, *next;

    for (a = s->acks; a; a = next) {
        next = a->next;
        if (a->fn != fn)
            continue;
        mem_free(a->user);
        ack_free(a);
    }
}

size_t sio_acks_of_moved(const struct sio_server *io)
{
    const struct sio_ack *a;
    size_t count = 0;

    for (uint32_t at = 0; (a = map_next(&io->acks, &at));) {
        const struct sio_socket *s = id_get(&io->sockets, a->key.socket);

        count += s && s->state == SIO_SOCKET_MOVED;
    }
    return count;
}
