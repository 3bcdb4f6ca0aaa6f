/* http/conditions.h - entity tags, conditional requests and ranges (RFC 9110 8.8, 13, 14). Internal
 * to the http layer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_CONDITIONS_H
#define HTTP_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/http1.h"

/* Whether a list of entity tags ("*" is any) holds `etag`, by weak comparison. */
bool etag_listed(str list, str etag);

/* Whether the client's copy is the current one: If-None-Match, or without it If-Modified-Since. */
bool http_not_modified(const struct http_head *h, str etag, int64_t modified_s);

enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_ONE, HTTP_RANGE_UNSATISFIABLE };

/* The range of `size` bytes to send, from *first to *last. Several ranges, other units and
 * malformed ones are as good as none (14.2), and so is a range of another state of the file
 * (If-Range). */
enum http_range http_range_of(const struct http_head *h, uint64_t size, str etag,
                              int64_t modified_s, uint64_t *first, uint64_t *last);

#endif
