/* script/socket.c - the slots of sockets; their rooms and state. Emitting is in emit.c.
 *
 * Start reading at socket_push().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/socket.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "script/keep.h"
#include "script/namespace.h"

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
    if (atr_socket_recovered(socket))
        restore_data(s, L, socket);
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

/* --- What scripts call --- */

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

static int l_recovered(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    lua_pushboolean(L, socket && atr_socket_recovered(socket));
    return 1;
}

static int l_handed_over(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    lua_pushboolean(L, socket && atr_socket_handed_over(socket));
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

    if (!slot || s->closing)
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
    emit_open(L, s, core);
    core_add(L, s, core, "join", l_join);
    core_add(L, s, core, "leave", l_leave);
    core_add(L, s, core, "rooms", l_rooms);
    core_add(L, s, core, "disconnect", l_disconnect);
    core_add(L, s, core, "connected", l_connected);
    core_add(L, s, core, "recovered", l_recovered);
    core_add(L, s, core, "handed_over", l_handed_over);
    core_add(L, s, core, "id", l_id);
    core_add(L, s, core, "watch", l_watch);
    core_add(L, s, core, "unwatch", l_unwatch);
}
