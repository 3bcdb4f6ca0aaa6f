/* script/support.c - small helpers for arguments and results of C functions that scripts call.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/state.h"

/* Pushes "file:line: " of the innermost function that is neither C nor ours. */
static void push_place(lua_State *L)
{
    lua_Debug frame;

    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0 || strncmp(frame.source, "@atrium/", 8) == 0)
            continue;
        lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
        return;
    }
    lua_pushliteral(L, "");
}

int script_error(lua_State *L, const char *format, ...)
{
    va_list args;

    push_place(L);
    va_start(args, format);
    lua_pushvfstring(L, format, args);
    va_end(args);
    lua_concat(L, 2);
    return lua_error(L);
}

void check_open(struct script *s, lua_State *L)
{
    if (s->closing)
        script_error(L, "the script is closing");
}

str check_str(lua_State *L, int idx)
{
    str s;

    s.p = luaL_checklstring(L, idx, &s.n);
    return s;
}

uint32_t check_ms(lua_State *L, int idx)
{
    lua_Number ms = luaL_checknumber(L, idx);

    luaL_argcheck(L, ms >= 0 && ms <= INT32_MAX, idx, "milliseconds from 0 to 2147483647 expected");
    return (uint32_t)ms;
}

void push_ref(lua_State *L, uint64_t ref)
{
    lua_pushlstring(L, (const char *)&ref, sizeof ref);
}

uint64_t check_ref(lua_State *L, int idx)
{
    str s = check_str(L, idx);
    uint64_t ref;

    luaL_argcheck(L, s.n == sizeof ref, idx, "not a ref");
    memcpy(&ref, s.p, sizeof ref);
    return ref;
}

void set_pair(void *arg, atr_str name, atr_str value)
{
    lua_State *L = arg;

    lua_pushlstring(L, name.p, name.n);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, value.p, value.n);
    } else {
        lua_pushliteral(L, ", ");
        lua_pushlstring(L, value.p, value.n);
        lua_concat(L, 3);
    }
    lua_rawset(L, -3);
}

void push_json(struct script *s, lua_State *L, atr_str text)
{
    if (text.n == 0 || decode_value(&s->decoder, L, (str){ text.p, text.n }, NULL) < 0)
        lua_pushnil(L);
}
