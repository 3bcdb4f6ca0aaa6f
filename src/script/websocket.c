/* script/websocket.c - plain WebSocket endpoints of scripts: atrium.websocket(path, options), and
 * what their functions are told. What scripts do to connections is in websocket_calls.c.
 *
 * A connection is a Lua table whose [1] is its ref, which finds nothing any more once it has gone.
 * The API's user pointer leads back to the table, as its place in `sockets_ref`.
 *
 * Start reading at l_open() and message_entry().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/bytes.h"
#include "script/namespace.h"
#include "script/pace.h"
#include "script/request.h"

/* What the options' functions are called, in this order; refs into the registry. */
enum { ON_OPEN, ON_MESSAGE, ON_CLOSE, ON_DRAIN, ON_PONG, ALLOW, FUNCTIONS };
static const char *const function_names[FUNCTIONS] = { "onOpen",  "onMessage", "onClose",
                                                       "onDrain", "onPong",    "allow" };

/* Lives for ever, as the API may call it for as long. */
struct endpoint {
    struct door *door;
    int sockets_ref; /* place to table */
    int type_ref;    /* metatable of connections */
    int message;     /* a prepared entry */
    int functions[FUNCTIONS];
};

struct news {
    struct endpoint *endpoint;
    atr_ws *ws;
    atr_request *request;
    atr_str data;
    int binary;
    unsigned code;
    int function;
    atr_writer *state;
    atr_decision decision;
};

static int place_of(const atr_ws *ws)
{
    return (int)(intptr_t)atr_ws_user(ws);
}

static void push_ws(const struct endpoint *e, lua_State *L, const atr_ws *ws)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->sockets_ref);
    lua_rawgeti(L, -1, place_of(ws));
    lua_remove(L, -2);
}

static void tell(struct news *n, lua_CFunction entry)
{
    struct script *s = n->endpoint->door->script;

    if (s)
        (void)script_enter_once(s, entry, n); /* a failure was logged */
}

/* --- Ways in --- */

/* The connection's table, at index 2. */
static void new_table(lua_State *L, const struct news *n)
{
    struct endpoint *e = n->endpoint;

    lua_createtable(L, 1, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->type_ref);
    lua_setmetatable(L, 2);
    push_ref(L, atr_ws_ref(n->ws));
    lua_rawseti(L, 2, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->sockets_ref);
    lua_pushvalue(L, 2);
    int place = luaL_ref(L, -2);
    lua_pop(L, 1);
    atr_ws_set_user(n->ws, (void *)(intptr_t)place);
    gc_owe(e->door->script);
}

static int open_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct endpoint *e = n->endpoint;

    new_table(L, n);
    if (e->functions[ON_OPEN] == LUA_REFNIL)
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->functions[ON_OPEN]);
    lua_pushvalue(L, 2);
    request_push(L, n->request);
    task_start(e->door->script, L, 2);
    return 0;
}

static void on_open(void *user, atr_ws *ws, atr_request *r)
{
    struct news n = { .endpoint = user, .ws = ws, .request = r };

    tell(&n, open_entry);
}

static int message_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct endpoint *e = n->endpoint;
    struct script *s = e->door->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, e->functions[ON_MESSAGE]);
    push_ws(e, L, n->ws);
    if (n->binary)
        bytes_push(L, &s->types, (str){ n->data.p, n->data.n });
    else
        lua_pushlstring(L, n->data.p, n->data.n);
    lua_pushboolean(L, n->binary);
    task_start(s, L, 3);
    return 0;
}

static void read_on(const struct source_kind *kind, atr_app *app, atr_ref ref, bool on)
{
    atr_ws *ws = atr_ws_find(app, ref);

    (void)kind;
    if (ws)
        (on ? atr_ws_resume : atr_ws_pause)(ws);
}

static void on_message(void *user, atr_ws *ws, atr_str data, int binary)
{
    static const struct source_kind source = { read_on };
    struct endpoint *e = user;
    struct news n = { .endpoint = e, .ws = ws, .data = data, .binary = binary };
    struct script *s = e->door->script;

    if (!s || !place_of(ws))
        return;
    struct source before = source_set(s, &source, atr_ws_ref(ws));
    (void)script_enter(s, e->message, &n);
    s->source = before;
}

/* Takes the table at index 2 out of those that are found by their place. */
static void end_table(lua_State *L, const struct news *n)
{
    const struct endpoint *e = n->endpoint;

    lua_rawgeti(L, LUA_REGISTRYINDEX, e->sockets_ref);
    luaL_unref(L, -1, place_of(n->ws));
    lua_pushliteral(L, "open"); /* the API still finds it until we return */
    lua_pushboolean(L, 0);
    lua_rawset(L, 2);
    atr_ws_set_user(n->ws, NULL);
    gc_owe(e->door->script);
}

static int close_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct endpoint *e = n->endpoint;
    struct script *s = e->door->script;

    push_ws(e, L, n->ws); /* [2] */
    end_table(L, n);
    if (e->functions[ON_CLOSE] == LUA_REFNIL)
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->functions[ON_CLOSE]);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, (lua_Integer)n->code);
    lua_pushlstring(L, n->data.p ? n->data.p : "", n->data.n);
    task_start(s, L, 3);
    return 0;
}

static void on_close(void *user, atr_ws *ws, unsigned code, atr_str reason)
{
    struct news n = { .endpoint = user, .ws = ws, .data = reason, .code = code };

    if (place_of(ws))
        tell(&n, close_entry);
}

/* --- Hand-over: ws.data goes along, and onOpen(ws, req) runs there --- */

static int hand_over_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct script *s = n->endpoint->door->script;
    struct encoder *e;
    int failed;

    push_ws(n->endpoint, L, n->ws); /* [2] */
    end_table(L, n);
    lua_pushliteral(L, "data");
    lua_rawget(L, 2);
    if (lua_isnil(L, -1))
        return 0; /* the script never asked for it */
    e = encoder_take(s, L);
    e->plain = true;
    failed = encode_value(e, L, lua_gettop(L));
    e->plain = false;
    if (failed)
        return encode_raise(e, L); /* which is logged; it goes without */
    atr_write_json(n->state, encoder_data(e).json);
    return 0;
}

static void on_hand_over(void *user, atr_ws *ws, atr_writer *state)
{
    struct news n = { .endpoint = user, .ws = ws, .state = state };

    if (place_of(ws))
        tell(&n, hand_over_entry);
}

static int handed_over_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct endpoint *e = n->endpoint;
    struct script *s = e->door->script;

    new_table(L, n);
    lua_pushliteral(L, "handedOver");
    lua_pushboolean(L, 1);
    lua_rawset(L, 2);
    if (n->data.n) {
        lua_pushliteral(L, "data");
        push_json(s, L, n->data);
        lua_rawset(L, 2);
    }
    if (e->functions[ON_OPEN] == LUA_REFNIL)
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->functions[ON_OPEN]);
    lua_pushvalue(L, 2);
    request_push_kept(L, n->ws);
    task_start(s, L, 2);
    return 0;
}

static void on_handed_over(void *user, atr_ws *ws, atr_str state)
{
    struct news n = { .endpoint = user, .ws = ws, .data = state };

    tell(&n, handed_over_entry);
}

/* onDrain(ws), onPong(ws, payload) */
static int event_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct endpoint *e = n->endpoint;
    bool pong = n->function == ON_PONG;

    lua_rawgeti(L, LUA_REGISTRYINDEX, e->functions[n->function]);
    push_ws(e, L, n->ws);
    if (pong)
        lua_pushlstring(L, n->data.p ? n->data.p : "", n->data.n);
    task_start(e->door->script, L, 1 + pong);
    return 0;
}

static void on_drain(void *user, atr_ws *ws)
{
    struct news n = { .endpoint = user, .ws = ws, .function = ON_DRAIN };

    if (place_of(ws))
        tell(&n, event_entry);
}

static void on_pong(void *user, atr_ws *ws, atr_str payload)
{
    struct news n = { .endpoint = user, .ws = ws, .function = ON_PONG, .data = payload };

    if (place_of(ws))
        tell(&n, event_entry);
}

/* --- allow(request): true or false, the second value says why not; a text is a sub-protocol --- */

struct answer {
    struct script *script;
    lua_State *of;
    atr_decision decision;
};

/* Index 1 of the task: the first result. Texts are used before the task's stack is. */
static void on_allowed(struct task *t, bool ok)
{
    struct script *s = t->script;
    bool some = ok && lua_gettop(t->L) > 0;
    bool allow = some && lua_toboolean(t->L, 1);
    atr_str message = { 0 }, protocol = { 0 };

    if (allow && lua_type(t->L, 1) == LUA_TSTRING) {
        protocol.p = lua_tolstring(t->L, 1, &protocol.n);
        allow = atr_ws_choose(s->app, t->id, protocol) == 0;
    }
    if (!allow && some && lua_type(t->L, 2) == LUA_TSTRING)
        message.p = lua_tolstring(t->L, 2, &message.n);
    atr_decide(s->app, t->id, allow, message, (atr_str){ 0 });
}

static void add_offered(void *arg, atr_str protocol)
{
    lua_State *L = arg;

    lua_pushlstring(L, protocol.p, protocol.n);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
}

static int allow_entry(lua_State *L)
{
    struct news *n = lua_touserdata(L, 1);
    struct endpoint *e = n->endpoint;

    lua_rawgeti(L, LUA_REGISTRYINDEX, e->functions[ALLOW]);
    request_push(L, n->request);
    lua_newtable(L);
    atr_ws_offered(n->request, add_offered, L);
    lua_setfield(L, -2, "protocols");
    task_start_with(e->door->script, L, 1, on_allowed, n->decision, LUA_NOREF);
    return 0;
}

static void on_upgrade(void *user, atr_request *r, atr_decision d)
{
    struct news n = { .endpoint = user, .request = r, .decision = d };
    struct script *s = n.endpoint->door->script;

    /* Without a script (it is closing) the decision stays open until the server has closed. */
    if (s && script_enter_once(s, allow_entry, &n) < 0)
        atr_decide(s->app, d, 0, ATR_STR("Forbidden"), (atr_str){ 0 });
}

/* --- Endpoints --- */

static void read_functions(lua_State *L, int idx, struct endpoint *e)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        lua_getfield(L, idx, function_names[i]);
        if (!lua_isnil(L, -1) && !lua_isfunction(L, -1))
            script_error(L, "atrium.websocket: %s must be a function", function_names[i]);
        e->functions[i] = luaL_ref(L, LUA_REGISTRYINDEX); /* LUA_REFNIL: there is none */
    }
}

/* open_websocket(path, functions, plain options) */
static int l_open(lua_State *L)
{
    struct script *s = script_of(L);
    struct encoder *encoder = encoder_take(s, L);
    atr_str path = check_atr_str(L, 1);
    char why[ATR_WHY_BYTES];

    luaL_checktype(L, 2, LUA_TTABLE);
    check_open(s, L);
    lua_settop(L, 3);
    encoder->plain = true;
    int err = encode_value(encoder, L, 3);
    encoder->plain = false;
    if (err)
        return encode_raise(encoder, L);
    struct endpoint *e = arena_alloc(&s->door->memory, sizeof *e);
    *e = (struct endpoint){ .door = s->door, .type_ref = s->websocket_type_ref };
    read_functions(L, 2, e);
    lua_newtable(L);
    e->sockets_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    e->message = script_prepare(L, message_entry);
    atr_websocket_handlers h = ATR_WEBSOCKET_HANDLERS_INIT;
    h.on_open = on_open;
    h.on_close = on_close;
    h.on_hand_over = on_hand_over;
    h.on_handed_over = on_handed_over;
    h.on_upgrade = e->functions[ALLOW] != LUA_REFNIL ? on_upgrade : NULL;
    h.on_message = e->functions[ON_MESSAGE] != LUA_REFNIL ? on_message : NULL;
    h.on_drain = e->functions[ON_DRAIN] != LUA_REFNIL ? on_drain : NULL;
    h.on_pong = e->functions[ON_PONG] != LUA_REFNIL ? on_pong : NULL;
    atr_websocket *w = atr_websocket_new(s->app, path, encoder_data(encoder).json, &h, e, why);
    if (!w)
        return script_error(L, "%s", why);
    lua_pushlightuserdata(L, w);
    return 1;
}

void websocket_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    lua_pushvalue(L, -1);
    s->websocket_type_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, core, "websocket_type");
    core_add(L, s, core, "open_websocket", l_open);
    websocket_calls(L, s, core);
}
