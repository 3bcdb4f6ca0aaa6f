/* http/response.h - the head of an answer whose body comes in pieces. Internal to the http layer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/server.h"

/* Queues the head of an answer of `length` bytes; r is answered thereby, its body is the caller's.
 */
void http_response_head(struct http_request *r, const struct http_response *res, uint64_t length);

#endif
