/* script/handshake.c - what a connection's first request said: socket.handshake and socket.conn.
 *
 * Tables are made when a script asks; nothing is kept per socket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/request.h"
#include "script/socket.h"

static void push_text(lua_State *L, atr_str s)
{
    if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushnil(L);
}

/* A walk that sets pairs may raise for want of memory inside the API's frames: they hold nothing.
 */
static void push_headers(lua_State *L, const atr_socket *socket)
{
    lua_newtable(L);
    atr_socket_headers(socket, set_pair, L);
}

static void push_query(lua_State *L, const atr_socket *socket)
{
    lua_newtable(L);
    atr_socket_query(socket, set_pair, L);
}

static void push_auth(struct script *s, lua_State *L, const atr_socket *socket)
{
    push_json(s, L, atr_socket_auth(socket));
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    lua_newtable(L);
}

enum field {
    HEADERS,
    QUERY,
    AUTH,
    ADDRESS,
    ISSUED,
    URL,
    SECURE,
    CLIENT_CERT,
    XDOMAIN,
    TRANSPORT,
    PROTOCOL,
    SID,
    BUFFERED
};
static const char *const fields[] = { "headers",  "query",  "auth",       "address", "issued",
                                      "url",      "secure", "clientCert", "xdomain", "transport",
                                      "protocol", "sid",    "buffered",   NULL };

/* buffered(socket): bytes that wait for its connection */
static int l_buffered(lua_State *L)
{
    atr_socket *socket = check_live_socket(script_of(L), L, 1);

    lua_pushnumber(L, socket ? (lua_Number)atr_socket_buffered(socket) : 0);
    return 1;
}

/* handshake(socket, field); nil when the socket has gone. */
static int l_handshake(lua_State *L)
{
    struct script *s = script_of(L);
    atr_socket *socket = check_live_socket(s, L, 1);
    enum field field = (enum field)luaL_checkoption(L, 2, NULL, fields);
    atr_str subject;
    int verified;

    if (!socket)
        return 0;
    switch (field) {
    case HEADERS:
        push_headers(L, socket);
        break;
    case QUERY:
        push_query(L, socket);
        break;
    case AUTH:
        push_auth(s, L, socket);
        break;
    case ADDRESS:
        push_text(L, atr_socket_address(socket));
        break;
    case ISSUED:
        lua_pushnumber(L, (lua_Number)atr_socket_issued(socket));
        break;
    case URL:
        push_text(L, atr_socket_url(socket));
        break;
    case SECURE:
        lua_pushboolean(L, atr_socket_secure(socket));
        break;
    case CLIENT_CERT:
        subject = atr_socket_client_cert(socket, &verified);
        client_cert_push(L, subject, verified);
        break;
    case XDOMAIN:
        lua_pushboolean(L, atr_socket_header(socket, ATR_STR("origin")).p != NULL);
        break;
    case TRANSPORT:
        lua_pushstring(L, atr_socket_transport(socket));
        break;
    case PROTOCOL:
        lua_pushinteger(L, atr_socket_protocol(socket));
        break;
    case SID:
        push_text(L, atr_socket_connection_id(socket));
        break;
    case BUFFERED:
        lua_pushnumber(L, (lua_Number)atr_socket_buffered(socket));
        break;
    }
    return 1;
}

/* socket_namespace(socket): its namespace's index, or nil. */
static int l_socket_namespace(lua_State *L)
{
    struct script *s = script_of(L);
    struct slot *slot = check_socket(s, L, 1);

    if (!slot)
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->nsps_ref);
    lua_rawgeti(L, -1, (int)slot->nsp);
    return 1;
}

void handshake_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "handshake", l_handshake);
    core_add(L, s, core, "buffered", l_buffered);
    core_add(L, s, core, "socket_namespace", l_socket_namespace);
}
