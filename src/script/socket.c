/* script/socket.c - the slots of sockets; what a script does with one.
 *
 * Start reading at l_emit().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/socket.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "script/namespace.h"
#include "script/task.h"

/* --- Slots --- */

static void grow_slots(struct script *s)
{
    uint32_t cap = s->slot_cap ? s->slot_cap * 2 : 16;

    s->slots = mem_realloc(s->slots, cap * sizeof *s->slots);
    for (uint32_t i = cap - 1; i >= s->slot_cap && i > 0; i--) {
        s->slots[i] = (struct slot){ .nsp = s->slot_free };
        s->slot_free = i;
    }
    s->slot_cap = cap;
}

static uint32_t slot_new(struct script *s, atr_ref ref, uint32_t nsp)
{
    if (!s->slot_free)
        grow_slots(s);
    uint32_t slot = s->slot_free;
    s->slot_free = s->slots[slot].nsp;
    s->slots[slot] = (struct slot){ .ref = ref, .nsp = nsp };
    return slot;
}

void socket_forget(struct script *s, uint32_t slot)
{
    lua_State *L = s->L;

    /* Neither raises: the fields exist. */
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, -1, (int)slot);
    if (lua_istable(L, -1)) {
        lua_pushinteger(L, 0);
        lua_rawseti(L, -2, 1);
    }
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, (int)slot);
    lua_pop(L, 1);
    s->slots[slot] = (struct slot){ .nsp = s->slot_free };
    s->slot_free = slot;
}

void socket_push(struct script *s, lua_State *L, atr_socket *socket, struct nsp *nsp)
{
    uint32_t slot = socket_slot(socket);

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    if (slot) {
        lua_rawgeti(L, -1, (int)slot);
        lua_remove(L, -2);
        return;
    }
    nsp = namespace_of(s, L, atr_socket_namespace(socket), nsp);
    lua_createtable(L, (int)s->socket_width, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->socket_type_ref);
    lua_setmetatable(L, -2);
    slot = slot_new(s, atr_socket_ref(socket), nsp->index);
    lua_pushinteger(L, (lua_Integer)slot);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (int)slot);
    lua_remove(L, -2);
    atr_socket_set_user(socket, (void *)(uintptr_t)slot);
}

static bool has_type(lua_State *L, int idx, const void *type)
{
    bool is;

    if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
        return false;
    is = lua_topointer(L, -1) == type;
    lua_pop(L, 1);
    return is;
}

struct slot *check_socket(struct script *s, lua_State *L, int idx)
{
    uint32_t slot;

    if (!has_type(L, idx, s->socket_type))
        luaL_argerror(L, idx, "socket expected (call it as socket:method(...))");
    lua_rawgeti(L, idx, 1);
    slot = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return slot > 0 && slot < s->slot_cap && s->slots[slot].ref ? &s->slots[slot] : NULL;
}

atr_socket *check_live_socket(struct script *s, lua_State *L, int idx)
{
    struct slot *slot = check_socket(s, L, idx);

    return slot ? atr_socket_find(script_io(s), slot->ref) : NULL;
}

/* --- Emitting --- */

void check_event_name(lua_State *L, int idx)
{
    static const char *const reserved[] = { "connect",       "connect_error", "disconnect",
                                            "disconnecting", "newListener",   "removeListener" };
    const char *name;

    if (lua_type(L, idx) == LUA_TNUMBER)
        return;
    name = luaL_checkstring(L, idx);
    if (*name != 'c' && *name != 'd' && *name != 'n' && *name != 'r')
        return;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
            script_error(L, "\"%s\" is a reserved event name", name);
}

struct encoder *encode_event(struct script *s, lua_State *L, int first, int last)
{
    struct encoder *e = encoder_take(s, L);

    check_event_name(L, first);
    if (encode_event_args(e, L, first, last))
        encode_raise(e, L);
    return e;
}

/* What has happened by the time an emit returns is no error of the script: the socket may have
 * gone, or may be closed because its queue is full. */
static void check_sent(lua_State *L, int err)
{
    if (err < 0 && err != ATR_ECLOSED && err != ATR_ELIMIT)
        script_error(L, "cannot emit: %s", err_text(err));
}

struct reply {
    struct pending *pending;
    int err;
    const atr_data *data;
};

static const char *failure_text(int err)
{
    return err == ATR_ECLOSED ? "socket has been disconnected" : err_text(err);
}

/* A task gets true and the values, or false and the reason; a function that asked for errors gets
 * null or the reason first; another is not called when there is no reply. */
static int reply_entry(lua_State *L)
{
    struct reply *r = lua_touserdata(L, 1);
    struct pending *p = r->pending;
    struct script *s = p->script;
    int count = 0;

    lua_settop(L, 0);
    if (p->task || p->errors)
        lua_pushnil(L); /* place of the first */
    if (!r->err && (count = decode_args(&s->decoder, L, r->data, 0)) < 0)
        r->err = ATR_ELIMIT;
    if (r->err && !p->task && !p->errors) {
        pending_free(p);
        return 0;
    }
    if (r->err) {
        lua_pushstring(L, failure_text(r->err));
        count = 1;
    }
    if (p->task) {
        lua_pushboolean(L, !r->err);
        lua_replace(L, 1);
    } else if (p->errors && r->err) {
        lua_replace(L, 1);
        count = 0;
    }
    pending_finish(L, p, count + (p->task || p->errors));
    return 0;
}

static void on_reply(void *user, int err, const atr_data *data)
{
    struct reply r = { user, err, data };

    if (!r.pending->script) {
        pending_free(r.pending);
        return;
    }
    (void)script_enter_once(r.pending->script, reply_entry, &r); /* a failure was logged */
}

static void closed_already(void *user)
{
    struct pending *p = user;

    p->timer = 0;
    on_reply(p, ATR_ECLOSED, NULL);
}

/* Sends what e holds and leaves the answer to p. */
static void ask(struct script *s, lua_State *L, atr_socket *socket, struct encoder *e,
                unsigned flags, uint32_t timeout_ms, struct pending *p)
{
    atr_data data = encoder_data(e);
    int err = ATR_ECLOSED;

    encoder_hold(s);
    if (socket)
        err = atr_socket_emit_with_ack(socket, &data, flags, timeout_ms, on_reply, p);
    encoder_release(s);
    if (err >= 0)
        return;
    if (err == ATR_ECLOSED || err == ATR_ELIMIT) {
        p->timer = atr_timer_start(s->app, 0, 0, closed_already, p);
        return;
    }
    pending_free(p);
    check_sent(L, err);
}

/* The socket is at index 1, the event's name at index first. */
static int emit(lua_State *L, int first, unsigned flags, bool timed, uint32_t timeout_ms)
{
    struct script *s = script_of(L);
    atr_socket *socket = check_live_socket(s, L, 1);
    int last = lua_gettop(L);
    bool asks = last > first && lua_isfunction(L, last);
    struct encoder *e = encode_event(s, L, first, asks ? last - 1 : last);

    if (asks) {
        struct pending *p = pending_call(s, L, last);
        p->errors = timed;
        ask(s, L, socket, e, flags, timeout_ms, p);
    } else if (socket) {
        atr_data data = encoder_data(e);
        encoder_hold(s);
        int err = atr_socket_emit(socket, &data, flags);
        encoder_release(s);
        check_sent(L, err);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int l_emit(lua_State *L)
{
    return emit(L, 2, 0, false, 0);
}

/* Replaces a flagged emitter { socket, flags, timeout or false } at index 1 by its socket. */
static unsigned unwrap(lua_State *L, bool *timed, uint32_t *timeout_ms)
{
    unsigned flags;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_rawgeti(L, 1, 2);
    flags = (unsigned)lua_tointeger(L, -1);
    lua_rawgeti(L, 1, 3);
    *timed = lua_toboolean(L, -1);
    *timeout_ms = *timed ? check_ms(L, lua_gettop(L)) : 0;
    lua_rawgeti(L, 1, 1);
    lua_replace(L, 1);
    lua_pop(L, 2);
    return flags;
}

static int l_flagged_emit(lua_State *L)
{
    uint32_t timeout_ms;
    bool timed;
    unsigned flags = unwrap(L, &timed, &timeout_ms);

    return emit(L, 2, flags, timed, timeout_ms);
}

static int emit_and_wait(lua_State *L, unsigned flags, uint32_t timeout_ms)
{
    struct script *s = script_of(L);
    atr_socket *socket = check_live_socket(s, L, 1);
    struct encoder *e = encode_event(s, L, 2, lua_gettop(L));
    struct pending *p = pending_wait(s, L);

    ask(s, L, socket, e, flags, timeout_ms, p);
    return task_wait(L, p);
}

static int l_emit_with_ack(lua_State *L)
{
    return emit_and_wait(L, 0, 0);
}

static int l_flagged_emit_with_ack(lua_State *L)
{
    uint32_t timeout_ms;
    bool timed;
    unsigned flags = unwrap(L, &timed, &timeout_ms);

    return emit_and_wait(L, flags, timeout_ms);
}

/* --- Rooms and state --- */

static void join_one(lua_State *L, atr_socket *socket, int idx)
{
    int err = atr_socket_join(socket, check_atr_str(L, idx));

    if (err < 0 && err != ATR_ECLOSED)
        script_error(L, "cannot join %s: %s", lua_tostring(L, idx), err_text(err));
}

/* join(socket, room or list of rooms) */
static int l_join(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    if (!lua_istable(L, 2)) {
        (void)check_str(L, 2);
        if (socket)
            join_one(L, socket, 2);
        return 0;
    }
    for (int i = 1, count = (int)lua_objlen(L, 2); i <= count && socket; i++) {
        lua_rawgeti(L, 2, i);
        join_one(L, socket, lua_gettop(L));
        lua_pop(L, 1);
    }
    return 0;
}

static int l_leave(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);
    atr_str room = check_atr_str(L, 2);

    if (socket)
        atr_socket_leave(socket, room);
    return 0;
}

static void set_room(void *arg, atr_str room)
{
    lua_State *L = arg;

    lua_pushlstring(L, room.p, room.n);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
}

static int l_rooms(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    lua_newtable(L);
    if (socket)
        atr_socket_rooms(socket, set_room, L);
    return 1;
}

static int l_disconnect(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    if (socket)
        atr_socket_disconnect(socket, lua_toboolean(L, 2));
    lua_settop(L, 1);
    return 1;
}

static int l_connected(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    lua_pushboolean(L, socket && atr_socket_connected(socket));
    return 1;
}

static int l_id(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    if (!socket)
        return 0;
    atr_str id = atr_socket_id(socket);
    lua_pushlstring(L, id.p, id.n);
    return 1;
}

/* watch(socket, flag): from now on its events take the way through the catch-all listeners. */
static int l_watch(lua_State *L)
{
    struct script *s = script_of(L);
    struct slot *slot = check_socket(s, L, 1);
    unsigned flags = (unsigned)luaL_checkinteger(L, 2);

    if (!slot)
        return 0;
    slot->flags |= flags;
    if (flags & SLOT_OUT)
        namespace_watch_outgoing(s->nsps[slot->nsp]);
    return 0;
}

static int l_unwatch(lua_State *L)
{
    struct slot *slot = check_socket(script_of(L), L, 1);

    if (slot)
        slot->flags &= ~(unsigned)luaL_checkinteger(L, 2);
    return 0;
}

void socket_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    s->sockets_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    s->socket_type = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    s->socket_type_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, core, "socket_type");
    s->socket_width = 4;
    core_add(L, s, core, "emit", l_emit);
    core_add(L, s, core, "flagged_emit", l_flagged_emit);
    core_add(L, s, core, "emit_with_ack", l_emit_with_ack);
    core_add(L, s, core, "flagged_emit_with_ack", l_flagged_emit_with_ack);
    core_add(L, s, core, "join", l_join);
    core_add(L, s, core, "leave", l_leave);
    core_add(L, s, core, "rooms", l_rooms);
    core_add(L, s, core, "disconnect", l_disconnect);
    core_add(L, s, core, "connected", l_connected);
    core_add(L, s, core, "id", l_id);
    core_add(L, s, core, "watch", l_watch);
    core_add(L, s, core, "unwatch", l_unwatch);
}
