/* script/broadcast.c - emitting to, and acting on, many sockets.
 *
 * An operator is a Lua table made by script/lua/io.lua, never changed once made:
 *   { namespace index, flags, sender or false, timeout or false, rooms, exceptions }
 * where rooms and exceptions are false, one text, or a list of texts. A namespace itself has only
 * the first field, and means everyone in it.
 *
 * Start reading at answers_target() and l_emit().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"
#include "script/answers.h"
#include "script/namespace.h"
#include "script/pace.h"
#include "script/rewrite.h"
#include "script/socket.h"

enum {
    NAMESPACE = 1,
    FLAGS,
    SENDER,
    TIMEOUT,
    ROOMS,
    EXCEPT,
    TIMEOUT_DEFAULT = 10000 /* ms that answers of many are awaited for */
};

/* Reads a list of texts, or one, from the field at the top (which it leaves there: the texts live
 * as long as the operator). */
static const atr_str *read_texts(lua_State *L, atr_str few[ANSWERS_FEW], size_t *count)
{
    int idx = lua_gettop(L), n;
    atr_str *texts = few;

    *count = 0;
    if (!lua_toboolean(L, idx))
        return NULL;
    if (!lua_istable(L, idx)) {
        few[0] = check_atr_str(L, idx);
        *count = 1;
        return few;
    }
    n = (int)lua_objlen(L, idx);
    if (n > ANSWERS_FEW)
        texts = lua_newuserdata(L, (size_t)n * sizeof *texts); /* stays on the stack */
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, idx, i + 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            script_error(L, "rooms must be strings");
        texts[i].p = lua_tolstring(L, -1, &texts[i].n);
        lua_pop(L, 1);
    }
    *count = (size_t)n;
    return texts;
}

void answers_target(struct script *s, lua_State *L, struct answers_target *t)
{
    t->nsp = check_namespace(s, L, 1);
    t->api = (atr_target){ 0 };
    t->limited = false;
    lua_rawgeti(L, 1, FLAGS);
    bool everyone = lua_type(L, -1) != LUA_TNUMBER; /* a namespace: no flags, no target */
    t->timeout_ms = TIMEOUT_DEFAULT;
    if (everyone) {
        lua_pop(L, 1);
        return;
    }
    t->api.flags = (unsigned)lua_tointeger(L, -1);
    lua_rawgeti(L, 1, SENDER);
    if (lua_istable(L, -1))
        t->api.sender = check_live_socket(s, L, lua_gettop(L));
    lua_rawgeti(L, 1, TIMEOUT);
    if (lua_type(L, -1) == LUA_TNUMBER)
        t->timeout_ms = check_ms(L, lua_gettop(L)), t->limited = true;
    lua_pop(L, 3);
    luaL_checkstack(L, 8, "too many arguments");
    lua_rawgeti(L, 1, ROOMS);
    t->api.rooms = read_texts(L, t->few[0], &t->api.room_count);
    lua_rawgeti(L, 1, EXCEPT);
    t->api.except = read_texts(L, t->few[1], &t->api.except_count);
}

static void check_sent(lua_State *L, int err)
{
    if (err < 0)
        script_error(L, "cannot emit: %s", err_text(err));
}

/* --- Answers --- */

struct arrival {
    struct pending *pending;
    int err;
    const atr_answers *answers;
};

static int answers_entry(lua_State *L)
{
    struct arrival *a = lua_touserdata(L, 1);
    struct pending *p = a->pending;
    struct script *s = p->script;
    size_t count = a->answers ? a->answers->count : 0;

    lua_settop(L, 0);
    if (p->task)
        lua_pushboolean(L, !a->err);
    if (a->err)
        lua_pushstring(L, err_text(a->err));
    else if (!p->task)
        lua_pushnil(L);
    lua_createtable(L, (int)count, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->types.array_ref);
    lua_setmetatable(L, -2);
    for (size_t i = 0; i < count; i++) {
        const atr_data *d = &a->answers->items[i];
        str text = { d->json.p, d->json.n };
        int top = lua_gettop(L);

        if (text.n == 0 || decode_value(&s->decoder, L, text, d) < 0 ||
            rewrite_in(s, L, 1, (atr_str){ 0 }) < 1)
            lua_pushlightuserdata(L, NULL); /* answered without a value, or with a bad one */
        lua_settop(L, top + 1);
        lua_rawseti(L, -2, (int)i + 1);
    }
    pending_finish(L, p, lua_gettop(L));
    return 0;
}

void answers_arrived(void *user, int err, const atr_answers *answers)
{
    struct arrival a = { user, err, answers };

    if (!a.pending->script) {
        pending_free(a.pending);
        return;
    }
    (void)script_enter_once(a.pending->script, answers_entry, &a); /* a failure was logged */
}

static void ask(struct script *s, lua_State *L, const struct answers_target *t, struct encoder *e,
                struct pending *p)
{
    atr_data data = encoder_data(e);

    encoder_hold(s);
    int err = atr_emit_with_ack(t->nsp->handle, &t->api, &data, t->timeout_ms, answers_arrived, p);
    encoder_release(s);
    if (err >= 0)
        return;
    pending_free(p);
    check_sent(L, err);
}

/* --- What scripts call; the target comes first --- */

/* emit(target, event, ...[, function(err, answers)]) */
static int l_emit(lua_State *L)
{
    struct script *s = script_of(L);
    int last = lua_gettop(L);
    bool asks = last > 2 && lua_isfunction(L, last);
    struct answers_target t;

    answers_target(s, L, &t);
    struct encoder *e = encode_packet(s, L, 2, asks ? last - 1 : last);
    if (asks) {
        struct pending *p = pending_call(s, L, last);
        p->errors = true;
        ask(s, L, &t, e, p);
    } else {
        atr_data data = encoder_data(e);
        encoder_hold(s);
        int err = atr_emit(t.nsp->handle, &t.api, &data);
        encoder_release(s);
        check_sent(L, err);
    }
    lua_pushboolean(L, 1);
    return pace(L, s);
}

static int l_emit_with_ack(lua_State *L)
{
    struct script *s = script_of(L);
    int last = lua_gettop(L);
    struct answers_target t;

    answers_target(s, L, &t);
    struct encoder *e = encode_packet(s, L, 2, last);
    struct pending *p = pending_wait(s, L);
    ask(s, L, &t, e, p);
    return task_wait(L, p);
}

/* The frames of atr_each_socket() must not be jumped over by an error (script rule 2), so its walk
 * only notes refs. */
struct refs {
    atr_ref *items;
    size_t count, cap;
};

static void note_ref(void *arg, atr_socket *socket)
{
    struct refs *r = arg;

    if (r->count < r->cap)
        r->items[r->count] = atr_socket_ref(socket);
    r->count++;
}

static int l_fetch(lua_State *L)
{
    struct script *s = script_of(L);
    struct refs r = { 0 };
    struct answers_target t;
    int found = 0;

    lua_settop(L, 1);
    answers_target(s, L, &t);
    atr_each_socket(t.nsp->handle, &t.api, note_ref, &r);
    r.cap = r.count;
    r.count = 0;
    r.items = lua_newuserdata(L, (r.cap + 1) * sizeof *r.items);
    atr_each_socket(t.nsp->handle, &t.api, note_ref, &r);
    lua_createtable(L, (int)r.cap, 0);
    for (size_t i = 0; i < r.cap && i < r.count; i++) {
        atr_socket *socket = atr_socket_find(script_io(s), r.items[i]);

        if (!socket)
            continue;
        socket_push(s, L, socket, t.nsp);
        lua_rawseti(L, -2, ++found);
    }
    return 1;
}

/* The rooms of the second argument, for sockets_join() and sockets_leave(). */
static const atr_str *read_rooms(lua_State *L, atr_str few[ANSWERS_FEW], size_t *count)
{
    luaL_argcheck(L, lua_istable(L, 2) || lua_type(L, 2) == LUA_TSTRING, 2,
                  "room or list of rooms expected");
    lua_pushvalue(L, 2);
    return read_texts(L, few, count);
}

static int l_sockets_join(lua_State *L)
{
    struct answers_target t;
    atr_str few[ANSWERS_FEW];
    size_t count;

    answers_target(script_of(L), L, &t);
    const atr_str *rooms = read_rooms(L, few, &count);
    atr_sockets_join(t.nsp->handle, &t.api, rooms, count);
    return 0;
}

static int l_sockets_leave(lua_State *L)
{
    struct answers_target t;
    atr_str few[ANSWERS_FEW];
    size_t count;

    answers_target(script_of(L), L, &t);
    const atr_str *rooms = read_rooms(L, few, &count);
    atr_sockets_leave(t.nsp->handle, &t.api, rooms, count);
    return 0;
}

static int l_disconnect_sockets(lua_State *L)
{
    struct answers_target t;
    bool close = lua_toboolean(L, 2);

    answers_target(script_of(L), L, &t);
    atr_disconnect_sockets(t.nsp->handle, &t.api, close);
    return 0;
}

void broadcast_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "broadcast", l_emit);
    core_add(L, s, core, "broadcast_with_ack", l_emit_with_ack);
    core_add(L, s, core, "fetch_sockets", l_fetch);
    core_add(L, s, core, "sockets_join", l_sockets_join);
    core_add(L, s, core, "sockets_leave", l_sockets_leave);
    core_add(L, s, core, "disconnect_sockets", l_disconnect_sockets);
}
