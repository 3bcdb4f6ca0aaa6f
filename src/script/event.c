/* script/event.c - what the API tells about sockets, and the way of an event to its listener.
 *
 * The hot path: on_event() > event_entry() > task_start(). One lookup by the slot, one by the name,
 * one by the name's number; the arguments are decoded onto the stack that is moved to the task.
 *
 * Start reading at event_entry().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/event.h"

#include "base/assert.h"
#include "script/cluster.h"
#include "script/keep.h"
#include "script/listeners.h"
#include "script/namespace.h"
#include "script/pace.h"
#include "script/rewrite.h"
#include "script/socket.h"

struct arrival {
    struct script *script;
    uint32_t slot;
    const atr_event *event;
    bool refused; /* the reviver raised */
};

/* --- Acknowledgements: a function with (script, slot's ref, ack id) as upvalues; id nil: sent ---
 */

#define ACK_ID_EXACT (INT64_C(1) << 53)

static int l_ack(lua_State *L)
{
    struct script *s = script_of(L);
    int64_t id;

    if (lua_isnil(L, lua_upvalueindex(3)) || s->closing)
        return 0; /* the protocol has one acknowledgement per event */
    if (lua_type(L, lua_upvalueindex(3)) == LUA_TNUMBER)
        id = (int64_t)lua_tonumber(L, lua_upvalueindex(3));
    else
        id = (int64_t)check_ref(L, lua_upvalueindex(3));
    int first = 1, last = lua_gettop(L);
    rewrite_out(s, L, &first, &last);
    struct encoder *e = encoder_take(s, L);
    if (encode_args(e, L, first, last))
        return encode_raise(e, L);
    lua_pushnil(L);
    lua_replace(L, lua_upvalueindex(3));
    lua_rawgeti(L, lua_upvalueindex(2), 1);
    uint32_t slot = (uint32_t)lua_tointeger(L, -1);
    atr_socket *socket = slot ? atr_socket_find(script_io(s), s->slots[slot].ref) : NULL;
    if (!socket)
        return 0;
    atr_data data = encoder_data(e);
    encoder_hold(s);
    (void)atr_socket_ack(socket, id, &data); /* it fails only when the socket is closing */
    encoder_release(s);
    return 0;
}

/* Pushes the function that answers. The socket's table is at index socket. */
static void push_ack(struct script *s, lua_State *L, int socket, int64_t id)
{
    lua_pushlightuserdata(L, s);
    lua_pushvalue(L, socket);
    if (id < ACK_ID_EXACT)
        lua_pushnumber(L, (lua_Number)id);
    else
        push_ref(L, (uint64_t)id);
    lua_pushcclosure(L, l_ack, 3);
}

/* --- Events --- */

enum { SOCKET = 2, VALUE = 4 };

/* Pushes the arguments; how many there are. -1: more than VALUE_ARGS_MAX, which no program sends,
 * or the reviver would not have them. */
static int push_args(struct arrival *a, lua_State *L)
{
    struct script *s = a->script;
    int count = decode_args(&s->decoder, L, &a->event->data, 1);

    if (count < 0)
        return -1;
    count = rewrite_in(s, L, count, a->event->name);
    a->refused = count < 0;
    return count;
}

/* Catch-all listeners or middleware: any_event(socket, ack or false, name, ...). */
static void take_the_long_way(struct arrival *a, lua_State *L)
{
    struct script *s = a->script;
    const atr_event *e = a->event;
    int count;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->callbacks.any_event);
    lua_pushvalue(L, SOCKET);
    if (e->ack >= 0)
        push_ack(s, L, SOCKET, e->ack);
    else
        lua_pushboolean(L, 0);
    lua_pushlstring(L, e->name.p, e->name.n);
    count = push_args(a, L);
    if (count >= 0)
        task_start(s, L, 3 + count);
}

/* "drain" is told by us: a client cannot pretend it. */
static bool is_drain(atr_str name)
{
    return name.n == 5 && memcmp(name.p, "drain", 5) == 0;
}

/* Upvalues: sockets by slot, numbers by event name. */
static int event_entry(lua_State *L)
{
    struct arrival *a = lua_touserdata(L, 1);
    struct script *s = a->script;
    const atr_event *e = a->event;

    lua_rawgeti(L, lua_upvalueindex(1), (int)a->slot);
    if (s->slots[a->slot].flags & (SLOT_ANY | SLOT_USE)) {
        take_the_long_way(a, L);
        return 0;
    }
    if (s->drains && is_drain(e->name))
        return 0;
    lua_pushlstring(L, e->name.p, e->name.n);
    lua_pushvalue(L, -1);
    lua_rawget(L, lua_upvalueindex(2)); /* [3] name, [4] number */
    if (lua_type(L, VALUE) == LUA_TNUMBER) {
        lua_replace(L, 3);
    } else {
        lua_settop(L, 3);
        if (!listener_key(s, L, false))
            return 0;
    }
    lua_pushvalue(L, 3);
    lua_rawget(L, SOCKET);
    if (lua_isnil(L, VALUE))
        return 0; /* nobody listens: no need to decode */
    bool alone = lua_isfunction(L, VALUE);
    int count = push_args(a, L);
    if (count < 0)
        return 0;
    if (e->ack >= 0) {
        push_ack(s, L, SOCKET, e->ack);
        count++;
    }
    if (alone)
        task_start(s, L, count); /* the function is right below its arguments */
    else
        listeners_run(s, L, SOCKET, 3, VALUE, count);
    return 0;
}

static void read_on(const struct source_kind *kind, atr_app *app, atr_ref ref, bool on)
{
    atr_socket *socket = atr_socket_find(atr_app_io(app), ref);

    (void)kind;
    if (socket)
        (on ? atr_socket_resume : atr_socket_pause)(socket);
}

const struct source_kind socket_source = { read_on };

static void on_event(void *user, atr_socket *socket, const atr_event *e)
{
    struct nsp *n = user;
    struct script *s = n->script;
    struct arrival a = { s, socket_slot(socket), e, false };

    if (!a.slot)
        return;
    struct source before = source_set(s, &socket_source, s->slots[a.slot].ref);
    (void)script_enter(s, s->enter_event, &a);
    s->source = before;
    if (a.refused)
        atr_socket_reject(socket);
}

/* --- Life --- */

struct change {
    struct nsp *nsp;
    atr_socket *socket;
    const char *event, *reason, *description;
    bool last;
};

static int connection_entry(lua_State *L)
{
    struct change *c = lua_touserdata(L, 1);
    struct script *s = c->nsp->script;

    socket_push(s, L, c->socket, c->nsp); /* [2] */
    struct nsp *n = s->nsps[s->slots[socket_slot(c->socket)].nsp];
    namespace_push(s, L, n); /* [3] */
    lua_pushvalue(L, SOCKET);
    listeners_emit(s, L, 3, "connect", 1);
    lua_pushvalue(L, SOCKET);
    listeners_emit(s, L, 3, "connection", 1);
    return 0;
}

static void on_connection(void *user, atr_socket *socket)
{
    struct change c = { .nsp = user, .socket = socket };
    struct script *s = c.nsp->script;

    gc_owe(s);
    (void)script_enter(s, s->enter_connection, &c);
}

/* Handlers of disconnects that disconnect others whose handlers ...: beyond a depth they run from
 * the loop, when the stack is free again. */
static int deferred_entry(lua_State *L)
{
    struct script *s = lua_touserdata(L, 1);

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->deferred_ref); /* [2] */
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, s->deferred_ref);
    for (int i = 1, count = (int)lua_objlen(L, 2); i <= count; i++) {
        lua_rawgeti(L, 2, i); /* [3] */
        for (int field = 1; field <= 4; field++)
            lua_rawgeti(L, 3, field); /* [4] socket, event, reason, description */
        listeners_emit(s, L, 4, lua_tostring(L, 5), 2);
        lua_settop(L, 2);
    }
    return 0;
}

static void on_deferred(void *user)
{
    struct script *s = user;

    s->deferred_timer = 0;
    (void)script_enter_once(s, deferred_entry, s); /* a failure was logged */
}

/* The socket is at SOCKET, reason and description are at the top. */
static void defer(struct script *s, lua_State *L, const char *event)
{
    lua_createtable(L, 4, 0);
    lua_insert(L, -3);
    lua_rawseti(L, -3, 4);
    lua_rawseti(L, -2, 3);
    lua_pushstring(L, event);
    lua_rawseti(L, -2, 2);
    lua_pushvalue(L, SOCKET);
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->deferred_ref);
    lua_insert(L, -2);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
    if (!s->deferred_timer)
        s->deferred_timer = atr_timer_start(s->app, 0, 0, on_deferred, s);
}

static int leaving_entry(lua_State *L)
{
    struct change *c = lua_touserdata(L, 1);
    struct script *s = c->nsp->script;
    uint32_t slot = socket_slot(c->socket);

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, -1, (int)slot);
    lua_replace(L, SOCKET);
    lua_settop(L, SOCKET);
    if (c->last) { /* handlers that hold it on still know who it was */
        atr_str id = atr_socket_id(c->socket);
        lua_pushliteral(L, "id");
        lua_pushlstring(L, id.p, id.n);
        lua_rawset(L, SOCKET);
        lua_pushliteral(L, "nsp");
        namespace_push(s, L, s->nsps[s->slots[slot].nsp]);
        lua_rawset(L, SOCKET);
    }
    lua_pushstring(L, c->reason);
    lua_pushstring(L, c->description);
    if (s->depth > SCRIPT_DEPTH_MAX)
        defer(s, L, c->event);
    else
        listeners_emit(s, L, SOCKET, c->event, 2);
    return 0;
}

static void leave(struct change *c)
{
    if (socket_slot(c->socket))
        (void)script_enter_once(c->nsp->script, leaving_entry, c); /* a failure was logged */
}

static void on_disconnecting(void *user, atr_socket *socket, const char *reason,
                             const char *description)
{
    struct change c = { user, socket, "disconnecting", reason, description, false };

    leave(&c);
}

static int drain_entry(lua_State *L)
{
    struct change *c = lua_touserdata(L, 1);
    struct script *s = c->nsp->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, -1, (int)socket_slot(c->socket));
    lua_replace(L, SOCKET);
    listeners_emit(s, L, SOCKET, "drain", 0);
    return 0;
}

static void on_drain(void *user, atr_socket *socket)
{
    struct change c = { .nsp = user, .socket = socket };

    if (c.nsp->script->drains && socket_slot(socket))
        (void)script_enter_once(c.nsp->script, drain_entry, &c); /* a failure was logged */
}

static void forget(struct script *s, atr_socket *socket)
{
    uint32_t slot = socket_slot(socket);

    if (!slot)
        return;
    keep_data(s, socket);
    socket_forget(s, slot);
    atr_socket_set_user(socket, NULL);
    gc_owe(s);
}

static void on_disconnect(void *user, atr_socket *socket, const char *reason,
                          const char *description)
{
    struct change c = { user, socket, "disconnect", reason, description, true };
    struct script *s = c.nsp->script;

    leave(&c);
    forget(s, socket);
}

static void on_abandon(void *user, atr_socket *socket)
{
    forget(((struct nsp *)user)->script, socket);
}

/* Handlers that still hold it find that it has gone; "disconnect" is told where it is now. */
static void on_moved(void *user, atr_socket *socket)
{
    forget(((struct nsp *)user)->script, socket);
}

static void on_forgotten(void *user, void *kept)
{
    forget_data(((struct nsp *)user)->script, kept);
}

struct departure {
    struct script *script;
    uint32_t slot;
    const atr_data *data;
};

static int outgoing_entry(lua_State *L)
{
    struct departure *d = lua_touserdata(L, 1);
    struct script *s = d->script;
    int count;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->callbacks.any_outgoing);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, -1, (int)d->slot);
    lua_remove(L, -2);
    count = decode_args(&s->decoder, L, d->data, 0);
    if (count >= 0)
        task_start(s, L, 1 + count);
    return 0;
}

static void on_outgoing(void *user, atr_socket *socket, const atr_data *data)
{
    struct script *s = ((struct nsp *)user)->script;
    struct departure d = { s, socket_slot(socket), data };

    if (d.slot && (s->slots[d.slot].flags & SLOT_OUT) && s->depth < SCRIPT_DEPTH_MAX)
        (void)script_enter_once(s, outgoing_entry, &d);
}

void event_handlers(atr_namespace_handlers *h, bool outgoing)
{
    *h = (atr_namespace_handlers)ATR_NAMESPACE_HANDLERS_INIT;
    h->on_connection = on_connection;
    h->on_event = on_event;
    h->on_disconnecting = on_disconnecting;
    h->on_disconnect = on_disconnect;
    h->on_abandon = on_abandon;
    h->on_forgotten = on_forgotten;
    h->on_drain = on_drain;
    h->on_moved = on_moved;
    h->on_outgoing = outgoing ? on_outgoing : NULL;
    cluster_handlers(h);
}

/* set_callback(name, fn): what C calls of the embedded sources. */
static int l_set_callback(lua_State *L)
{
    static const char *const names[] = { "any_event", "any_outgoing", NULL };
    struct script *s = script_of(L);
    int *const refs[] = { &s->callbacks.any_event, &s->callbacks.any_outgoing };
    int which = luaL_checkoption(L, 1, NULL, names);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    *refs[which] = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

void events_close(struct script *s)
{
    if (s->deferred_timer)
        atr_timer_stop(s->app, s->deferred_timer);
}

void event_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    s->deferred_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->names_ref);
    lua_pushcclosure(L, event_entry, 2);
    s->enter_event = luaL_ref(L, LUA_REGISTRYINDEX);
    s->enter_connection = script_prepare(L, connection_entry);
    core_add(L, s, core, "set_callback", l_set_callback);
}
