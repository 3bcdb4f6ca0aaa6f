/* api/cluster.c - the other servers of an application: events between them, and who is there.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster.h"

#include "api/io.h"
#include "api/request.h"
#include "base/assert.h"
#include "base/mem.h"
#include "proto/json.h"

void app_join(atr_app *app, struct app_cluster *c)
{
    ASSERT(!app->io && !app->cluster && list_empty(&app->engines));
    app->cluster = c;
}

uint32_t atr_server_count(const atr_io *io)
{
    return sio_server_count(&io->server);
}

/* --- Events between servers --- */

/* An application that never answers would have them pile up: nobody waits for so long. */
enum { ASK_MS_MAX = 600000 };

/* A server that waits for an answer: named by a ref, since applications keep numbers. */
struct server_ask {
    struct list link; /* in io->asks */
    struct request_from to;
    uint64_t ref, since_ms;
};

static void ask_free(atr_io *io, struct server_ask *ask)
{
    id_remove(&io->server_asks, ask->ref);
    list_remove(&ask->link);
    mem_free(ask);
}

static uint64_t ask_new(atr_io *io, const struct request_from *to)
{
    struct server_ask *ask = mem_alloc(sizeof *ask);
    uint64_t now = io->app->loop.now_ms;

    *ask = (struct server_ask){ .to = *to, .since_ms = now };
    ask->ref = id_add(&io->server_asks, ask);
    list_init(&ask->link);
    list_append(&io->asks, &ask->link);
    while (now - container_of(io->asks.next, struct server_ask, link)->since_ms > ASK_MS_MAX)
        ask_free(io, container_of(io->asks.next, struct server_ask, link));
    return ask->ref;
}

void server_asks_free(atr_io *io)
{
    while (!list_empty(&io->asks))
        ask_free(io, container_of(io->asks.next, struct server_ask, link));
    id_table_free(&io->server_asks);
}

void on_server_side(struct sio_namespace *inner, const struct sio_data *data,
                    const struct request_from *to)
{
    atr_namespace *n = inner->user;
    str token = json_at(data->json, 0);
    atr_event e = { .data = data_out(data), .ack = -1 };

    if (!n || !n->handlers.on_server_side || !token.n)
        return;
    e.name = str_out(event_name(inner->server, token));
    if (to)
        e.ack = (int64_t)ask_new(n->io, to);
    n->handlers.on_server_side(n->user, n, &e);
}

int atr_server_side_ack(atr_io *io, int64_t ack, const atr_data *reply)
{
    struct server_ask *ask = ack < 0 ? NULL : id_get(&io->server_asks, (uint64_t)ack);
    struct sio_data data = data_in(reply);

    if (!ask)
        return ATR_ESTATE;
    data.json = json_at(data.json, 0);
    if (!data.json.p)
        data.json = STR("null");
    sio_server_side_answer(&io->server, &ask->to, &data);
    ask_free(io, ask);
    return 0;
}

int atr_server_side_emit(atr_namespace *n, const atr_data *data)
{
    struct sio_data d = data_in(data);
    int err = event_check(data);

    return err < 0 ? err : sio_server_side_emit(n->inner, &d);
}

/* --- Answers --- */

struct bridge {
    void (*fn)(void *user, int err, const atr_answers *answers);
    void *user;
};

static struct bridge *bridge_new(void (*fn)(void *user, int err, const atr_answers *answers),
                                 void *user)
{
    struct bridge *b = mem_alloc(sizeof *b);

    *b = (struct bridge){ fn, user };
    return b;
}

static void collected(void *user, int err, const struct sio_collected *all)
{
    struct bridge b = *(struct bridge *)user;
    atr_answers out = { (const atr_data *)all->items, all->count, all->count + all->missing };

    mem_free(user);
    b.fn(b.user, err, &out);
}

/* What was begun with a bridge: if it failed, nobody will cross it. */
static int begun(int err, struct bridge *b)
{
    if (err < 0)
        mem_free(b);
    return err;
}

int atr_server_side_emit_with_ack(atr_namespace *n, const atr_data *data, uint32_t timeout_ms,
                                  void (*fn)(void *user, int err, const atr_answers *answers),
                                  void *user)
{
    struct sio_data d = data_in(data);
    int err = event_check(data);
    struct bridge *b;

    if (err < 0)
        return err;
    b = bridge_new(fn, user);
    return begun(sio_server_side_ask(n->inner, &d, timeout_ms, collected, b), b);
}

int atr_fetch_sockets(atr_namespace *n, const atr_target *target, uint32_t timeout_ms,
                      void (*fn)(void *user, int err, const atr_answers *sockets), void *user)
{
    struct sio_target t = target_in(target);
    struct bridge *b = bridge_new(fn, user);

    return begun(sio_fetch(n->inner, &t, timeout_ms, collected, b), b);
}

int atr_fetch_rooms(atr_namespace *n, uint32_t timeout_ms,
                    void (*fn)(void *user, int err, const atr_answers *rooms), void *user)
{
    struct bridge *b = bridge_new(fn, user);

    return begun(sio_fetch_rooms(n->inner, timeout_ms, collected, b), b);
}

/* --- Who a socket is, for other servers --- */

static void write_member(void *arg, atr_str name, atr_str value)
{
    atr_write_key(arg, name);
    atr_write_string(arg, value);
}

static void write_room(void *arg, atr_str room)
{
    atr_write_string(arg, room);
}

/* socket.handshake, as Socket.IO has it. */
static void write_handshake(atr_writer *w, const atr_socket *s)
{
    atr_str auth = atr_socket_auth(s);

    atr_write_key(w, ATR_STR("handshake"));
    atr_write_object(w);
    atr_write_key(w, ATR_STR("headers"));
    atr_write_object(w);
    atr_socket_headers(s, write_member, w);
    atr_write_end(w);
    atr_write_key(w, ATR_STR("query"));
    atr_write_object(w);
    atr_socket_query(s, write_member, w);
    atr_write_end(w);
    atr_write_key(w, ATR_STR("auth"));
    atr_write_json(w, auth.n ? auth : ATR_STR("{}"));
    write_member(w, ATR_STR("address"), atr_socket_address(s));
    write_member(w, ATR_STR("url"), atr_socket_url(s));
    atr_write_key(w, ATR_STR("issued"));
    atr_write_integer(w, atr_socket_issued(s));
    atr_write_key(w, ATR_STR("secure"));
    atr_write_bool(w, atr_socket_secure(s));
    atr_write_key(w, ATR_STR("xdomain"));
    atr_write_bool(w, atr_socket_header(s, ATR_STR("origin")).p != NULL);
    atr_write_end(w);
}

void on_describe(struct sio_socket *inner, struct buf *json)
{
    atr_socket *s = socket_out(inner);
    atr_namespace *n = namespace_of(inner);
    atr_writer *w = atr_writer_new();
    atr_data d;

    atr_write_object(w);
    write_member(w, ATR_STR("id"), atr_socket_id(s));
    write_handshake(w, s);
    atr_write_key(w, ATR_STR("rooms"));
    atr_write_array(w);
    atr_socket_rooms(s, write_room, w);
    atr_write_end(w);
    if (n && n->handlers.on_describe)
        n->handlers.on_describe(n->user, s, w);
    atr_write_end(w);
    d = atr_writer_data(w);
    buf_append(json, d.json.p, d.json.n);
    atr_writer_free(w);
}

/* --- What survives a server --- */

void on_freeze(struct sio_socket *inner, struct buf *json)
{
    atr_namespace *n = namespace_of(inner);
    atr_writer *w;
    atr_data d;

    if (!n || !n->handlers.on_save)
        return;
    w = atr_writer_new();
    n->handlers.on_save(n->user, socket_out(inner), w);
    d = atr_writer_data(w);
    buf_append(json, d.json.p, d.json.n);
    atr_writer_free(w);
}

atr_str atr_socket_saved(const atr_socket *s)
{
    return str_out(sio_socket_frozen(socket_in(s)));
}
