/* tests/unit/socketio/moves.c - see moves.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "moves.h"

enum { NOTE = BUS_KIND_ROOMS };

struct flight flight;

static bool on_head(void *user, const struct bus_message *m)
{
    return user == &nodes[flight.to] && m->number == flight.number;
}

static void on_note(void *user, const struct bus_message *m, struct msg *body)
{
    struct node *n = user;

    (void)m, (void)body;
    flight.err = sio_server_thaw(&n->rig.io, buf_str(&flight.bytes), flight.fd,
                                 bus_self(&nodes[flight.from].bus.base));
}

static const struct bus_events note_events = { .on_head = on_head, .on_message = on_note };

static void join_all(void)
{
    for (int i = 0; i < NODES; i++)
        exchange_add(&nodes[i].exchange,
                     &(struct exchange_user){
                         .first = NOTE, .count = 1, .events = &note_events, .user = &nodes[i] });
}

int moves_set_up(void **state)
{
    (void)state;
    nodes_open(NULL);
    join_all();
    return 0;
}

static void recovery_on(struct sio_options *o)
{
    o->recovery.enabled = true;
    o->recovery.skip_middlewares = true;
}

int moves_set_up_recovery(void **state)
{
    (void)state;
    nodes_open(recovery_on);
    join_all();
    return 0;
}

int moves_tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < NODES; i++)
        if (nodes[i].open)
            exchange_remove(&nodes[i].exchange, NOTE);
    nodes_close();
    buf_free(&flight.bytes);
    return 0;
}

void join(struct peer *p, struct rig *g)
{
    peer_open(p, g);
    peer_say(p, "40");
    peer_hear(p);
    assert_memory_equal(g->last->id, p->sid, SIO_ID_LEN);
    buf_clear(&p->heard);
    buf_clear(&g->log);
}

struct sio_client *client_of(const struct peer *p)
{
    struct sio_namespace *n;
    struct sio_socket *s = NULL;

    for (uint32_t at = 0; !s && (n = map_next(&p->rig->io.namespaces, &at));)
        s = sio_namespace_socket(n, (str){ p->sid, SIO_ID_LEN });
    assert_non_null(s);
    return s->client;
}

int take_off(int from, int to, struct sio_client *c)
{
    int err;

    buf_clear(&flight.bytes);
    flight.from = from;
    flight.to = to;
    flight.err = 1;
    flight.fd = -1;
    assert_int_equal(bus_publish(&nodes[from].bus.base,
                                 &(struct bus_note){ .kind = NOTE, .to = BUS_TO_ALL },
                                 &flight.number),
                     0);
    if ((err = sio_client_freeze(c, &flight.bytes, &flight.fd)) < 0)
        flight.to = -1;
    return err;
}

void hand_over(int from, int to, struct peer *p)
{
    assert_int_equal(take_off(from, to, client_of(p)), 0);
    nodes_settle();
    assert_int_equal(flight.err, 0);
    p->rig = &nodes[to].rig;
}

uint64_t moved_count(int i)
{
    const struct sio_handover *h = nodes[i].rig.io.handover;

    return h ? h->moved.count : 0;
}
