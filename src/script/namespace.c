/* script/namespace.c - namespaces: io:of(), dynamic ones, middleware.
 *
 * Start reading at l_namespace() and on_middleware().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/namespace.h"

#include "base/mem.h"
#include "script/event.h"
#include "script/listeners.h"
#include "script/socket.h"
#include "script/task.h"

/* --- Objects --- */

void namespace_push(struct script *s, lua_State *L, const struct nsp *n)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsps_ref);
    lua_rawgeti(L, -1, (int)n->index);
    lua_remove(L, -2);
}

static void on_end(void *user, atr_namespace *handle);

static void handle_events(struct nsp *n)
{
    atr_namespace_handlers h;

    event_handlers(&h, n->watching);
    h.on_end = on_end;
    atr_namespace_handle(n->handle, &h, n);
}

void namespace_watch_outgoing(struct nsp *n)
{
    if (n->watching)
        return;
    n->watching = true;
    handle_events(n);
}

/* nsp_free is at or below the lowest free index. */
static uint32_t free_index(struct script *s)
{
    uint32_t i = s->nsp_free ? s->nsp_free : 1;

    while (i < s->nsp_count && s->nsps[i])
        i++;
    if (i >= s->nsp_count) {
        uint32_t count = s->nsp_count ? s->nsp_count * 2 : 8;

        s->nsps = mem_realloc(s->nsps, count * sizeof(struct nsp *));
        memset(s->nsps + s->nsp_count, 0, (count - s->nsp_count) * sizeof(struct nsp *));
        s->nsp_count = count;
    }
    s->nsp_free = i + 1;
    return i;
}

/* A child starts with the listeners that its parent has now. */
static void inherit(struct script *s, lua_State *L, struct nsp *n)
{
    atr_namespace *parent = atr_namespace_parent(n->handle);

    if (!parent)
        return;
    struct nsp *from = namespace_of(s, L, parent, NULL);
    namespace_push(s, L, from);
    namespace_push(s, L, n);
    listeners_copy(L, lua_gettop(L) - 1, lua_gettop(L));
    n->watching = from->watching;
    lua_pop(L, 2);
}

static struct nsp *namespace_new(struct script *s, lua_State *L, atr_namespace *handle)
{
    atr_str name = atr_namespace_name(handle);
    uint32_t index = free_index(s);
    struct nsp *n = mem_alloc(sizeof *n);

    *n = (struct nsp){ .script = s, .handle = handle, .index = index };
    s->nsps[index] = n;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsps_ref);
    lua_createtable(L, 4, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsp_type_ref);
    lua_setmetatable(L, -2);
    lua_pushinteger(L, (lua_Integer)index);
    lua_rawseti(L, -2, 1);
    lua_pushlstring(L, name.p, name.n);
    lua_setfield(L, -2, "name");
    lua_rawseti(L, -2, (int)index);
    lua_pop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsp_names_ref);
    lua_pushlstring(L, name.p, name.n);
    lua_pushinteger(L, (lua_Integer)index);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    inherit(s, L, n);
    handle_events(n);
    return n;
}

struct nsp *namespace_of(struct script *s, lua_State *L, atr_namespace *handle, struct nsp *guess)
{
    atr_str name;
    uint32_t index;

    if (guess && guess->handle == handle)
        return guess;
    name = atr_namespace_name(handle);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsp_names_ref);
    lua_pushlstring(L, name.p, name.n);
    lua_rawget(L, -2);
    index = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return index ? s->nsps[index] : namespace_new(s, L, handle);
}

static int end_entry(lua_State *L)
{
    struct nsp *n = lua_touserdata(L, 1);
    struct script *s = n->script;
    atr_str name = atr_namespace_name(n->handle);

    namespace_push(s, L, n);
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsps_ref);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, (int)n->index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsp_names_ref);
    lua_pushlstring(L, name.p, name.n);
    lua_pushnil(L);
    lua_rawset(L, -3);
    return 0;
}

static void on_end(void *user, atr_namespace *handle)
{
    struct nsp *n = user;
    struct script *s = n->script;

    if (n->handle != handle)
        return; /* a child that no handler has seen: it has its parent's handlers */
    (void)script_enter_once(s, end_entry, n);
    s->nsps[n->index] = NULL;
    if (n->index < s->nsp_free)
        s->nsp_free = n->index;
    mem_free(n);
}

struct nsp *check_namespace(struct script *s, lua_State *L, int idx)
{
    uint32_t index;

    luaL_checktype(L, idx, LUA_TTABLE);
    lua_rawgeti(L, idx, 1);
    index = lua_type(L, -1) == LUA_TNUMBER ? (uint32_t)lua_tointeger(L, -1) : 0;
    lua_pop(L, 1);
    if (index == 0 || index >= s->nsp_count || !s->nsps[index])
        luaL_argerror(L, idx, "namespace expected, and one that has not ended");
    return s->nsps[index];
}

/* --- Middleware --- */

/* A registration: the API keeps it for ever. */
struct hook {
    struct door *door;
    atr_app *app;
    int fn;
};

static struct hook *hook_new(struct script *s, lua_State *L, int idx)
{
    struct hook *h = arena_alloc(&s->door->memory, sizeof *h);

    lua_pushvalue(L, idx);
    *h = (struct hook){ s->door, s->app, luaL_ref(L, LUA_REGISTRYINDEX) };
    return h;
}

struct question {
    struct hook *hook;
    atr_socket *socket;
    atr_str name, auth;
    atr_decision decision;
};

static int middleware_entry(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    struct script *s = q->hook->door->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, q->hook->fn);
    socket_push(s, L, q->socket, NULL);
    push_next(s, L, q->decision);
    task_start_with(s, L, 2, refuse_failed, q->decision, LUA_NOREF);
    return 0;
}

static void on_middleware(void *user, atr_socket *socket, atr_decision d)
{
    struct question q = { .hook = user, .socket = socket, .decision = d };
    struct script *s = q.hook->door->script;

    if (!s || script_enter_once(s, middleware_entry, &q) < 0)
        atr_decide(q.hook->app, d, 0, s ? ATR_STR("refused") : ATR_STR("server is shutting down"),
                   (atr_str){ 0 });
}

/* namespace_use(namespace, fn) */
static int l_use(lua_State *L)
{
    struct script *s = script_of(L);
    struct nsp *n = check_namespace(s, L, 1);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    atr_namespace_use(n->handle, on_middleware, hook_new(s, L, 2));
    return 0;
}

/* namespace_configure(namespace, options) */
static int l_configure(lua_State *L)
{
    struct script *s = script_of(L);
    struct nsp *n = check_namespace(s, L, 1);
    struct encoder *e = encoder_take(s, L);
    char why[ATR_WHY_BYTES];

    luaL_checktype(L, 2, LUA_TTABLE);
    e->plain = true;
    int err = encode_value(e, L, 2);
    e->plain = false;
    if (err)
        return encode_raise(e, L);
    if (atr_namespace_configure(n->handle, encoder_data(e).json, why) < 0)
        return script_error(L, "%s", why);
    return 0;
}

/* --- Dynamic namespaces --- */

static int match_entry(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    struct script *s = q->hook->door->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, q->hook->fn);
    lua_pushlstring(L, q->name.p, q->name.n);
    push_json(s, L, q->auth);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    push_next(s, L, q->decision);
    task_start_with(s, L, 3, refuse_failed, q->decision, LUA_NOREF);
    return 0;
}

static void on_match(void *user, atr_str name, atr_str auth, atr_decision d)
{
    struct question q = { .hook = user, .name = name, .auth = auth, .decision = d };
    struct script *s = q.hook->door->script;

    if (!s || script_enter_once(s, match_entry, &q) < 0)
        atr_decide(q.hook->app, d, 0, (atr_str){ 0 }, (atr_str){ 0 });
}

struct arrival {
    struct script *script;
    atr_namespace *handle;
};

static int new_namespace_entry(lua_State *L)
{
    struct arrival *a = lua_touserdata(L, 1);
    struct script *s = a->script;
    struct nsp *n = namespace_of(s, L, a->handle, NULL);

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->server_ref);
    namespace_push(s, L, n);
    listeners_emit(s, L, 2, "new_namespace", 1);
    return 0;
}

static void on_new_namespace(void *user, atr_namespace *handle)
{
    struct arrival a = { user, handle };

    (void)script_enter_once(a.script, new_namespace_entry, &a); /* a failure was logged */
}

/* namespace(name or function(name, auth, next)): the object. */
static int l_namespace(lua_State *L)
{
    struct script *s = script_of(L);
    atr_io *io = script_io(s);
    atr_namespace *handle;

    check_open(s, L);
    if (lua_isfunction(L, 1)) {
        atr_io_on_new_namespace(io, on_new_namespace, s);
        handle = atr_io_of_matching(io, on_match, hook_new(s, L, 1));
    } else {
        handle = atr_io_of(io, check_atr_str(L, 1));
    }
    namespace_push(s, L, namespace_of(s, L, handle, NULL));
    return 1;
}

void namespaces_close(struct script *s)
{
    static const atr_namespace_handlers none = ATR_NAMESPACE_HANDLERS_INIT;

    for (uint32_t i = 1; i < s->nsp_count; i++) {
        if (!s->nsps[i])
            continue;
        atr_namespace_handle(s->nsps[i]->handle, &none, NULL);
        atr_namespace_on_room(s->nsps[i]->handle, NULL, NULL);
        mem_free(s->nsps[i]);
        s->nsps[i] = NULL;
    }
    if (s->io)
        atr_io_on_new_namespace(s->io, NULL, NULL);
}

void namespace_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    s->nsps_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    s->nsp_names_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    s->nsp_type_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, core, "namespace_type");
    core_add(L, s, core, "namespace", l_namespace);
    core_add(L, s, core, "namespace_use", l_use);
    core_add(L, s, core, "namespace_configure", l_configure);
}
