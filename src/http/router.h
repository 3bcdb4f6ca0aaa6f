/* http/router.h - which handler serves a request: mounts first, then rules in order, then
 * fallbacks.
 *
 * Mounts take a whole prefix, whatever the method (engines). Rules are a method and a pattern:
 * "/users/:id" captures a segment, a final "/ *" (without the space) captures the rest, under the
 * name
 * "*". Fallbacks take a prefix that no rule served (static files). Prefixes and the literal parts
 * of patterns are compared with the raw path; captures are unescaped when asked for.
 *
 * A path that a rule knows only for other methods, and no fallback serves, is answered 405 with
 * Allow.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/server.h"

struct http_router {
    struct http_mount *mounts; /* longest prefix first */
    size_t mount_count;
    struct http_rule *rules; /* in the order they were added */
    size_t rule_count;
    struct http_mount *fallbacks; /* longest prefix first */
    size_t fallback_count;
    struct http_handler deny; /* answers 405 */
};

void http_router_init(struct http_router *t);
/* Every request whose path begins with prefix goes to h, any method. ATR_EEXISTS when taken. */
int http_router_mount(struct http_router *t, str prefix, struct http_handler *h) MUST_CHECK;
void http_router_unmount(struct http_router *t, str prefix);
/* The same, but tried only after the rules; GET and HEAD only. */
int http_router_fallback(struct http_router *t, str prefix, struct http_handler *h) MUST_CHECK;
/* method: "GET" (serves HEAD too), ..., or "*". ATR_ESYNTAX when the pattern does not begin with a
 * slash, has an empty name, or a '*' elsewhere than as its last segment. */
int http_router_add(struct http_router *t, str method, str pattern,
                    struct http_handler *h) MUST_CHECK;
/* As http_route: give it to http_server_init() with the router as user. */
struct http_handler *http_router_find(void *router, struct http_request *r, unsigned *why_status);
/* A captured parameter of the matched pattern, as sent or, when it has escapes, unescaped behind
 * what is in scratch; p == NULL: none, or badly escaped. */
str http_router_param(const struct http_router *t, const struct http_request *r, str name,
                      struct buf *scratch);
void http_router_free(struct http_router *t);

#endif
