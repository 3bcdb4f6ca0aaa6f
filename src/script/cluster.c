/* script/cluster.c - the other servers of an application: events between them, their sockets and
 * rooms.
 *
 * Start reading at l_server_side_emit() and on_server_side().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/cluster.h"

#include "base/err.h"
#include "script/answers.h"
#include "script/listeners.h"
#include "script/socket.h"
#include "script/task.h"

/* --- What other servers say --- */

struct said {
    struct nsp *nsp;
    const atr_event *event;
};

/* Upvalues: the script, the ack as a ref; nil once it was used. */
static int l_answer(lua_State *L)
{
    struct script *s = script_of(L);
    uint64_t ack;

    if (lua_isnil(L, lua_upvalueindex(2)) || s->closing)
        return 0;
    ack = check_ref(L, lua_upvalueindex(2));
    struct encoder *e = encoder_take(s, L);
    if (encode_args(e, L, 1, lua_gettop(L)))
        return encode_raise(e, L);
    lua_pushnil(L);
    lua_replace(L, lua_upvalueindex(2));
    atr_data data = encoder_data(e);
    encoder_hold(s);
    (void)atr_server_side_ack(script_io(s), (int64_t)ack, &data); /* it is answered once */
    encoder_release(s);
    return 0;
}

static int server_side_entry(lua_State *L)
{
    const struct said *a = lua_touserdata(L, 1);
    struct script *s = a->nsp->script;
    const atr_event *e = a->event;
    int count;

    namespace_push(s, L, a->nsp); /* [2] */
    lua_pushlstring(L, e->name.p, e->name.n);
    const char *name = lua_tostring(L, 3);
    count = decode_args(&s->decoder, L, &e->data, 1);
    if (count < 0)
        return 0;
    if (e->ack >= 0) {
        lua_pushlightuserdata(L, s);
        push_ref(L, (uint64_t)e->ack);
        lua_pushcclosure(L, l_answer, 2);
        count++;
    }
    listeners_emit(s, L, 2, name, count);
    return 0;
}

static void on_server_side(void *user, atr_namespace *handle, const atr_event *e)
{
    struct said a = { user, e };

    (void)handle;
    (void)script_enter_once(a.nsp->script, server_side_entry, &a); /* a failure was logged */
}

/* --- What they are told of a socket: its data --- */

struct describing {
    struct script *script;
    uint32_t slot;
    atr_writer *writer;
    bool member; /* of an object; else the value alone */
};

static int describe_entry(lua_State *L)
{
    const struct describing *d = lua_touserdata(L, 1);
    struct script *s = d->script;
    struct encoder *e;
    int failed;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, -1, (int)d->slot);
    lua_pushliteral(L, "data");
    lua_rawget(L, -2);
    if (lua_isnil(L, -1))
        return 0; /* the script never asked for it */
    e = encoder_take(s, L);
    e->plain = true;
    failed = encode_value(e, L, lua_gettop(L));
    e->plain = false;
    if (failed && !d->member && s->told_unsaved)
        return 0;
    if (failed) {
        s->told_unsaved = s->told_unsaved || !d->member;
        return encode_raise(e, L);
    }
    if (d->member)
        atr_write_key(d->writer, ATR_STR("data"));
    atr_write_json(d->writer, encoder_data(e).json);
    return 0;
}

/* Data that is no JSON is logged, and left out; what is saved is looked at each second, so only the
 * first time. */
static void describe(const struct nsp *n, const atr_socket *socket, atr_writer *w, bool member)
{
    struct describing d = { n->script, socket_slot(socket), w, member };

    if (d.slot)
        (void)script_enter_once(d.script, describe_entry, &d);
}

static void on_describe(void *user, atr_socket *socket, atr_writer *w)
{
    describe(user, socket, w, true);
}

static void on_save(void *user, atr_socket *socket, atr_writer *w)
{
    describe(user, socket, w, false);
}

void cluster_handlers(atr_namespace_handlers *h)
{
    h->on_server_side = on_server_side;
    h->on_describe = on_describe;
    h->on_save = on_save;
}

/* --- What scripts call --- */

/* server_count() */
static int l_server_count(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)atr_server_count(script_io(script_of(L))));
    return 1;
}

/* server_side_emit(namespace, event, ...) */
static int l_server_side_emit(lua_State *L)
{
    struct script *s = script_of(L);
    struct nsp *n = check_namespace(s, L, 1);
    struct encoder *e = encode_event(s, L, 2, lua_gettop(L));
    atr_data data = encoder_data(e);

    encoder_hold(s);
    int err = atr_server_side_emit(n->handle, &data);
    encoder_release(s);
    if (err < 0)
        return script_error(L, "cannot emit: %s", err_text(err));
    return 0;
}

/* Ends a call for answers that has begun, or not. */
static int asked(lua_State *L, int err, struct pending *p)
{
    if (err < 0) {
        pending_free(p);
        return script_error(L, "cannot ask: %s", err_text(err));
    }
    return p->task ? task_wait(L, p) : 0;
}

/* server_side_ask(namespace, event, ...[, function(err, answers)]): waits without the function. */
static int l_server_side_ask(lua_State *L)
{
    struct script *s = script_of(L);
    struct nsp *n = check_namespace(s, L, 1);
    int last = lua_gettop(L);
    bool calls = last > 2 && lua_isfunction(L, last);
    struct encoder *e = encode_event(s, L, 2, calls ? last - 1 : last);
    struct pending *p = calls ? pending_call(s, L, last) : pending_wait(s, L);
    atr_data data = encoder_data(e);

    p->errors = calls;
    encoder_hold(s);
    int err = atr_server_side_emit_with_ack(n->handle, &data, 0, answers_arrived, p);
    encoder_release(s);
    return asked(L, err, p);
}

/* fetch_remote(target): waits. */
static int l_fetch_remote(lua_State *L)
{
    struct script *s = script_of(L);
    struct answers_target t;

    lua_settop(L, 1);
    answers_target(s, L, &t);
    struct pending *p = pending_wait(s, L);
    int err =
        atr_fetch_sockets(t.nsp->handle, &t.api, t.limited ? t.timeout_ms : 0, answers_arrived, p);
    return asked(L, err, p);
}

/* fetch_remote_rooms(namespace): waits. */
static int l_fetch_remote_rooms(lua_State *L)
{
    struct script *s = script_of(L);
    struct nsp *n = check_namespace(s, L, 1);
    struct pending *p = pending_wait(s, L);

    return asked(L, atr_fetch_rooms(n->handle, 0, answers_arrived, p), p);
}

struct rooms {
    lua_State *L;
    int count;
};

static void add_room(void *arg, atr_str room, size_t members)
{
    struct rooms *r = arg;

    (void)members;
    lua_pushlstring(r->L, room.p, room.n); /* for want of memory it may raise: nothing is held */
    lua_rawseti(r->L, -2, ++r->count);
}

/* rooms(namespace): of this server. */
static int l_rooms(lua_State *L)
{
    struct nsp *n = check_namespace(script_of(L), L, 1);
    struct rooms r = { L, 0 };

    lua_newtable(L);
    atr_each_room(n->handle, add_room, &r);
    return 1;
}

void cluster_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "server_count", l_server_count);
    core_add(L, s, core, "server_side_emit", l_server_side_emit);
    core_add(L, s, core, "server_side_ask", l_server_side_ask);
    core_add(L, s, core, "fetch_remote", l_fetch_remote);
    core_add(L, s, core, "fetch_remote_rooms", l_fetch_remote_rooms);
    core_add(L, s, core, "local_rooms", l_rooms);
}
