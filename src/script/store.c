/* script/store.c - the store of scripts: an operation waits, and blocks nobody. lua/store.lua makes
 * functions of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>

#include "base/err.h"
#include "base/random.h"
#include "script/task.h"

enum { UNIQUE_CHARS = 20 };

struct answer {
    struct pending *pending;
    int err;
    const atr_store_result *r;
};

static void set_number(lua_State *L, const char *name, lua_Number n)
{
    lua_pushnumber(L, n);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, atr_str text)
{
    lua_pushlstring(L, text.p ? text.p : "", text.n);
    lua_setfield(L, -2, name);
}

/* Gives the task the result, and of an error its name and text. */
static int answer_entry(lua_State *L)
{
    struct answer *a = lua_touserdata(L, 1);

    lua_createtable(L, 0, 6);
    set_number(L, "version", (lua_Number)a->r->version);
    set_number(L, "epoch", (lua_Number)a->r->epoch);
    set_number(L, "ttl", (lua_Number)a->r->ttl_ms);
    set_number(L, "number", (lua_Number)a->r->number);
    set_text(L, "owner", a->r->owner);
    if (a->r->value.n)
        set_text(L, "value", a->r->value);
    if (a->err) {
        lua_pushstring(L, err_name(a->err));
        lua_pushstring(L, err_text(a->err));
    }
    pending_finish(L, a->pending, a->err ? 3 : 1);
    return 0;
}

static void on_answer(void *user, int err, const atr_store_result *r)
{
    struct answer a = { user, err, r };

    if (!a.pending->script) {
        pending_free(a.pending);
        return;
    }
    (void)script_enter_once(a.pending->script, answer_entry, &a); /* a failure was logged */
}

/* --- The request: fields of the table at index 2 --- */

static lua_Number number_field(lua_State *L, const char *name, lua_Number least)
{
    lua_Number n = 0;

    lua_getfield(L, 2, name);
    if (!lua_isnil(L, -1)) {
        n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
        if (!(n >= least && n <= 0x1p53 && n == floor(n)))
            script_error(L, "store: %s is not a whole number%s", name,
                         least < 0 ? "" : " from 0 on");
    }
    lua_pop(L, 1);
    return n;
}

static uint64_t count_field(lua_State *L, const char *name)
{
    return (uint64_t)number_field(L, name, 0);
}

/* Leaves the text on the stack, since it is borrowed. */
static atr_str text_field(lua_State *L, const char *name)
{
    atr_str text = { NULL, 0 };

    lua_getfield(L, 2, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        text.p = lua_tolstring(L, -1, &text.n);
    else if (!lua_isnil(L, -1))
        script_error(L, "store: %s is a %s, not a string", name, luaL_typename(L, -1));
    return text;
}

static unsigned flag_field(lua_State *L, const char *name, unsigned flag)
{
    lua_getfield(L, 2, name);
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is ? flag : 0;
}

/* store_ask(op, request): result, or with a code and its text. Waits. */
static int l_ask(lua_State *L)
{
    static const char *const names[] = { "get",     "set",   "del",     "incr",   "expire",
                                         "acquire", "renew", "release", "holder", NULL };
    struct script *s = script_of(L);
    atr_store_request r = ATR_STORE_REQUEST_INIT;

    r.op = (atr_store_op)luaL_checkoption(L, 1, NULL, names);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, 8, "too many values");
    lua_getfield(L, 2, "key");
    if (lua_type(L, -1) != LUA_TSTRING)
        script_error(L, "store: the key is a %s, not a string", luaL_typename(L, -1));
    r.key.p = lua_tolstring(L, -1, &r.key.n);
    r.value = text_field(L, "value");
    r.owner = text_field(L, "owner");
    r.fence = text_field(L, "fence");
    r.ttl_ms = count_field(L, "ttl");
    r.version = count_field(L, "version");
    r.epoch = count_field(L, "epoch");
    r.fence_epoch = count_field(L, "fenceEpoch");
    r.number = (int64_t)number_field(L, "number", -0x1p53);
    r.flags = flag_field(L, "ifAbsent", ATR_STORE_IF_ABSENT) |
              flag_field(L, "version", ATR_STORE_IF_VERSION) |
              flag_field(L, "keepTtl", ATR_STORE_KEEP_TTL) |
              flag_field(L, "prefix", ATR_STORE_PREFIX);
    struct pending *p = pending_wait(s, L);
    int err = atr_store(s->app, &r, on_answer, p);
    if (err < 0) {
        pending_free(p);
        script_error(L, "store: %s", err_text(err));
    }
    return task_wait(L, p);
}

/* A name that nobody else has. */
static int l_unique(lua_State *L)
{
    char name[UNIQUE_CHARS];

    random_name(name, sizeof name);
    lua_pushlstring(L, name, sizeof name);
    return 1;
}

void store_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "store_ask", l_ask);
    core_add(L, s, core, "unique", l_unique);
}
