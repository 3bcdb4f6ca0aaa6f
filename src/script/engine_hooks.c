/* script/engine_hooks.c - what scripts do to the requests of an engine: middlewares, the headers of
 * answers, ids of sessions. The same for io.engine and for what atrium.engine() returns.
 *
 * The functions that are called are of lua/engine_hooks.lua, around those of the script.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"
#include "script/engine.h"
#include "script/refusal.h"
#include "script/request.h"
#include "script/task.h"

/* A registration: the API keeps it for ever. */
struct hook {
    struct door *door;
    int fn;
};

struct asked {
    struct hook *hook;
    atr_request *request;
    atr_decision decision;
    bool initial;
};

/* The engine at index 1: a bare one, or NULL for the one beneath Socket.IO. */
static atr_engine *check_target(struct script *s, lua_State *L)
{
    bool own;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->engine_ref);
    own = lua_rawequal(L, 1, -1);
    lua_pop(L, 1);
    return own ? NULL : engine_handle(L, 1);
}

/* Registers the function at index 2. */
static struct hook *add_hook(struct script *s, lua_State *L)
{
    struct hook *hook;

    luaL_checktype(L, 2, LUA_TFUNCTION);
    check_open(s, L);
    lua_settop(L, 2);
    hook = arena_alloc(&s->door->memory, sizeof *hook);
    *hook = (struct hook){ s->door, LUA_NOREF };
    hook->fn = luaL_ref(L, LUA_REGISTRYINDEX);
    return hook;
}

/* Enters the script; refuses when it is closed, or for want of memory. */
static void ask(struct hook *hook, lua_CFunction entry, atr_request *r, atr_decision d)
{
    struct asked a = { .hook = hook, .request = r, .decision = d };
    struct script *s = hook->door->script;

    /* Without a script (it is closing) the decision stays open until the server has closed. */
    if (s && script_enter_once(s, entry, &a) < 0)
        atr_decide(s->app, d, 0, (atr_str){ 0 }, (atr_str){ 0 });
}

/* --- Middlewares --- */

static int middleware_entry(lua_State *L)
{
    struct asked *a = lua_touserdata(L, 1);
    struct script *s = a->hook->door->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, a->hook->fn);
    request_push(L, a->request);
    push_ref(L, a->decision);
    push_next(s, L, a->decision);
    task_start_with(s, L, 3, refuse_failed, a->decision, LUA_NOREF);
    return 0;
}

static void on_request(void *user, atr_request *r, atr_decision d)
{
    ask(user, middleware_entry, r, d);
}

/* engine_use(engine, function(request, decision, next)) */
static int l_use(lua_State *L)
{
    struct script *s = script_of(L);
    atr_engine *e = check_target(s, L);
    struct hook *hook = add_hook(s, L);

    if (e)
        atr_engine_use(e, on_request, hook);
    else
        atr_io_engine_use(script_io(s), on_request, hook);
    return 0;
}

static int raise_header(lua_State *L, int name)
{
    return script_error(L, "the header \"%s\" is not valid, or not yours to set",
                        lua_tostring(L, name));
}

static void set_header(lua_State *L, atr_request *r, bool first, int name, int value)
{
    int err = first ? atr_response_set_header(r, check_atr_str(L, name), check_atr_str(L, value))
                    : atr_response_add_header(r, check_atr_str(L, name), check_atr_str(L, value));

    if (err == ATR_ESYNTAX)
        raise_header(L, name);
}

/* response_set(decision, name, a text, a list of texts or nil); nothing when the client has left.
 */
static int l_response_set(lua_State *L)
{
    struct script *s = script_of(L);
    atr_request *r = atr_decision_request(s->app, check_ref(L, 1));

    lua_settop(L, 3);
    atr_str name = check_atr_str(L, 2);
    if (!r)
        return 0;
    if (lua_isnil(L, 3)) {
        (void)atr_response_set_header(r, name, (atr_str){ 0 });
    } else if (lua_istable(L, 3)) {
        for (int i = 1; i <= (int)lua_objlen(L, 3); i++) {
            lua_rawgeti(L, 3, i);
            set_header(L, r, i == 1, 2, 4);
            lua_settop(L, 3);
        }
    } else {
        set_header(L, r, true, 2, 3);
    }
    return 0;
}

static void add_pair(void *arg, atr_str name, atr_str value)
{
    lua_State *L = arg;
    int n = (int)lua_objlen(L, -1);

    lua_pushlstring(L, name.p, name.n);
    lua_rawseti(L, -2, n + 1);
    lua_pushlstring(L, value.p, value.n);
    lua_rawseti(L, -2, n + 2);
}

/* response_headers(decision): { name, value, name, value, ... }, empty when the client has left. A
 * walk that runs out of memory raises inside frames of the API, which hold nothing. */
static int l_response_headers(lua_State *L)
{
    atr_request *r = atr_decision_request(script_of(L)->app, check_ref(L, 1));

    lua_newtable(L);
    if (r)
        atr_response_headers(r, add_pair, L);
    return 1;
}

/* --- Headers of the engine's own answers --- */

/* Calls function(list, request, initial), which returns the list of the lines to send. */
static int headers_entry(lua_State *L)
{
    struct asked *a = lua_touserdata(L, 1);
    int before, bad = 0;

    lua_settop(L, 0);
    lua_newtable(L); /* [1] */
    atr_response_headers(a->request, add_pair, L);
    before = (int)lua_objlen(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->hook->fn);
    lua_pushvalue(L, 1);
    request_push(L, a->request);
    lua_pushboolean(L, a->initial);
    lua_call(L, 3, 1); /* [2] */
    luaL_checktype(L, 2, LUA_TTABLE);
    for (int i = 1; i < before; i += 2) {
        lua_rawgeti(L, 1, i);
        (void)atr_response_set_header(a->request, check_atr_str(L, 3), (atr_str){ 0 });
        lua_settop(L, 2);
    }
    for (int i = 1; i < (int)lua_objlen(L, 2); i += 2) {
        lua_rawgeti(L, 2, i);
        lua_rawgeti(L, 2, i + 1);
        if (atr_response_add_header(a->request, check_atr_str(L, 3), check_atr_str(L, 4)) < 0)
            bad = i; /* told of when the others are in */
        lua_settop(L, 2);
    }
    if (!bad)
        return 0;
    lua_rawgeti(L, 2, bad);
    return raise_header(L, 3);
}

static void on_headers(void *user, atr_request *r, int initial)
{
    struct hook *hook = user;
    struct asked a = { .hook = hook, .request = r, .initial = initial };

    if (hook->door->script)
        (void)script_enter_once(hook->door->script, headers_entry, &a); /* a failure was logged */
}

/* engine_headers(engine, function(list, request, initial)) */
static int l_headers(lua_State *L)
{
    struct script *s = script_of(L);
    atr_engine *e = check_target(s, L);
    struct hook *hook = add_hook(s, L);

    if (e)
        atr_engine_on_headers(e, on_headers, hook);
    else
        atr_io_on_headers(script_io(s), on_headers, hook);
    return 0;
}

/* --- Ids --- */

/* The result of generateId, or why it is none: logged, as the client learns nothing of it. */
static int id_entry(lua_State *L)
{
    struct task *t = lua_touserdata(L, 1);
    int err = ATR_ESYNTAX;

    if (lua_gettop(t->L) > 0 && lua_isstring(t->L, 1)) {
        lua_pushvalue(t->L, 1);
        lua_xmove(t->L, L, 1);
        err = atr_decide_id(t->script->app, t->id, check_atr_str(L, 2));
    } else {
        atr_decide(t->script->app, t->id, 0, (atr_str){ 0 }, (atr_str){ 0 });
    }
    if (err == ATR_ESYNTAX)
        return luaL_error(L, "generateId: an id is 1 to 128 visible characters without \",;\\");
    if (err == ATR_EEXISTS)
        return luaL_error(L, "generateId: \"%s\" is the id of an open session", lua_tostring(L, 2));
    return 0;
}

static void id_done(struct task *t, bool ok)
{
    if (!ok || script_enter_once(t->script, id_entry, t) < 0) /* if it is settled: a no-op */
        atr_decide(t->script->app, t->id, 0, (atr_str){ 0 }, (atr_str){ 0 });
}

static int generate_entry(lua_State *L)
{
    struct asked *a = lua_touserdata(L, 1);

    lua_rawgeti(L, LUA_REGISTRYINDEX, a->hook->fn);
    request_push(L, a->request);
    task_start_with(a->hook->door->script, L, 1, id_done, a->decision, LUA_NOREF);
    return 0;
}

static void on_generate_id(void *user, atr_request *r, atr_decision d)
{
    ask(user, generate_entry, r, d);
}

/* engine_generate_id(engine, function(request) or nil) */
static int l_generate_id(lua_State *L)
{
    struct script *s = script_of(L);
    atr_engine *e = check_target(s, L);
    struct hook *hook = lua_isnoneornil(L, 2) ? NULL : add_hook(s, L);

    if (e)
        atr_engine_on_generate_id(e, hook ? on_generate_id : NULL, hook);
    else
        atr_io_on_generate_id(script_io(s), hook ? on_generate_id : NULL, hook);
    return 0;
}

void engine_hooks_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "engine_use", l_use);
    core_add(L, s, core, "engine_headers", l_headers);
    core_add(L, s, core, "engine_generate_id", l_generate_id);
    core_add(L, s, core, "response_set", l_response_set);
    core_add(L, s, core, "response_headers", l_response_headers);
}
