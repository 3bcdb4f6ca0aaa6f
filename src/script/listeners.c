/* script/listeners.c - on, once, off; calling listeners.
 *
 * Start reading at l_on() and listeners_run().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/listeners.h"

#include <string.h>

#include "script/task.h"

enum { SELF = 1, WIDTH_MAX = 32 };

bool listener_key(struct script *s, lua_State *L, bool create)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->names_ref);
    lua_pushvalue(L, -2);
    lua_rawget(L, -2); /* name, names, number */
    if (lua_isnil(L, -1)) {
        bool full = s->name_count == SCRIPT_NAMES_MAX;

        lua_pop(L, 1);
        if (!full && !create) {
            lua_pop(L, 2);
            return false;
        }
        if (full) {
            lua_pop(L, 1);
            lua_pushliteral(L, "\1");
            lua_insert(L, -2);
            lua_concat(L, 2);
            return true;
        }
        lua_pushvalue(L, -2);
        lua_pushinteger(L, (lua_Integer)++s->name_count + SELF);
        lua_rawset(L, -3);
        lua_pushinteger(L, (lua_Integer)s->name_count + SELF);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
    return true;
}

/* The arguments (object, name, function): leaves them and the key at index 4. */
static bool read_args(struct script *s, lua_State *L, bool create)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isstring(L, 2))
        script_error(L, "an event's name expected, got %s", luaL_typename(L, 2));
    lua_settop(L, 3);
    lua_pushvalue(L, 2);
    (void)lua_tostring(L, -1); /* a number is its digits, as a name from the wire is */
    return listener_key(s, L, create);
}

static int count_of(lua_State *L, int list)
{
    return (int)lua_objlen(L, list);
}

/* Pushes a list of the entries at index found, with room for one more. Returns how many. */
static int push_copy(lua_State *L, int found)
{
    int count = 0;

    if (lua_isfunction(L, found)) {
        lua_createtable(L, 2, 0);
        lua_pushvalue(L, found);
        lua_rawseti(L, -2, 1);
        return 1;
    }
    if (lua_istable(L, found))
        count = count_of(L, found);
    lua_createtable(L, count + 1, 0);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, found, i);
        lua_rawseti(L, -2, i);
    }
    return count;
}

static int add(lua_State *L, bool once)
{
    struct script *s = script_of(L);

    if (!lua_istable(L, 1))
        script_error(L, "call it with a colon: object:on(event, function)");
    if (!lua_isfunction(L, 3))
        script_error(L, "a function expected for the event, got %s", luaL_typename(L, 3));
    read_args(s, L, true);
    if (!s->drains && lua_type(L, 2) == LUA_TSTRING)
        s->drains = strcmp(lua_tostring(L, 2), "drain") == 0;
    if (lua_type(L, 4) == LUA_TNUMBER) {
        unsigned width = (unsigned)lua_tointeger(L, 4);
        if (width > s->socket_width && width <= WIDTH_MAX)
            s->socket_width = width;
    }
    if (once) {
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, 3);
        lua_rawseti(L, -2, 1);
        lua_replace(L, 3);
    }
    lua_pushvalue(L, 4);
    lua_rawget(L, 1);
    lua_pushvalue(L, 4);
    if (lua_isnil(L, 5) && !once) {
        lua_pushvalue(L, 3);
    } else {
        int count = push_copy(L, 5);
        lua_pushvalue(L, 3);
        lua_rawseti(L, -2, count + 1);
    }
    lua_rawset(L, 1);
    lua_settop(L, 1);
    return 1;
}

static int l_on(lua_State *L)
{
    return add(L, false);
}

static int l_once(lua_State *L)
{
    return add(L, true);
}

static bool is_listener_key(lua_State *L, int idx)
{
    if (lua_type(L, idx) == LUA_TNUMBER)
        return lua_tonumber(L, idx) > SELF;
    return lua_type(L, idx) == LUA_TSTRING && lua_tostring(L, idx)[0] == '\1';
}

static void remove_all(lua_State *L)
{
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (!is_listener_key(L, -1))
            continue;
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, 1); /* clearing a field is legal on a walk */
    }
}

/* Whether the entry at the top is, or wraps, the function at index fn. */
static bool is_entry_of(lua_State *L, int fn)
{
    bool is = lua_rawequal(L, -1, fn);

    if (!is && lua_istable(L, -1)) {
        lua_rawgeti(L, -1, 1);
        is = lua_rawequal(L, -1, fn);
        lua_pop(L, 1);
    }
    return is;
}

/* Takes the newest entry that is (or wraps) the value at index entry from what object has at key.
 */
static void remove_entry(lua_State *L, int object, int key, int entry)
{
    int found, count, at = 0, kept = 0;

    lua_pushvalue(L, key);
    lua_rawget(L, object);
    found = lua_gettop(L);
    lua_pushvalue(L, key);
    if (lua_istable(L, found)) {
        count = count_of(L, found);
        for (int i = count; i > 0 && !at; i--) {
            lua_rawgeti(L, found, i);
            if (is_entry_of(L, entry))
                at = i;
            lua_pop(L, 1);
        }
        lua_createtable(L, count, 0);
        for (int i = 1; i <= count; i++) {
            if (i == at)
                continue;
            lua_rawgeti(L, found, i);
            lua_rawseti(L, -2, ++kept);
        }
        if (kept == 0) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
    } else if (lua_rawequal(L, found, entry)) {
        lua_pushnil(L);
    } else {
        lua_pushvalue(L, found);
    }
    lua_rawset(L, object);
    lua_settop(L, found - 1);
}

static int l_off(lua_State *L)
{
    struct script *s = script_of(L);

    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_isnoneornil(L, 2)) {
        remove_all(L);
    } else if (read_args(s, L, false)) {
        if (lua_isnil(L, 3)) {
            lua_pushnil(L);
            lua_rawset(L, 1);
        } else {
            remove_entry(L, 1, 4, 3);
        }
    }
    lua_settop(L, 1);
    return 1;
}

/* listeners(object, name): their functions, in a list. */
static int l_listeners(lua_State *L)
{
    if (!read_args(script_of(L), L, false)) {
        lua_newtable(L);
        return 1;
    }
    lua_rawget(L, 1);
    int count = push_copy(L, lua_gettop(L));
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_istable(L, -1)) {
            lua_rawgeti(L, -1, 1);
            lua_rawseti(L, -3, i);
        }
        lua_pop(L, 1);
    }
    return 1;
}

bool listeners_run(struct script *s, lua_State *L, int object, int key, int found, int nargs)
{
    int first = lua_gettop(L) - nargs + 1;

    if (lua_isfunction(L, found)) {
        lua_pushvalue(L, found);
        lua_insert(L, first);
        task_start(s, L, nargs);
        return true;
    }
    if (!lua_istable(L, found)) {
        lua_pop(L, nargs);
        return false;
    }
    luaL_checkstack(L, nargs + LUA_MINSTACK, "too many arguments");
    int count = count_of(L, found);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, found, i);
        if (lua_istable(L, -1)) {
            remove_entry(L, object, key, lua_gettop(L));
            lua_rawgeti(L, -1, 1);
            lua_remove(L, -2);
        }
        for (int a = 0; a < nargs; a++)
            lua_pushvalue(L, first + a);
        task_start(s, L, nargs);
    }
    lua_pop(L, nargs);
    return true;
}

bool listeners_emit(struct script *s, lua_State *L, int object, const char *name, int nargs)
{
    int first = lua_gettop(L) - nargs + 1;
    bool any;

    lua_pushstring(L, name);
    if (!listener_key(s, L, false)) {
        lua_pop(L, nargs);
        return false;
    }
    lua_insert(L, first);
    lua_pushvalue(L, first);
    lua_rawget(L, object);
    lua_insert(L, first + 1);
    any = listeners_run(s, L, object, first, first + 1, nargs);
    lua_settop(L, first - 1);
    return any;
}

/* emit_local(object, name, ...): calls the listeners of an object. */
static int l_emit_local(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushboolean(L,
                    listeners_emit(script_of(L), L, 1, luaL_checkstring(L, 2), lua_gettop(L) - 2));
    return 1;
}

void listeners_copy(lua_State *L, int from, int to)
{
    lua_pushnil(L);
    while (lua_next(L, from)) {
        if (is_listener_key(L, -2)) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, to);
        }
        lua_pop(L, 1);
    }
}

void listeners_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    s->names_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    core_add(L, s, core, "on", l_on);
    core_add(L, s, core, "once", l_once);
    core_add(L, s, core, "off", l_off);
    core_add(L, s, core, "listeners", l_listeners);
    core_add(L, s, core, "emit_local", l_emit_local);
}
