/* script/request.h - HTTP requests as tables.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_REQUEST_H
#define SCRIPT_REQUEST_H

#include "script/state.h"

/* Pushes { method, url, path, query, headers, address, secure, clientCert }: copies, good for as
 * long as the script likes. */
void request_push(lua_State *L, const atr_request *r);

/* The same of a connection whose request is over: of what was not kept (keepHandshake) the texts
 * and tables are empty. */
void request_push_kept(lua_State *L, const atr_ws *ws);

/* Pushes { subject, verified }, or nil for an empty subject. */
void client_cert_push(lua_State *L, atr_str subject, int verified);

/* A refused request of Engine.IO, for the event "connection_error" of an object in the registry. */
struct connection_error {
    struct script *script;
    int object_ref;
    atr_request *request;
    int code;
    const char *message, *context;
};
/* Pushes { req, code, message, context = { name } }. */
void connection_error_push(lua_State *L, const struct connection_error *e);
void connection_error_emit(struct connection_error *e);

#endif
