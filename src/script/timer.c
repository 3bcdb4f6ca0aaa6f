/* script/timer.c - timers of scripts: timer.after(), timer.every().
 *
 * A timer lives until it fired (once) or was stopped, whether or not the script keeps its handle,
 * which is a userdata holding an id.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "script/task.h"

struct script_timer {
    struct script *script;
    uint64_t id; /* in script->timers */
    atr_ref ref; /* the API's */
    int fn;      /* in the registry */
    bool repeats;
};

static void timer_free(struct script_timer *t)
{
    struct script *s = t->script;

    id_remove(&s->timers, t->id);
    luaL_unref(s->L, LUA_REGISTRYINDEX, t->fn);
    mem_free(t);
}

static int fire_entry(lua_State *L)
{
    struct script_timer *t = lua_touserdata(L, 1);
    struct script *s = t->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, t->fn);
    if (!t->repeats)
        timer_free(t); /* before the handler, which may stop it */
    task_start(s, L, 0);
    return 0;
}

static void on_fire(void *user)
{
    struct script_timer *t = user;
    struct script *s = t->script;
    bool before = background_set(s, true);

    (void)script_enter_once(s, fire_entry, t); /* a failure was logged */
    s->background = before;
}

/* timer_start(ms, fn, repeat) */
static int l_start(lua_State *L)
{
    struct script *s = script_of(L);
    uint32_t ms = check_ms(L, 1);
    bool repeats = lua_toboolean(L, 3);
    uint64_t *handle;
    int fn;

    luaL_checktype(L, 2, LUA_TFUNCTION);
    check_open(s, L);
    if (repeats && ms == 0)
        ms = 1; /* as setInterval does */
    handle = lua_newuserdata(L, sizeof *handle);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 2);
    fn = luaL_ref(L, LUA_REGISTRYINDEX);
    struct script_timer *t = mem_alloc(sizeof *t);
    *t = (struct script_timer){ .script = s, .fn = fn, .repeats = repeats };
    *handle = t->id = id_add(&s->timers, t);
    t->ref = atr_timer_start(s->app, ms, repeats ? ms : 0, on_fire, t);
    return 1;
}

/* timer_stop(timer): nil is fine, as clearTimeout(undefined) is. */
static int l_stop(lua_State *L)
{
    struct script *s = script_of(L);
    struct script_timer *t;
    bool is = false;

    if (lua_isnoneornil(L, 1))
        return 0;
    if (lua_getmetatable(L, 1)) {
        is = lua_rawequal(L, -1, lua_upvalueindex(2));
        lua_pop(L, 1);
    }
    luaL_argcheck(L, is, 1, "timer expected");
    t = id_get(&s->timers, *(uint64_t *)lua_touserdata(L, 1));
    if (!t)
        return 0;
    atr_timer_stop(s->app, t->ref);
    timer_free(t);
    return 0;
}

void timers_close(struct script *s)
{
    for (uint32_t i = 0; i < s->timers.cap; i++) {
        struct script_timer *t = s->timers.slots[i].object;

        if (!t)
            continue;
        atr_timer_stop(s->app, t->ref);
        timer_free(t);
    }
    id_table_free(&s->timers);
}

static void add(lua_State *L, struct script *s, int core, const char *name, lua_CFunction fn)
{
    lua_pushlightuserdata(L, s);
    lua_getfield(L, core, "timer_type");
    lua_pushcclosure(L, fn, 2);
    lua_setfield(L, core, name);
}

void timer_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    lua_setfield(L, core, "timer_type");
    add(L, s, core, "timer_start", l_start);
    add(L, s, core, "timer_stop", l_stop);
}
