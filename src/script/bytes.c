/* script/bytes.c - binary values of scripts.
 *
 * A userdata whose block is the content itself, so its length is the block's. The metatable is the
 * type: it is locked, and what has it was made here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/bytes.h"

#include <lauxlib.h>

#include "script/state.h"

void bytes_push(lua_State *L, const struct value_types *types, str s)
{
    void *p = lua_newuserdata(L, s.n);

    if (s.n)
        memcpy(p, s.p, s.n);
    lua_rawgeti(L, LUA_REGISTRYINDEX, types->bytes_ref);
    lua_setmetatable(L, -2);
}

str bytes_at(lua_State *L, int idx, const struct value_types *types)
{
    bool is;

    if (lua_type(L, idx) != LUA_TUSERDATA || !lua_getmetatable(L, idx))
        return (str){ 0 };
    is = lua_topointer(L, -1) == types->bytes;
    lua_pop(L, 1);
    if (!is)
        return (str){ 0 };
    return (str){ lua_touserdata(L, idx), lua_objlen(L, idx) };
}

/* In the functions below the first upvalue is the metatable. */
static str check(lua_State *L, int idx)
{
    str s = { 0 };

    if (lua_type(L, idx) == LUA_TSTRING) {
        s.p = lua_tolstring(L, idx, &s.n);
    } else if (lua_type(L, idx) == LUA_TUSERDATA && lua_getmetatable(L, idx)) {
        if (lua_rawequal(L, -1, lua_upvalueindex(1)))
            s = (str){ lua_touserdata(L, idx), lua_objlen(L, idx) };
        lua_pop(L, 1);
    }
    if (!s.p)
        luaL_typerror(L, idx, "bytes");
    return s;
}

static void push(lua_State *L, str s)
{
    void *p = lua_newuserdata(L, s.n);

    if (s.n)
        memcpy(p, s.p, s.n);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
}

static int l_new(lua_State *L)
{
    push(L, check(L, 1));
    return 1;
}

static int l_is(lua_State *L)
{
    bool is = false;

    if (lua_type(L, 1) == LUA_TUSERDATA && lua_getmetatable(L, 1))
        is = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pushboolean(L, is);
    return 1;
}

static int l_tostring(lua_State *L)
{
    str s = check(L, 1);

    lua_pushlstring(L, s.p, s.n);
    return 1;
}

static int l_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L, 1).n);
    return 1;
}

static int l_eq(lua_State *L)
{
    lua_pushboolean(L, str_eq(check(L, 1), check(L, 2)));
    return 1;
}

static int l_concat(lua_State *L)
{
    str a = check(L, 1), b = check(L, 2);
    char *p = lua_newuserdata(L, a.n + b.n);

    if (a.n)
        memcpy(p, a.p, a.n);
    if (b.n)
        memcpy(p + a.n, b.p, b.n);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return 1;
}

/* Positions as string.sub takes them: from 1, negative ones from the end; cut to what is there. */
static str cut(str s, lua_Integer from, lua_Integer to)
{
    lua_Integer n = (lua_Integer)s.n;

    if (from < 0)
        from = from + n + 1;
    if (to < 0)
        to = to + n + 1;
    if (from < 1)
        from = 1;
    if (to > n)
        to = n;
    return from > to ? (str){ s.p, 0 } : (str){ s.p + from - 1, (size_t)(to - from + 1) };
}

static int l_sub(lua_State *L)
{
    str s = check(L, 1);

    push(L, cut(s, luaL_optinteger(L, 2, 1), luaL_optinteger(L, 3, -1)));
    return 1;
}

static int l_byte(lua_State *L)
{
    str s = check(L, 1);
    lua_Integer from = luaL_optinteger(L, 2, 1);
    str part = cut(s, from, luaL_optinteger(L, 3, from));

    if (part.n > INT32_MAX)
        return script_error(L, "string slice too long");
    luaL_checkstack(L, (int)part.n, "string slice too long");
    for (size_t i = 0; i < part.n; i++)
        lua_pushinteger(L, (unsigned char)part.p[i]);
    return (int)part.n;
}

static void method(lua_State *L, int metatable, int table, const char *name, lua_CFunction fn)
{
    lua_pushvalue(L, metatable);
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, table, name);
}

void bytes_open(lua_State *L, struct value_types *types, int core)
{
    lua_newtable(L);
    int metatable = lua_gettop(L);

    method(L, metatable, metatable, "__len", l_len);
    method(L, metatable, metatable, "__eq", l_eq);
    method(L, metatable, metatable, "__tostring", l_tostring);
    method(L, metatable, metatable, "__concat", l_concat);
    lua_pushliteral(L, "atrium.bytes");
    lua_setfield(L, metatable, "__name");
    lua_pushboolean(L, 0); /* locked: the type cannot be forged */
    lua_setfield(L, metatable, "__metatable");
    lua_newtable(L);
    int methods = lua_gettop(L);
    method(L, metatable, methods, "tostring", l_tostring);
    method(L, metatable, methods, "len", l_len);
    method(L, metatable, methods, "sub", l_sub);
    method(L, metatable, methods, "byte", l_byte);
    lua_setfield(L, metatable, "__index");
    types->bytes = lua_topointer(L, metatable);
    lua_pushvalue(L, metatable);
    types->bytes_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    method(L, metatable, core, "bytes", l_new);
    method(L, metatable, core, "is_bytes", l_is);
    lua_settop(L, metatable - 1);
}
