/* atrium/http.h - plain HTTP on the application's port: routes and static files.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_HTTP_H
#define ATRIUM_HTTP_H

#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds a route. method: "GET" (HEAD too), "POST", ..., "*" for any. pattern: "/users/:id" captures
 * a segment as "id", a final "/ *" (without the space) the rest as "*". fn must answer with
 * atr_respond(), at once or later. Routes are tried in order, before static files. ATR_ESYNTAX on a
 * malformed pattern. */
ATR_API int atr_http_route(atr_app *app, atr_str method, atr_str pattern,
                           void (*fn)(void *user, atr_request *r), void *user);

/* Serves the files of a folder under a URL prefix. On failure a code, and the reason in why. */
ATR_API int atr_http_static(atr_app *app, atr_str prefix, const char *folder,
                            unsigned max_age_seconds, char *why);

/* A request may be kept by its ref until it is answered; the ref goes stale when the client leaves.
 */
ATR_API atr_ref atr_request_ref(const atr_request *r);
ATR_API atr_request *atr_request_find(atr_app *app, atr_ref ref);
ATR_API atr_str atr_request_method(const atr_request *r);
ATR_API atr_str atr_request_url(const atr_request *r);  /* as sent: path and query */
ATR_API atr_str atr_request_path(const atr_request *r); /* unescaped */
ATR_API atr_str atr_request_param(const atr_request *r, atr_str name);
ATR_API atr_str atr_request_header(const atr_request *r, atr_str name); /* p == NULL: absent */
ATR_API void atr_request_headers(const atr_request *r,
                                 void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API void atr_request_query(const atr_request *r,
                               void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API atr_str atr_request_body(const atr_request *r);
ATR_API atr_str atr_request_address(const atr_request *r);
ATR_API int atr_request_secure(const atr_request *r);
/* The subject of the client's TLS certificate ("CN=ann,O=Example"), valid in the callback; empty:
 * it showed none. *verified (NULL is fine): whether an authority of "tlsCa" vouches for it. */
ATR_API atr_str atr_request_client_cert(const atr_request *r, int *verified);

typedef struct atr_response {
    unsigned status;             /* 0: 200 */
    atr_str type;                /* Content-Type */
    const atr_str (*headers)[2]; /* name and value */
    size_t header_count;
    atr_str body; /* copied */
    int compress; /* when the client accepts it and it pays */
} atr_response;

/* Answers. ATR_ESTATE when it was answered before; ATR_ESYNTAX when a header has bad characters. */
ATR_API int atr_respond(atr_request *r, const atr_response *res);

#ifdef __cplusplus
}
#endif

#endif
