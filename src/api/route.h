/* api/route.h - routes of an application, and requests that wait for its answer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "http/server.h"

/* The loop a request belongs to. */
struct loop *request_loop(const struct http_request *r);

#endif
