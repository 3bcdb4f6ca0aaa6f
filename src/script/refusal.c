/* script/refusal.c - what middleware, matchers and allowRequest answer: next(), next(err), or an
 * error.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/refusal.h"

#include "script/task.h"

/* A raised text starts with "file:line: ". */
static str without_place(str s)
{
    for (size_t i = 0; i + 2 < s.n; i++) {
        size_t at = i + 1;

        if (s.p[i] != ':')
            continue;
        while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
            at++;
        if (at > i + 1 && at + 1 < s.n && s.p[at] == ':' && s.p[at + 1] == ' ')
            return (str){ s.p + at + 2, s.n - at - 2 };
    }
    return s;
}

struct refusal read_refusal(struct script *s, lua_State *L, int idx, bool raised)
{
    struct refusal r = { .message = ATR_STR("refused") };
    str text;

    if (lua_istable(L, idx)) {
        lua_getfield(L, idx, "data");
        if (!lua_isnil(L, -1)) {
            struct encoder *e = encoder_take(s, L);
            e->plain = true;
            int err = encode_value(e, L, lua_gettop(L));
            e->plain = false;
            if (err)
                encode_raise(e, L);
            r.data = (atr_str){ (const char *)e->out.data, e->out.len };
        }
        lua_getfield(L, idx, "message");
        idx = lua_gettop(L);
    }
    if (lua_type(L, idx) == LUA_TSTRING || lua_type(L, idx) == LUA_TNUMBER) {
        text = check_str(L, idx);
        r.message = atr_str_of(raised ? without_place(text) : text);
    }
    return r;
}

/* next(err): second upvalue the decision. */
static int l_next(lua_State *L)
{
    struct script *s = script_of(L);
    atr_decision d = check_ref(L, lua_upvalueindex(2));
    struct refusal r = { 0 };
    bool allow;

    lua_settop(L, 1);
    allow = !lua_toboolean(L, 1) ||
            (lua_type(L, 1) == LUA_TLIGHTUSERDATA && !lua_touserdata(L, 1)); /* null */
    if (!allow)
        r = read_refusal(s, L, 1, false);
    if (!s->closing) {
        encoder_hold(s);
        atr_decide(s->app, d, allow, r.message, r.data);
        encoder_release(s);
    }
    return 0;
}

void push_next(struct script *s, lua_State *L, atr_decision d)
{
    lua_pushlightuserdata(L, s);
    push_ref(L, d);
    lua_pushcclosure(L, l_next, 2);
}

static int refuse_entry(lua_State *L)
{
    struct task *t = lua_touserdata(L, 1);
    struct refusal r;

    lua_pushvalue(t->L, -1);
    lua_xmove(t->L, L, 1);
    r = read_refusal(t->script, L, lua_gettop(L), true);
    encoder_hold(t->script);
    atr_decide(t->script->app, t->id, 0, r.message, r.data);
    encoder_release(t->script);
    return 0;
}

void refuse_failed(struct task *t, bool ok)
{
    if (ok)
        return; /* next() was called, or will be */
    if (script_enter_once(t->script, refuse_entry, t) < 0)
        atr_decide(t->script->app, t->id, 0, ATR_STR("refused"), (atr_str){ 0 });
}
