/* script/websocket_calls.c - what scripts do to connections of plain WebSocket endpoints, and to
 * channels.
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/utf8.h"
#include "script/bytes.h"
#include "script/namespace.h"
#include "script/pace.h"

/* The API's connection of the table at index 1; NULL: gone. */
static atr_ws *check_ws(struct script *s, lua_State *L)
{
    if (!lua_istable(L, 1))
        script_error(L, "WebSocket expected (call it with a colon: ws:method(...))");
    lua_rawgeti(L, 1, 1);
    if (lua_type(L, -1) != LUA_TSTRING)
        script_error(L, "WebSocket expected (call it with a colon: ws:method(...))");
    atr_ws *ws = atr_ws_find(s->app, check_ref(L, lua_gettop(L)));
    lua_pop(L, 1);
    return ws;
}

/* The message at idx: bytes and what the flag behind says go as binary. Raises when text is no
 * UTF-8, as a client would have to drop the connection. */
static atr_str check_message(struct script *s, lua_State *L, int idx, int *binary)
{
    str bytes = bytes_at(L, idx, &s->types);
    atr_str data = bytes.p ? atr_str_of(bytes) : check_atr_str(L, idx);

    *binary = bytes.p || lua_toboolean(L, idx + 1);
    if (!*binary && !utf8_valid(data.p, data.n))
        script_error(L, "the text is not valid UTF-8; send bytes");
    return data;
}

static atr_str opt_key(lua_State *L, int idx)
{
    return lua_isnoneornil(L, idx) ? (atr_str){ 0 } : check_atr_str(L, idx);
}

/* websocket_send(ws, string or bytes[, binary[, key]]): whether it was queued */
static int l_send(lua_State *L)
{
    struct script *s = script_of(L);
    atr_ws *ws = check_ws(s, L);
    int binary;
    atr_str data = check_message(s, L, 2, &binary), key = opt_key(L, 4);

    lua_pushboolean(L, ws && atr_ws_send_key(ws, data, binary, key) == 0);
    return ws ? pace(L, s) : 1;
}

static int l_ping(lua_State *L)
{
    atr_ws *ws = check_ws(script_of(L), L);
    atr_str payload = lua_isnoneornil(L, 2) ? (atr_str){ 0 } : check_atr_str(L, 2);
    int err = ws ? atr_ws_ping(ws, payload) : ATR_ECLOSED;

    if (err == ATR_ERANGE)
        return script_error(L, "a ping carries at most 125 bytes");
    lua_pushboolean(L, err == 0);
    return 1;
}

/* websocket_close(ws[, code[, reason]]) */
static int l_close(lua_State *L)
{
    atr_ws *ws = check_ws(script_of(L), L);
    lua_Number code = luaL_optnumber(L, 2, 1000);
    atr_str reason = lua_isnoneornil(L, 3) ? (atr_str){ 0 } : check_atr_str(L, 3);

    if (!utf8_valid(reason.p, reason.n))
        return script_error(L, "the reason is not valid UTF-8");
    if (!(code >= 0 && code < 5000) ||
        (ws && atr_ws_close(ws, (unsigned)code, reason) == ATR_ERANGE))
        return script_error(L, "bad close code %d", (int)code);
    return 0;
}

/* Whether the connection at index 1 entered, or left, the channel at index 2. */
static int change_channel(lua_State *L, int (*change)(atr_ws *ws, atr_str channel))
{
    atr_ws *ws = check_ws(script_of(L), L);
    atr_str channel = check_atr_str(L, 2);

    lua_pushboolean(L, ws && change(ws, channel) > 0);
    return 1;
}

static int l_subscribe(lua_State *L)
{
    return change_channel(L, atr_ws_subscribe);
}

static int l_unsubscribe(lua_State *L)
{
    return change_channel(L, atr_ws_unsubscribe);
}

/* websocket_publish(ws or nil, channel, string or bytes[, binary[, key]]): to how many, ws left out
 */
static int l_publish(lua_State *L)
{
    struct script *s = script_of(L);
    atr_ws *except = lua_isnoneornil(L, 1) ? NULL : check_ws(s, L);
    atr_str channel = check_atr_str(L, 2);
    int binary;
    atr_str data = check_message(s, L, 3, &binary), key = opt_key(L, 5);
    int64_t count = atr_publish_key(s->app, channel, data, binary, key, except);

    lua_pushnumber(L, count < 0 ? 0 : (lua_Number)count);
    return pace(L, s);
}

static int l_channel_count(lua_State *L)
{
    struct script *s = script_of(L);

    lua_pushnumber(L, (lua_Number)atr_channel_count(s->app, check_atr_str(L, 1)));
    return 1;
}

static void add_channel(void *arg, atr_str channel)
{
    lua_State *L = arg;

    lua_pushlstring(L, channel.p, channel.n);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
}

static int l_channels(lua_State *L)
{
    atr_ws *ws = check_ws(script_of(L), L);

    lua_newtable(L);
    if (ws)
        atr_ws_channels(ws, add_channel, L);
    return 1;
}

static int l_buffered(lua_State *L)
{
    atr_ws *ws = check_ws(script_of(L), L);

    lua_pushnumber(L, ws ? (lua_Number)atr_ws_buffered(ws) : 0);
    return 1;
}

static int l_id(lua_State *L)
{
    char text[24];

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_rawgeti(L, 1, 1);
    (void)snprintf(text, sizeof text, "%" PRIx64, check_ref(L, lua_gettop(L)));
    lua_pushstring(L, text);
    return 1;
}

static int l_address(lua_State *L)
{
    atr_ws *ws = check_ws(script_of(L), L);

    if (!ws)
        return 0;
    atr_str address = atr_ws_address(ws);
    lua_pushlstring(L, address.p ? address.p : "", address.n);
    return 1;
}

static int l_is_open(lua_State *L)
{
    lua_pushboolean(L, check_ws(script_of(L), L) != NULL);
    return 1;
}

void websocket_calls(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "websocket_send", l_send);
    core_add(L, s, core, "websocket_ping", l_ping);
    core_add(L, s, core, "websocket_close", l_close);
    core_add(L, s, core, "websocket_subscribe", l_subscribe);
    core_add(L, s, core, "websocket_unsubscribe", l_unsubscribe);
    core_add(L, s, core, "websocket_publish", l_publish);
    core_add(L, s, core, "websocket_channels", l_channels);
    core_add(L, s, core, "websocket_buffered", l_buffered);
    core_add(L, s, core, "websocket_id", l_id);
    core_add(L, s, core, "websocket_address", l_address);
    core_add(L, s, core, "websocket_is_open", l_is_open);
    core_add(L, s, core, "channel_count", l_channel_count);
}
