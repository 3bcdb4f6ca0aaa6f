/* http/compress.h - gzip and deflate of whole bodies (zlib), and what a client accepts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_COMPRESS_H
#define HTTP_COMPRESS_H

#include "base/buf.h"

enum http_coding { HTTP_IDENTITY, HTTP_GZIP, HTTP_DEFLATE };

/* The coding to use for an Accept-Encoding value: gzip before deflate, q=0 respected. */
enum http_coding http_coding_of(str accept_encoding);
const char *http_coding_name(enum http_coding c); /* "gzip" */
/* Appends the compressed form of in. */
void http_compress(struct buf *out, enum http_coding c, str in, int level);

#endif
