/* http/file_pull.h - an answer whose body is a part of a file. Internal to the http layer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_FILE_PULL_H
#define HTTP_FILE_PULL_H

#include "http/server.h"

/* Streams the bytes of fd from `first` to before `end`. Closes fd when done, or not done. */
void file_pull_start(struct http_request *r, const struct http_response *res, int fd,
                     uint64_t first, uint64_t end);

#endif
