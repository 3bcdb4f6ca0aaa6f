/* script/http.c - routes and static folders of scripts.
 *
 * A request becomes a table of copies before the handler runs; what stays is its ref, which goes
 * stale when the request was answered or its client left.
 *
 * Start reading at request_entry() and l_respond().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"
#include "script/bytes.h"
#include "script/request.h"
#include "script/task.h"

enum { HEADERS_MAX = 64 };

/* A registration: the API keeps it for ever. */
struct route {
    struct door *door;
    int fn;
    str pattern;
};

struct visit {
    struct route *route;
    atr_request *request;
};

/* req.params: what the pattern captures, ":name" and a final "*". */
static void push_params(lua_State *L, const struct visit *v)
{
    str rest = v->route->pattern, part;

    lua_newtable(L);
    while (str_cut(&rest, '/', &part)) {
        str name = part;

        if (part.n > 1 && part.p[0] == ':')
            name = (str){ part.p + 1, part.n - 1 };
        else if (!str_eq(part, STR("*")))
            continue;
        atr_str value = atr_request_param(v->request, atr_str_of(name));
        if (!value.p)
            continue;
        lua_pushlstring(L, name.p, name.n);
        lua_pushlstring(L, value.p, value.n);
        lua_rawset(L, -3);
    }
}

/* --- Errors of handlers --- */

struct outcome {
    struct script *script;
    lua_State *of;
    uint64_t id;
    unsigned status;
    atr_str message;
};

/* error{status =, message =} answers just so; what else is raised is none of the client's business.
 */
static int outcome_entry(lua_State *L)
{
    struct outcome *o = lua_touserdata(L, 1);
    atr_request *r = atr_request_find(o->script->app, o->id);
    atr_response res = { .status = 500,
                         .type = ATR_STR("text/plain; charset=utf-8"),
                         .body = ATR_STR("Internal Server Error") };

    if (!r)
        return 0;
    lua_pushvalue(o->of, -1);
    lua_xmove(o->of, L, 1);
    if (lua_istable(L, 2)) {
        lua_getfield(L, 2, "status");
        if (lua_type(L, -1) == LUA_TNUMBER)
            res.status = (unsigned)lua_tointeger(L, -1);
        lua_getfield(L, 2, "message");
        if (lua_type(L, -1) == LUA_TSTRING)
            res.body = check_atr_str(L, lua_gettop(L));
    }
    if (atr_respond(r, &res) == ATR_ERANGE) {
        res.status = 500;
        (void)atr_respond(r, &res);
    }
    return 0;
}

static void on_done(struct task *t, bool ok)
{
    struct outcome o = { .script = t->script, .of = t->L, .id = t->id };

    if (!ok)
        (void)script_enter_once(t->script, outcome_entry, &o);
}

/* --- Requests --- */

static int request_entry(lua_State *L)
{
    struct visit *v = lua_touserdata(L, 1);
    struct script *s = v->route->door->script;
    atr_ref ref = atr_request_ref(v->request);
    atr_str body = atr_request_body(v->request);

    lua_rawgeti(L, LUA_REGISTRYINDEX, v->route->fn);
    request_push(L, v->request);
    lua_pushlstring(L, body.p ? body.p : "", body.n);
    lua_setfield(L, -2, "body");
    push_params(L, v);
    lua_setfield(L, -2, "params");
    push_ref(L, ref);
    task_start_with(s, L, 2, on_done, ref, LUA_NOREF);
    return 0;
}

static void on_request(void *user, atr_request *r)
{
    struct visit v = { user, r };
    struct script *s = v.route->door->script;
    atr_response gone = { .status = 503,
                          .body = ATR_STR("Service Unavailable"),
                          .type = ATR_STR("text/plain; charset=utf-8") };

    if (!s || script_enter_once(s, request_entry, &v) < 0)
        (void)atr_respond(r, &gone);
}

/* route(method, pattern, function(request, ref)) */
static int l_route(lua_State *L)
{
    struct script *s = script_of(L);
    atr_str method = check_atr_str(L, 1);
    str pattern = check_str(L, 2);

    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    int fn = luaL_ref(L, LUA_REGISTRYINDEX);
    struct route *route = arena_alloc(&s->door->memory, sizeof *route);
    *route = (struct route){ s->door, fn, arena_copy(&s->door->memory, pattern) };
    int err = atr_http_route(s->app, method, atr_str_of(pattern), on_request, route);
    if (err < 0)
        return script_error(L, "bad route \"%s\": %s", lua_tostring(L, 2), err_text(err));
    return 0;
}

/* static(prefix, folder, max_age_seconds) */
static int l_static(lua_State *L)
{
    struct script *s = script_of(L);
    atr_str prefix = check_atr_str(L, 1);
    const char *folder = luaL_checkstring(L, 2);
    lua_Number max_age = luaL_optnumber(L, 3, 0);
    char why[ATR_WHY_BYTES];

    luaL_argcheck(L, max_age >= 0 && max_age <= 1e9, 3, "seconds expected");
    if (*folder != '/') {
        lua_pushfstring(L, "%s/%s", s->dir, folder);
        folder = lua_tostring(L, -1);
    }
    if (atr_http_static(s->app, prefix, folder, (unsigned)max_age, why) < 0)
        return script_error(L, "%s", why);
    return 0;
}

/* The list at idx: name, value, name, value, ... */
static size_t read_headers(lua_State *L, int idx, atr_str headers[HEADERS_MAX][2])
{
    size_t count = lua_objlen(L, idx) / 2;

    if (count > HEADERS_MAX)
        script_error(L, "too many headers");
    for (size_t i = 0; i < count * 2; i++) {
        lua_rawgeti(L, idx, (int)i + 1); /* stays alive in the list */
        headers[i / 2][i % 2] = check_atr_str(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    return count;
}

/* respond(ref, status, type, headers, body, decision): false when the client has left or got its
 * answer. decision: ref is that of an engine's middleware. */
static int l_respond(lua_State *L)
{
    struct script *s = script_of(L);
    bool decision = lua_toboolean(L, 6);
    atr_request *r = decision ? NULL : atr_request_find(s->app, check_ref(L, 1));
    atr_str headers[HEADERS_MAX][2];
    str bytes = bytes_at(L, 5, &s->types);
    atr_response res = { .status = (unsigned)luaL_checkinteger(L, 2),
                         .type = check_atr_str(L, 3),
                         .headers = (const atr_str(*)[2])headers,
                         .header_count = read_headers(L, 4, headers),
                         .body = bytes.p ? atr_str_of(bytes) : check_atr_str(L, 5),
                         .compress = 1 };
    int err = ATR_ESTATE;

    if (decision)
        err = atr_decide_response(s->app, check_ref(L, 1), &res);
    else if (r)
        err = atr_respond(r, &res);
    if (err == ATR_ESYNTAX)
        return script_error(L, "a header has characters that are not allowed");
    if (err == ATR_ERANGE)
        return script_error(L, "bad status %d", (int)res.status);
    lua_pushboolean(L, err == 0);
    return 1;
}

void http_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "route", l_route);
    core_add(L, s, core, "static", l_static);
    core_add(L, s, core, "respond", l_respond);
}
