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
 * atr_respond(), at once or later (keep the request's ref, not the request). Routes are tried in
 * order, before static files. Returns 0, or ATR_ESYNTAX on a malformed method or pattern. */
ATR_API int atr_http_route(atr_app *app, atr_str method, atr_str pattern,
                           void (*fn)(void *user, atr_request *r), void *user);

/* Serves the files of a folder under a URL prefix, index.html for the folder itself; answers
 * conditional and range requests, compresses. max_age_seconds goes into Cache-Control. Returns 0,
 * or with the reason in why a negated errno (no such folder) or ATR_EEXISTS (the prefix is taken).
 */
ATR_API int atr_http_static(atr_app *app, atr_str prefix, const char *folder,
                            unsigned max_age_seconds, char *why);

/* --- Requests. Of one that waits for its answer the ref may be kept; it goes stale when it is
 * answered and when the client leaves. Requests of handshakes have no ref (0). All texts are valid
 * until the callback returns in which they were asked for. --- */
ATR_API atr_ref atr_request_ref(const atr_request *r);
ATR_API atr_request *atr_request_find(atr_app *app, atr_ref ref); /* NULL: gone */
ATR_API atr_str atr_request_method(const atr_request *r);
ATR_API atr_str atr_request_url(const atr_request *r);  /* as sent: path and query */
ATR_API atr_str atr_request_path(const atr_request *r); /* unescaped */
/* What the route's pattern captured, unescaped; p == NULL: the pattern has no such name. */
ATR_API atr_str atr_request_param(const atr_request *r, atr_str name);
ATR_API atr_str atr_request_header(const atr_request *r, atr_str name); /* p == NULL: absent */
/* Calls fn for each header (names in lower case) or query parameter (unescaped), in order. */
ATR_API void atr_request_headers(const atr_request *r,
                                 void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API void atr_request_query(const atr_request *r,
                               void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API atr_str atr_request_body(const atr_request *r);    /* whole; empty when there is none */
ATR_API atr_str atr_request_address(const atr_request *r); /* of the peer, without its port */
ATR_API int atr_request_secure(const atr_request *r);      /* 1: it came over TLS */
/* The subject of the client's TLS certificate ("CN=ann,O=Example"), valid in the callback; empty:
 * it showed none. *verified (NULL is fine): whether an authority of "tlsCa" vouches for it. */
ATR_API atr_str atr_request_client_cert(const atr_request *r, int *verified);

typedef struct atr_response {
    size_t size;                 /* sizeof(atr_response), or 0 */
    unsigned status;             /* 0: 200 */
    atr_str type;                /* Content-Type; empty: none */
    const atr_str (*headers)[2]; /* name and value */
    size_t header_count;
    atr_str body; /* copied */
    int compress; /* when the client accepts it and it pays */
} atr_response;
#define ATR_RESPONSE_INIT ATR_INIT(atr_response)

/* Answers; everything is copied. Returns 0; ATR_ESTATE when it was answered before or belongs to no
 * route; ATR_ESYNTAX when a header has bad characters, ATR_ERANGE when status is not within 200 to
 * 599 (nothing is answered then). */
ATR_API int atr_respond(atr_request *r, const atr_response *res);

/* --- Headers set before the answer: any request that is not answered yet. The answer has them,
 * but for those whose name it brings itself. Return 0; ATR_ESTATE when it was answered; ATR_ESYNTAX
 * when name or value has bad characters, or the name is one that the server writes itself
 * (Connection, Content-Length, Date, Keep-Alive, Transfer-Encoding, Upgrade, Sec-WebSocket-...).
 * ---
 */
/* In place of those of that name; value.p == NULL: none at all. */
ATR_API int atr_response_set_header(atr_request *r, atr_str name, atr_str value);
ATR_API int atr_response_add_header(atr_request *r, atr_str name, atr_str value);
/* Calls fn for each, in order; fn must not change them. */
ATR_API void atr_response_headers(const atr_request *r,
                                  void (*fn)(void *arg, atr_str name, atr_str value), void *arg);

#ifdef __cplusplus
}
#endif

#endif
