/* http/static_files.h - files of a folder under a URL prefix.
 *
 * ETag and Last-Modified with conditional requests, single ranges, content types, gzip (a file.gz
 * beside it, or compressed on the fly and cached up to a bound), index.html for folders. No path
 * leaves the folder: dot segments and escapes of them are refused, symbolic links are resolved
 * beneath the folder. Dot files are not served. Large files are streamed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_STATIC_FILES_H
#define HTTP_STATIC_FILES_H

#include "http/server.h"

struct static_files;

/* Serves dir. prefix is what is cut off request paths ("/" for all). max_age in seconds for
 * Cache-Control (0: "public, max-age=0"). ATR error or -errno with why when dir cannot be opened.
 */
int static_files_new(str prefix, const char *dir, unsigned max_age, struct static_files **out,
                     char *why) MUST_CHECK;
struct http_handler *static_files_handler(struct static_files *f);
void static_files_free(struct static_files *f);

#endif
