/* script/engine.c - bare Engine.IO servers of scripts: atrium.engine{}.
 *
 * A server and its sockets are Lua tables: [1] is the server's index in script->engines, or the
 * socket's slot in the server. The API keeps no user pointer per socket, so a table from its ref to
 * the slot stands between; slots lead to refs, as with Socket.IO.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/engine.h"

#include "base/mem.h"
#include "script/bytes.h"
#include "script/listeners.h"
#include "script/pace.h"
#include "script/refusal.h"
#include "script/request.h"

/* Lives for ever, as the API may call it for as long. */
struct engine {
    struct list link;      /* in script->engines */
    struct script *script; /* NULL: the script was closed */
    atr_engine *handle;
    int object_ref;  /* the server's table */
    int sockets_ref; /* ref to socket, both ways keyed by the ref's eight bytes */
    int allow_ref;
    struct source_kind source;
};

/* --- Sockets: { ref as a string, or false when gone, ..., server = engine's light userdata } ---
 */

static void push_socket(struct engine *e, lua_State *L, const atr_engine_socket *socket)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->sockets_ref);
    push_ref(L, atr_engine_socket_ref(socket));
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

struct news {
    struct engine *engine;
    atr_engine_socket *socket;
    atr_str data;
    int binary;
    const char *event, *reason, *description;
};

static void tell(struct news *n, lua_CFunction entry)
{
    if (n->engine->script)
        (void)script_enter_once(n->engine->script, entry, n); /* a failure was logged */
}

static int connection_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct engine *e = n->engine;
    struct script *s = e->script;
    atr_str id = atr_engine_socket_id(n->socket);

    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->object_ref);  /* [1] */
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->sockets_ref); /* [2] */
    push_ref(L, atr_engine_socket_ref(n->socket));     /* [3] */
    lua_createtable(L, (int)s->socket_width, 2);       /* [4] */
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->engine_socket_type_ref);
    lua_setmetatable(L, 4);
    lua_pushvalue(L, 3);
    lua_rawseti(L, 4, 1);
    lua_pushlstring(L, id.p, id.n);
    lua_setfield(L, 4, "id");
    lua_pushvalue(L, 1);
    lua_setfield(L, 4, "server");
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 4);
    lua_rawset(L, 2);
    gc_owe(s);
    listeners_emit(s, L, 1, "connection", 1);
    return 0;
}

static void on_connection(void *user, atr_engine_socket *socket)
{
    struct news n = { .engine = user, .socket = socket };

    tell(&n, connection_entry);
}

static int message_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct script *s = n->engine->script;

    push_socket(n->engine, L, n->socket); /* [2] */
    if (!lua_istable(L, 2))
        return 0;
    if (n->binary)
        bytes_push(L, &s->types, (str){ n->data.p, n->data.n });
    else
        lua_pushlstring(L, n->data.p, n->data.n);
    listeners_emit(s, L, 2, "message", 1);
    return 0;
}

static void read_on(const struct source_kind *kind, atr_app *app, atr_ref ref, bool on)
{
    const struct engine *e = container_of(kind, struct engine, source);
    atr_engine_socket *socket = atr_engine_socket_find(e->handle, ref);

    (void)app;
    if (socket)
        (on ? atr_engine_socket_resume : atr_engine_socket_pause)(socket);
}

static void on_message(void *user, atr_engine_socket *socket, atr_str data, int binary)
{
    struct news n = { .engine = user, .socket = socket, .data = data, .binary = binary };
    struct script *s = n.engine->script;

    if (!s)
        return;
    struct source before = source_set(s, &n.engine->source, atr_engine_socket_ref(socket));
    tell(&n, message_entry);
    s->source = before;
}

static int event_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct engine *e = n->engine;
    bool close = n->reason != NULL;

    push_socket(e, L, n->socket); /* [2] */
    if (!lua_istable(L, 2))
        return 0;
    if (close) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, e->sockets_ref);
        lua_rawgeti(L, 2, 1);
        lua_pushnil(L);
        lua_rawset(L, -3);
        lua_pop(L, 1);
        lua_pushboolean(L, 0);
        lua_rawseti(L, 2, 1);
        lua_pushstring(L, n->reason);
        lua_pushstring(L, n->description);
        gc_owe(e->script);
    }
    listeners_emit(e->script, L, 2, n->event, close ? 2 : 0);
    return 0;
}

static void on_close(void *user, atr_engine_socket *socket, const char *reason,
                     const char *description)
{
    struct news n = { .engine = user,
                      .socket = socket,
                      .event = "close",
                      .reason = reason,
                      .description = description };

    tell(&n, event_entry);
}

static void on_upgrade(void *user, atr_engine_socket *socket)
{
    struct news n = { .engine = user, .socket = socket, .event = "upgrade" };

    tell(&n, event_entry);
}

static void on_drain(void *user, atr_engine_socket *socket)
{
    struct news n = { .engine = user, .socket = socket, .event = "drain" };

    tell(&n, event_entry);
}

/* --- Servers --- */

static struct engine *check_engine(lua_State *L, int idx)
{
    struct script *s = script_of(L);
    const void *p;
    struct list *at, *next;

    luaL_checktype(L, idx, LUA_TTABLE);
    lua_rawgeti(L, idx, 1);
    p = lua_touserdata(L, -1);
    lua_pop(L, 1);
    list_each(at, next, &s->engines)
    { /* a few at most; what a script forges is not found */
        struct engine *e = container_of(at, struct engine, link);
        if (e == p)
            return e;
    }
    luaL_argerror(L, idx, "Engine.IO server expected");
    return NULL;
}

atr_engine *engine_handle(lua_State *L, int idx)
{
    return check_engine(L, idx)->handle;
}

/* The API's socket of the socket table at index 1; NULL: gone. */
static atr_engine_socket *check_socket(lua_State *L)
{
    atr_engine_socket *socket = NULL;

    if (!lua_istable(L, 1))
        script_error(L, "socket expected (call it with a colon: socket:method(...))");
    lua_rawgeti(L, 1, 1);
    if (lua_type(L, -1) == LUA_TSTRING) {
        uint64_t ref = check_ref(L, lua_gettop(L));
        lua_getfield(L, 1, "server");
        socket = atr_engine_socket_find(check_engine(L, lua_gettop(L))->handle, ref);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return socket;
}

/* engine_send(socket, string or bytes[, key]) */
static int l_send(lua_State *L)
{
    struct script *s = script_of(L);
    atr_engine_socket *socket = check_socket(L);
    str bytes = bytes_at(L, 2, &s->types);
    atr_str data = bytes.p ? atr_str_of(bytes) : check_atr_str(L, 2);
    atr_str key = lua_isnoneornil(L, 3) ? (atr_str){ 0 } : check_atr_str(L, 3);

    if (socket) /* a closed one is told by "close" */
        (void)atr_engine_send_key(socket, data, bytes.p != NULL, key);
    lua_settop(L, 1);
    return socket ? pace(L, s) : 1;
}

static int l_socket_close(lua_State *L)
{
    atr_engine_socket *socket = check_socket(L);

    if (socket)
        atr_engine_socket_close(socket, lua_toboolean(L, 2));
    return 0;
}

static int l_transport(lua_State *L)
{
    atr_engine_socket *socket = check_socket(L);

    if (!socket)
        return 0;
    lua_pushstring(L, atr_engine_socket_transport(socket));
    return 1;
}

static int l_protocol(lua_State *L)
{
    atr_engine_socket *socket = check_socket(L);

    if (!socket)
        return 0;
    lua_pushinteger(L, atr_engine_socket_protocol(socket));
    return 1;
}

static int l_handed_over(lua_State *L)
{
    atr_engine_socket *socket = check_socket(L);

    lua_pushboolean(L, socket && atr_engine_socket_handed_over(socket));
    return 1;
}

static int l_buffered(lua_State *L)
{
    atr_engine_socket *socket = check_socket(L);

    lua_pushnumber(L, socket ? (lua_Number)atr_engine_socket_buffered(socket) : 0);
    return 1;
}

static void on_connection_error(void *user, atr_request *r, int code, const char *message,
                                const char *context)
{
    struct engine *e = user;
    struct connection_error error = { e->script, e->object_ref, r, code, message, context };

    connection_error_emit(&error);
}

struct asked {
    struct engine *engine;
    atr_request *request;
    atr_decision decision;
};

static int allow_entry(lua_State *L)
{
    struct asked *a = lua_touserdata(L, 1);
    struct script *s = a->engine->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, a->engine->allow_ref);
    request_push(L, a->request);
    push_next(s, L, a->decision);
    task_start_with(s, L, 2, refuse_failed, a->decision, LUA_NOREF);
    return 0;
}

static void on_allow_request(void *user, atr_request *r, atr_decision d)
{
    struct asked a = { user, r, d };
    struct script *s = a.engine->script;

    if (script_enter_once(s, allow_entry, &a) < 0)
        atr_decide(s->app, d, 0, ATR_STR("refused"), (atr_str){ 0 });
}

static const atr_engine_handlers handlers = {
    .size = sizeof(atr_engine_handlers),
    .on_connection = on_connection,
    .on_message = on_message,
    .on_close = on_close,
    .on_upgrade = on_upgrade,
    .on_drain = on_drain,
};

/* engine(object, options, allowRequest or nil): opens the server that object stands for. */
static int l_engine(lua_State *L)
{
    struct script *s = script_of(L);
    struct encoder *encoder = encoder_take(s, L);
    char why[ATR_WHY_BYTES];

    luaL_checktype(L, 1, LUA_TTABLE);
    check_open(s, L);
    lua_settop(L, 3);
    encoder->plain = true;
    int err = encode_value(encoder, L, 2);
    encoder->plain = false;
    if (err)
        return encode_raise(encoder, L);
    lua_newtable(L);
    int sockets_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    int allow_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, 1);
    int object_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    struct engine *e = arena_alloc(&s->door->memory, sizeof *e);
    *e = (struct engine){
        .script = s,
        .object_ref = object_ref,
        .sockets_ref = sockets_ref,
        .allow_ref = allow_ref,
        .source = { read_on },
    };
    e->handle = atr_engine_new(s->app, encoder_data(encoder).json, &handlers, e, why);
    if (!e->handle)
        return script_error(L, "%s", why);
    list_init(&e->link);
    list_append(&s->engines, &e->link);
    if (allow_ref != LUA_REFNIL)
        atr_engine_on_allow_request(e->handle, on_allow_request, e);
    atr_engine_on_connection_error(e->handle, on_connection_error, e);
    lua_pushlightuserdata(L, e);
    lua_rawseti(L, 1, 1);
    return 0;
}

static int l_engine_close(lua_State *L)
{
    atr_engine_close(check_engine(L, 1)->handle);
    return 0;
}

static int l_engine_count(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)atr_engine_count(check_engine(L, 1)->handle));
    return 1;
}

void engines_close(struct script *s)
{
    struct list *at, *next;

    list_each(at, next, &s->engines)
    {
        struct engine *e = container_of(at, struct engine, link);
        atr_engine_on_allow_request(e->handle, NULL, NULL);
        atr_engine_on_connection_error(e->handle, NULL, NULL);
        e->script = NULL;
    }
}

void engine_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    lua_pushvalue(L, -1);
    s->engine_socket_type_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, core, "engine_socket_type");
    core_add(L, s, core, "open_engine", l_engine);
    core_add(L, s, core, "engine_close", l_engine_close);
    core_add(L, s, core, "engine_count", l_engine_count);
    core_add(L, s, core, "engine_send", l_send);
    core_add(L, s, core, "engine_socket_close", l_socket_close);
    core_add(L, s, core, "engine_transport", l_transport);
    core_add(L, s, core, "engine_protocol", l_protocol);
    core_add(L, s, core, "engine_buffered", l_buffered);
    core_add(L, s, core, "engine_handed_over", l_handed_over);
}
