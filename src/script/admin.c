/* script/admin.c - what administrators see as a socket's data: its table, as far as it can be
 * shown.
 *
 * Start reading at describe().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/admin.h"

#include "script/socket.h"

enum { SHOWN_BYTES_MAX = 16 << 10 }; /* of one member */

struct description {
    struct script *script;
    atr_socket *socket;
};

/* The value at the top, or why it is not there. */
static void show(struct encoder *e, lua_State *L)
{
    size_t start = e->out.len;
    const char *why = encode_value(e, L, lua_gettop(L)) ? e->what : NULL;

    if (!why && e->out.len - start > SHOWN_BYTES_MAX)
        why = "too large to be shown";
    if (!why)
        return;
    e->out.len = start;
    buf_add(&e->out, STR("\"("));
    for (const char *c = why; *c; c++)
        buf_byte(&e->out, (uint8_t)*c); /* of ours: nothing to escape */
    buf_add(&e->out, STR(")\""));
}

/* The table at the top. Keys that are no strings are passed over. */
static void show_members(struct encoder *e, lua_State *L)
{
    bool first = true;
    str key;

    luaL_checkstack(L, 8, "too deep to encode");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            key.p = lua_tolstring(L, -2, &key.n);
            if (!first)
                buf_byte(&e->out, ',');
            first = false;
            json_write_string(&e->out, key);
            buf_byte(&e->out, ':');
            show(e, L);
        }
        lua_pop(L, 1);
    }
}

static int describe_entry(lua_State *L)
{
    const struct description *d = lua_touserdata(L, 1);
    struct script *s = d->script;

    lua_rawgeti(L, LUA_REGISTRYINDEX, s->sockets_ref);
    lua_rawgeti(L, -1, (int)socket_slot(d->socket));
    if (!lua_istable(L, -1))
        return 0;
    lua_pushliteral(L, "data");
    lua_rawget(L, -2); /* raw: a script that never asked for it has none */
    if (lua_istable(L, -1))
        show_members(&s->describer, L);
    return 0;
}

static atr_str describe(void *user, atr_socket *socket)
{
    struct script *s = user;
    struct description d = { s, socket };
    struct encoder *e = &s->describer;

    encoder_reset(e);
    e->plain = true;
    buf_byte(&e->out, '{');
    if (!socket_slot(socket) || script_enter_once(s, describe_entry, &d) < 0)
        return (atr_str){ 0 };
    buf_byte(&e->out, '}');
    return encoder_data(e).json;
}

void describe_watch(struct script *s)
{
    s->describer.types = &s->types;
    atr_io_on_describe(s->io, describe, s);
}

void describe_close(struct script *s)
{
    if (s->io)
        atr_io_on_describe(s->io, NULL, NULL);
    encoder_free(&s->describer);
}

/* instrument(options) */
static int l_instrument(lua_State *L)
{
    struct script *s = script_of(L);
    struct encoder *e = encoder_take(s, L);
    char why[ATR_WHY_BYTES];

    check_open(s, L);
    luaL_checktype(L, 1, LUA_TTABLE);
    e->plain = true;
    int err = encode_value(e, L, 1);
    e->plain = false;
    if (err)
        return encode_raise(e, L);
    if (atr_io_instrument(script_io(s), encoder_data(e).json, why) < 0)
        return script_error(L, "%s", why);
    return 0;
}

void describe_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "instrument", l_instrument);
}
