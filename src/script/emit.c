/* script/emit.c - emitting to one socket, and its answers.
 *
 * Start reading at l_emit().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"
#include "script/pace.h"
#include "script/rewrite.h"
#include "script/socket.h"

void check_event_name(lua_State *L, int idx)
{
    static const char *const reserved[] = { "connect",       "connect_error", "disconnect",
                                            "disconnecting", "newListener",   "removeListener" };
    const char *name;

    if (lua_type(L, idx) == LUA_TNUMBER)
        return;
    name = luaL_checkstring(L, idx);
    if (*name != 'c' && *name != 'd' && *name != 'n' && *name != 'r')
        return;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
            script_error(L, "\"%s\" is a reserved event name", name);
}

struct encoder *encode_event(struct script *s, lua_State *L, int first, int last)
{
    struct encoder *e = encoder_take(s, L);

    check_event_name(L, first);
    if (encode_event_args(e, L, first, last))
        encode_raise(e, L);
    return e;
}

struct encoder *encode_packet(struct script *s, lua_State *L, int first, int last)
{
    bool named = first <= last;

    rewrite_out(s, L, &first, &last);
    if (named && first > last)
        script_error(L, "the replacer left no event");
    return encode_event(s, L, first, last);
}

/* What has happened by the time an emit returns is no error of the script: the socket may have
 * gone, or may be closed because its queue is full. */
static void check_sent(lua_State *L, int err)
{
    if (err < 0 && err != ATR_ECLOSED && err != ATR_ELIMIT)
        script_error(L, "cannot emit: %s", err_text(err));
}

struct reply {
    struct pending *pending;
    int err;
    const atr_data *data;
};

static const char *failure_text(int err)
{
    return err == ATR_ECLOSED ? "socket has been disconnected" : err_text(err);
}

/* A task gets true and the values, or false and the reason; a function that asked for errors gets
 * null or the reason first; another is not called when there is no reply. */
static int reply_entry(lua_State *L)
{
    struct reply *r = lua_touserdata(L, 1);
    struct pending *p = r->pending;
    struct script *s = p->script;
    int count = 0;

    lua_settop(L, 0);
    if (p->task || p->errors)
        lua_pushnil(L); /* place of the first */
    if (!r->err && (count = decode_args(&s->decoder, L, r->data, 0)) < 0)
        r->err = ATR_ELIMIT;
    if (!r->err && (count = rewrite_in(s, L, count, (atr_str){ 0 })) < 0)
        r->err = ATR_ESYNTAX;
    if (r->err && !p->task && !p->errors) {
        pending_free(p);
        return 0;
    }
    if (r->err) {
        lua_pushstring(L, failure_text(r->err));
        count = 1;
    }
    if (p->task) {
        lua_pushboolean(L, !r->err);
        lua_replace(L, 1);
    } else if (p->errors && r->err) {
        lua_replace(L, 1);
        count = 0;
    }
    pending_finish(L, p, count + (p->task || p->errors));
    return 0;
}

static void on_reply(void *user, int err, const atr_data *data)
{
    struct reply r = { user, err, data };

    if (!r.pending->script) {
        pending_free(r.pending);
        return;
    }
    (void)script_enter_once(r.pending->script, reply_entry, &r); /* a failure was logged */
}

static void closed_already(void *user)
{
    struct pending *p = user;

    p->timer = 0;
    on_reply(p, ATR_ECLOSED, NULL);
}

/* Sends what e holds and leaves the answer to p. */
static void ask(struct script *s, lua_State *L, atr_socket *socket, struct encoder *e,
                unsigned flags, uint32_t timeout_ms, struct pending *p)
{
    atr_data data = encoder_data(e);
    int err = ATR_ECLOSED;

    encoder_hold(s);
    if (socket)
        err = atr_socket_emit_with_ack(socket, &data, flags, timeout_ms, on_reply, p);
    encoder_release(s);
    if (err >= 0)
        return;
    if (err == ATR_ECLOSED || err == ATR_ELIMIT) {
        p->timer = atr_timer_start(s->app, 0, 0, closed_already, p);
        return;
    }
    pending_free(p);
    check_sent(L, err);
}

/* The socket is at index 1, the event's name at index first. */
static int emit(lua_State *L, int first, unsigned flags, bool timed, uint32_t timeout_ms)
{
    struct script *s = script_of(L);
    atr_socket *socket = check_live_socket(s, L, 1);
    int last = lua_gettop(L);
    bool asks = last > first && lua_isfunction(L, last);
    struct encoder *e = encode_packet(s, L, first, asks ? last - 1 : last);

    if (asks) {
        struct pending *p = pending_call(s, L, last);
        p->errors = timed;
        ask(s, L, socket, e, flags, timeout_ms, p);
    } else if (socket) {
        atr_data data = encoder_data(e);
        encoder_hold(s);
        int err = atr_socket_emit(socket, &data, flags);
        encoder_release(s);
        check_sent(L, err);
    }
    lua_pushboolean(L, 1);
    return socket ? pace(L, s) : 1;
}

static int l_emit(lua_State *L)
{
    return emit(L, 2, 0, false, 0);
}

/* Replaces a flagged emitter { socket, flags, timeout or false } at index 1 by its socket. */
static unsigned unwrap(lua_State *L, bool *timed, uint32_t *timeout_ms)
{
    unsigned flags;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_rawgeti(L, 1, 2);
    flags = (unsigned)lua_tointeger(L, -1);
    lua_rawgeti(L, 1, 3);
    *timed = lua_toboolean(L, -1);
    *timeout_ms = *timed ? check_ms(L, lua_gettop(L)) : 0;
    lua_rawgeti(L, 1, 1);
    lua_replace(L, 1);
    lua_pop(L, 2);
    return flags;
}

static int l_flagged_emit(lua_State *L)
{
    uint32_t timeout_ms;
    bool timed;
    unsigned flags = unwrap(L, &timed, &timeout_ms);

    return emit(L, 2, flags, timed, timeout_ms);
}

static int emit_and_wait(lua_State *L, unsigned flags, uint32_t timeout_ms)
{
    struct script *s = script_of(L);
    atr_socket *socket = check_live_socket(s, L, 1);
    struct encoder *e = encode_packet(s, L, 2, lua_gettop(L));
    struct pending *p = pending_wait(s, L);

    ask(s, L, socket, e, flags, timeout_ms, p);
    return task_wait(L, p);
}

static int l_emit_with_ack(lua_State *L)
{
    return emit_and_wait(L, 0, 0);
}

static int l_flagged_emit_with_ack(lua_State *L)
{
    uint32_t timeout_ms;
    bool timed;
    unsigned flags = unwrap(L, &timed, &timeout_ms);

    return emit_and_wait(L, flags, timeout_ms);
}

void emit_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "emit", l_emit);
    core_add(L, s, core, "flagged_emit", l_flagged_emit);
    core_add(L, s, core, "emit_with_ack", l_emit_with_ack);
    core_add(L, s, core, "flagged_emit_with_ack", l_flagged_emit_with_ack);
}
