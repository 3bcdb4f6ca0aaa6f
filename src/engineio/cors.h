/* engineio/cors.h - cross-origin headers, with the meaning of the express `cors` package.
 *
 * Also for what is served beside the engine under the same path (the client bundle).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_CORS_H
#define ENGINEIO_CORS_H

#include "base/buf.h"
#include "engineio/options.h"
#include "proto/http1.h"

/* Appends the header lines that an answer to this request carries; nothing when CORS is off. */
void eio_cors_headers(struct buf *out, const struct eio_cors *cors, const struct http_head *head);

/* The same for a preflight (OPTIONS). */
void eio_cors_preflight(struct buf *out, const struct eio_cors *cors, const struct http_head *head);

#endif
