/* script/keep.c - what survives a lost connection: the data of a socket, until the client comes
 * back (connection state recovery) or has stayed away for too long.
 *
 * It waits in the registry; the API keeps its ref.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/keep.h"

#include "script/socket.h"

struct keeping {
    struct script *script;
    atr_socket *socket;
};

static int keep_entry(lua_State *L)
{
    const struct keeping *k = lua_touserdata(L, 1);
    struct script *s = k->script;
    int ref;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, -1, (int)socket_slot(k->socket));
    lua_pushliteral(L, "data");
    lua_rawget(L, -2);
    if (lua_isnil(L, -1))
        return 0; /* the script never asked for it */
    ref = luaL_ref(L, LUA_REGISTRYINDEX);
    if (atr_socket_keep(k->socket, (void *)(intptr_t)ref) < 0)
        luaL_unref(L, LUA_REGISTRYINDEX, ref);
    return 0;
}

void keep_data(struct script *s, atr_socket *socket)
{
    struct keeping k = { s, socket };

    if (atr_socket_keep(socket, NULL) == 0) /* it may come back */
        (void)script_enter_once(s, keep_entry, &k);
}

/* Left on another server, as JSON. */
static void restore_saved(struct script *s, lua_State *L, const atr_socket *socket)
{
    atr_str saved = atr_socket_saved(socket);

    if (saved.n == 0)
        return;
    lua_pushliteral(L, "data");
    push_json(s, L, saved);
    lua_rawset(L, -3);
}

void restore_data(struct script *s, lua_State *L, atr_socket *socket)
{
    int ref = (int)(intptr_t)atr_socket_kept(socket);

    if (!ref) {
        restore_saved(s, L, socket);
        return;
    }
    lua_pushliteral(L, "data");
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
    lua_rawset(L, -3);
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
}

static int forget_entry(lua_State *L)
{
    luaL_unref(L, LUA_REGISTRYINDEX, *(const int *)lua_touserdata(L, 1));
    return 0;
}

void forget_data(struct script *s, void *kept)
{
    int ref = (int)(intptr_t)kept;

    (void)script_enter_once(s, forget_entry, &ref);
}
