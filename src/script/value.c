/* script/value.c - the Lua side of values: atrium.null, atrium.array, atrium.json.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/value.h"

#include <lauxlib.h>

#include "script/bytes.h"
#include "script/state.h"

/* array(t): marks t, a new table without one. First upvalue: the metatable of arrays. */
static int l_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, 1);
    return 1;
}

static int l_encode(lua_State *L)
{
    struct script *s = script_of(L);
    struct encoder *e = encoder_take(s, L);

    luaL_checkany(L, 1);
    e->plain = true;
    int err = encode_value(e, L, 1);
    e->plain = false;
    if (err)
        return encode_raise(e, L);
    lua_pushlstring(L, (const char *)e->out.data, e->out.len);
    return 1;
}

static int l_decode(lua_State *L)
{
    struct script *s = script_of(L);
    str text;

    text.p = luaL_checklstring(L, 1, &text.n);
    switch (json_check(text, JSON_DEPTH)) {
    case 0:
        break;
    case ATR_EENCODING:
        return script_error(L, "JSON text is not valid UTF-8");
    case ATR_ELIMIT:
        return script_error(L, "JSON text is nested too deeply");
    default:
        return script_error(L, "not valid JSON");
    }
    if (decode_value(&s->decoder, L, text, NULL) < 0)
        return script_error(L, "not valid JSON");
    return 1;
}

void value_open(lua_State *L, struct script *s, int core)
{
    lua_createtable(L, 0, 2);
    s->types.array = lua_topointer(L, -1);
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__name");
    lua_pushvalue(L, -1);
    s->types.array_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcclosure(L, l_array, 1);
    lua_setfield(L, core, "array");

    bytes_open(L, &s->types, core);

    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, core, "null");

    lua_createtable(L, 0, 3);
    core_add(L, s, lua_gettop(L), "encode", l_encode);
    core_add(L, s, lua_gettop(L), "decode", l_decode);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_setfield(L, core, "json");
}
