/* script/handover.c - what a script does when its clients go on in another process.
 *
 * Start reading at l_on_handover().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"
#include "script/task.h"

struct carrying {
    struct script *script;
    atr_writer *writer; /* of save */
    atr_str json;       /* of restore */
};

/* The function at a ref, called at once: it cannot wait. */
static void push_call(lua_State *L, int ref)
{
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}

static int save_entry(lua_State *L)
{
    struct carrying *c = lua_touserdata(L, 1);
    struct script *s = c->script;
    struct encoder *e;
    int failed;

    push_call(L, s->save_ref);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1))
        return 0;
    e = encoder_take(s, L);
    e->plain = true;
    failed = encode_value(e, L, lua_gettop(L));
    e->plain = false;
    if (failed)
        return encode_raise(e, L);
    atr_write_json(c->writer, encoder_data(e).json);
    return 0;
}

static int save(void *user, atr_writer *w)
{
    struct carrying c = { .script = user, .writer = w };

    return script_enter_once(c.script, save_entry, &c) < 0 ? ATR_ESCRIPT : 0;
}

static int restore_entry(lua_State *L)
{
    struct carrying *c = lua_touserdata(L, 1);
    struct script *s = c->script;

    push_call(L, s->restore_ref);
    push_json(s, L, c->json);
    lua_call(L, 1, 0);
    return 0;
}

static int restore(void *user, atr_str json)
{
    struct carrying c = { .script = user, .json = json };

    if (c.script->restore_ref == LUA_NOREF)
        return 0;
    return script_enter_once(c.script, restore_entry, &c) < 0 ? ATR_ESCRIPT : 0;
}

static void keep(lua_State *L, int idx, int *ref)
{
    luaL_unref(L, LUA_REGISTRYINDEX, *ref);
    *ref = LUA_NOREF;
    if (!lua_toboolean(L, idx))
        return;
    lua_pushvalue(L, idx);
    *ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void check_function(lua_State *L, int idx)
{
    if (!lua_isnoneornil(L, idx) && !lua_isfunction(L, idx))
        luaL_argerror(L, idx, "function expected");
}

/* on_handover(save, restore): either may be nil. */
static int l_on_handover(lua_State *L)
{
    struct script *s = script_of(L);

    check_function(L, 1);
    check_function(L, 2);
    lua_settop(L, 2);
    check_open(s, L);
    keep(L, 1, &s->save_ref);
    keep(L, 2, &s->restore_ref);
    atr_app_on_handover(s->app, s->save_ref == LUA_NOREF ? NULL : save, restore, s);
    return 0;
}

/* Handlers that wait; none of ours runs while this is asked. */
static size_t busy(void *user)
{
    const struct script *s = user;

    return s->task_count - s->idle_count - s->background_count;
}

void handover_open(lua_State *L, struct script *s, int core)
{
    s->save_ref = s->restore_ref = LUA_NOREF;
    core_add(L, s, core, "on_handover", l_on_handover);
    atr_app_on_busy(s->app, busy, s);
}

void handover_close(struct script *s)
{
    atr_app_on_handover(s->app, NULL, NULL, NULL);
    atr_app_on_busy(s->app, NULL, NULL);
}
