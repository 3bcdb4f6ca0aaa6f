/* script/room.c - the events of rooms: namespace.adapter:on("create-room" | "delete-room" |
 * "join-room" | "leave-room", fn).
 *
 * The adapter is a plain object with listeners that the namespace's table holds; the API tells of
 * rooms from the first time that a script asks for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/listeners.h"
#include "script/namespace.h"

struct news {
    const struct nsp *nsp;
    int what;
    atr_str room;
    const atr_socket *socket;
};

static int room_entry(lua_State *L)
{
    static const char *const names[] = {
        [ATR_ROOM_CREATED] = "create-room",
        [ATR_ROOM_DELETED] = "delete-room",
        [ATR_ROOM_JOINED] = "join-room",
        [ATR_ROOM_LEFT] = "leave-room",
    };
    const struct news *news = lua_touserdata(L, 1);
    atr_str id;

    namespace_push(news->nsp->script, L, news->nsp);
    lua_getfield(L, -1, "adapter");
    if (!lua_istable(L, -1))
        return 0; /* the script has put something else there */
    lua_replace(L, 1);
    lua_settop(L, 1);
    lua_pushlstring(L, news->room.p, news->room.n);
    if (news->socket) {
        id = atr_socket_id(news->socket);
        lua_pushlstring(L, id.p, id.n);
    }
    listeners_emit(news->nsp->script, L, 1, names[news->what], news->socket ? 2 : 1);
    return 0;
}

static void on_room(void *user, int what, atr_str room, atr_socket *socket)
{
    struct news news = { user, what, room, socket };
    struct script *s = news.nsp->script;

    if (s->depth < SCRIPT_DEPTH_MAX)
        (void)script_enter_once(s, room_entry, &news); /* a failure was logged */
}

/* watch_rooms(namespace) */
static int l_watch_rooms(lua_State *L)
{
    struct nsp *n = check_namespace(script_of(L), L, 1);

    atr_namespace_on_room(n->handle, on_room, n);
    return 0;
}

void room_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "watch_rooms", l_watch_rooms);
}
