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
/* Appends the compressed form of in (up to 2 GiB). level: 1 (fast) to 9 (small). */
void http_compress(struct buf *out, enum http_coding c, str in, int level);
/* Gives this thread's compressors back (at exit, and in tests). */
void http_compress_trim(void);

#endif
