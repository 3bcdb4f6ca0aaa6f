/* script/request.c - HTTP requests as tables.
 *
 * Walks that set pairs may raise for want of memory inside frames of the API: those hold nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/request.h"

static void set_text(lua_State *L, const char *name, atr_str s)
{
    lua_pushlstring(L, s.p ? s.p : "", s.n);
    lua_setfield(L, -2, name);
}

void client_cert_push(lua_State *L, atr_str subject, int verified)
{
    if (!subject.n) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 2);
    set_text(L, "subject", subject);
    lua_pushboolean(L, verified);
    lua_setfield(L, -2, "verified");
}

void request_push(lua_State *L, const atr_request *r)
{
    atr_str subject;
    int verified;

    lua_createtable(L, 0, 10);
    set_text(L, "method", atr_request_method(r));
    set_text(L, "url", atr_request_url(r));
    set_text(L, "path", atr_request_path(r));
    set_text(L, "address", atr_request_address(r));
    lua_pushboolean(L, atr_request_secure(r));
    lua_setfield(L, -2, "secure");
    subject = atr_request_client_cert(r, &verified);
    client_cert_push(L, subject, verified);
    lua_setfield(L, -2, "clientCert");
    lua_newtable(L);
    atr_request_headers(r, set_pair, L);
    lua_setfield(L, -2, "headers");
    lua_newtable(L);
    atr_request_query(r, set_pair, L);
    lua_setfield(L, -2, "query");
}

void request_push_kept(lua_State *L, const atr_ws *ws)
{
    atr_str url = atr_ws_url(ws), path = url;
    const char *mark = url.n ? memchr(url.p, '?', url.n) : NULL;

    if (mark)
        path.n = (size_t)(mark - url.p);
    lua_createtable(L, 0, 10);
    set_text(L, "method", ATR_STR("GET"));
    set_text(L, "url", url);
    set_text(L, "path", path);
    set_text(L, "address", atr_ws_address(ws));
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "secure");
    lua_newtable(L);
    atr_ws_headers(ws, set_pair, L);
    lua_setfield(L, -2, "headers");
    lua_newtable(L);
    atr_ws_query(ws, set_pair, L);
    lua_setfield(L, -2, "query");
}

void connection_error_push(lua_State *L, const struct connection_error *e)
{
    lua_createtable(L, 0, 4);
    if (e->request) {
        request_push(L, e->request);
        lua_setfield(L, -2, "req");
    }
    lua_pushinteger(L, e->code);
    lua_setfield(L, -2, "code");
    lua_pushstring(L, e->message);
    lua_setfield(L, -2, "message");
    lua_createtable(L, 0, 1);
    lua_pushstring(L, e->context);
    lua_setfield(L, -2, "name");
    lua_setfield(L, -2, "context");
}
