/* script/rewrite.c - see rewrite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/rewrite.h"

enum { LOG_ERROR_LEVEL = 3 };

void rewrite_out(struct script *s, lua_State *L, int *first, int *last)
{
    int top = lua_gettop(L), count = *last - *first + 1;

    if (s->replacer_ref == LUA_NOREF)
        return;
    luaL_checkstack(L, count + LUA_MINSTACK, "too many arguments");
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->replacer_ref);
    for (int i = *first; i <= *last; i++)
        lua_pushvalue(L, i);
    lua_call(L, count, LUA_MULTRET);
    *first = top + 1;
    *last = lua_gettop(L);
}

/* Outside a task: what it may take of memory is limited as if it were in one. */
static int revive(struct script *s, lua_State *L, int count)
{
    bool outer = s->reviving;

    s->reviving = true;
    int err = lua_pcall(L, count, LUA_MULTRET, 0);
    s->reviving = outer;
    return err;
}

int rewrite_in(struct script *s, lua_State *L, int count, atr_str name)
{
    int below = lua_gettop(L) - count;

    if (s->reviver_ref == LUA_NOREF)
        return count;
    luaL_checkstack(L, LUA_MINSTACK, "too many arguments");
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->reviver_ref);
    lua_insert(L, below + 1);
    if (name.p) {
        lua_pushlstring(L, name.p, name.n);
        lua_insert(L, below + 2);
        count++;
    }
    if (revive(s, L, count)) {
        s->errors++;
        atr_handler_failed(s->app);
        atr_log(s->app, LOG_ERROR_LEVEL, "script-error", lua_tostring(L, -1));
        lua_settop(L, below);
        return -1;
    }
    if (name.p && lua_gettop(L) > below)
        lua_remove(L, below + 1); /* the event stays the one it was */
    return lua_gettop(L) - below;
}

/* set_rewriter("replacer" or "reviver", function or false) */
static int l_set_rewriter(lua_State *L)
{
    static const char *const names[] = { "replacer", "reviver", NULL };
    struct script *s = script_of(L);
    int *const refs[] = { &s->replacer_ref, &s->reviver_ref };
    int *ref = refs[luaL_checkoption(L, 1, NULL, names)];

    lua_settop(L, 2);
    luaL_unref(L, LUA_REGISTRYINDEX, *ref);
    *ref = LUA_NOREF;
    if (lua_toboolean(L, 2))
        *ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

void rewrite_open(lua_State *L, struct script *s, int core)
{
    s->replacer_ref = s->reviver_ref = LUA_NOREF;
    core_add(L, s, core, "set_rewriter", l_set_rewriter);
}
