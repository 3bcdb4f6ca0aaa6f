/* http/router.h - which handler serves a request: exact prefixes first, then patterns in order.
 *
 * Patterns: "/users/:id" captures a segment, a final "/ *" (without the space) captures the rest.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/server.h"

struct http_router {
    struct http_mount *mounts; /* by prefix of the raw path, longest first */
    size_t mount_count;
    struct http_rule *rules;   /* method and pattern, in the order they were added */
    size_t rule_count;
};

/* Every request whose path begins with prefix goes to h, any method. ATR_EEXISTS when taken. */
int http_router_mount(struct http_router *t, str prefix, struct http_handler *h) MUST_CHECK;
void http_router_unmount(struct http_router *t, str prefix);
/* method: "GET" (serves HEAD too), ..., or "*". */
int http_router_add(struct http_router *t, str method, str pattern, struct http_handler *h) MUST_CHECK;
/* As http_route: give it to http_server_init() with the router as user. */
struct http_handler *http_router_find(void *router, struct http_request *r, unsigned *why_status);
/* A captured parameter of the matched pattern, unescaped into scratch; p == NULL: none. */
str http_router_param(const struct http_router *t, const struct http_request *r, str name, struct buf *scratch);
void http_router_free(struct http_router *t);

#endif
