/* script/server.c - the Socket.IO server as a whole: settings, allowRequest, connection errors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/listeners.h"
#include "script/refusal.h"
#include "script/request.h"
#include "script/task.h"

/* configure(name, value): a setting of the application. */
static int l_configure(lua_State *L)
{
    struct script *s = script_of(L);
    struct encoder *e = encoder_take(s, L);
    atr_str name = check_atr_str(L, 1);
    char why[ATR_WHY_BYTES];

    e->plain = true;
    int err = encode_value(e, L, 2);
    e->plain = false;
    if (err)
        return encode_raise(e, L);
    if (atr_app_set(s->app, name, encoder_data(e).json, ATR_SCRIPT, why) < 0)
        return script_error(L, "%s", why);
    return 0;
}

struct asked {
    struct script *script;
    int fn;
    atr_request *request;
    atr_decision decision;
};

static int allow_entry(lua_State *L)
{
    struct asked *a = lua_touserdata(L, 1);
    struct script *s = a->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->allow_ref);
    request_push(L, a->request);
    push_next(s, L, a->decision);
    task_start_with(s, L, 2, refuse_failed, a->decision, LUA_NOREF);
    return 0;
}

static void on_allow_request(void *user, atr_request *r, atr_decision d)
{
    struct asked a = { .script = user, .request = r, .decision = d };

    if (script_enter_once(a.script, allow_entry, &a) < 0)
        atr_decide(a.script->app, d, 0, ATR_STR("refused"), (atr_str){ 0 });
}

/* allow_request(function(request, next)) */
static int l_allow_request(lua_State *L)
{
    struct script *s = script_of(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    check_open(s, L);
    lua_settop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, s->allow_ref);
    s->allow_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    atr_io_on_allow_request(script_io(s), on_allow_request, s);
    return 0;
}

static int connection_error_entry(lua_State *L)
{
    struct connection_error *e = lua_touserdata(L, 1);
    struct script *s = e->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, e->object_ref); /* [2] */
    connection_error_push(L, e);
    listeners_emit(s, L, 2, "connection_error", 1);
    return 0;
}

void connection_error_emit(struct connection_error *e)
{
    (void)script_enter_once(e->script, connection_error_entry, e); /* a failure was logged */
}

static void on_connection_error(void *user, atr_request *r, int code, const char *message,
                                const char *context)
{
    struct script *s = user;
    struct connection_error e = { s, s->engine_ref, r, code, message, context };

    connection_error_emit(&e);
}

struct app_event {
    struct script *script;
    const char *event, *text;
};

static int app_event_entry(lua_State *L)
{
    struct app_event *e = lua_touserdata(L, 1);

    lua_rawgeti(L, LUA_REGISTRYINDEX, e->script->module_ref);
    if (e->text)
        lua_pushstring(L, e->text);
    listeners_emit(e->script, L, 2, e->event, e->text != NULL);
    return 0;
}

void server_tell(struct script *s, const char *event, const char *text)
{
    struct app_event e = { s, event, text };
    bool before = background_set(s, true);

    (void)script_enter_once(s, app_event_entry, &e); /* a failure was logged */
    s->background = before;
}

/* server(io, engine, module): the objects that get the server's own events. */
static int l_server(lua_State *L)
{
    struct script *s = script_of(L);

    lua_settop(L, 3);
    s->module_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    s->engine_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    s->server_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int l_watch_errors(lua_State *L)
{
    struct script *s = script_of(L);

    check_open(s, L);
    atr_io_on_connection_error(script_io(s), on_connection_error, s);
    return 0;
}

static int l_close(lua_State *L)
{
    struct script *s = script_of(L);

    atr_io_close(script_io(s));
    return 0;
}

static int l_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)atr_app_now(script_of(L)->app));
    return 1;
}

static int l_ready(lua_State *L)
{
    atr_app_ready(script_of(L)->app);
    return 0;
}

void server_close(struct script *s)
{
    if (!s->io)
        return;
    atr_io_on_allow_request(s->io, NULL, NULL);
    atr_io_on_connection_error(s->io, NULL, NULL);
}

void server_open(lua_State *L, struct script *s, int core)
{
    s->allow_ref = LUA_NOREF;
    core_add(L, s, core, "configure", l_configure);
    core_add(L, s, core, "allow_request", l_allow_request);
    core_add(L, s, core, "server", l_server);
    core_add(L, s, core, "watch_errors", l_watch_errors);
    core_add(L, s, core, "close", l_close);
    core_add(L, s, core, "now", l_now);
    core_add(L, s, core, "ready", l_ready);
}
