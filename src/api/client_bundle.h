/* api/client_bundle.h - the browser client (socket.io.js and its minified forms) under a server's
 * path.
 *
 * The files are those of the npm package socket.io-client, fetched by the build and installed with
 * the program; the folder is found beside the program, in the install prefix, or through
 * ATRIUM_CLIENT_DIR.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_CLIENT_BUNDLE_H
#define API_CLIENT_BUNDLE_H

#include <limits.h>

#include "engineio/options.h"
#include "http/router.h"

struct client_bundle;

/* Mounts what is there below path. NULL when no folder with the files was found. cors must outlive
 * it. */
struct client_bundle *client_bundle_new(struct http_router *router, str path,
                                        const struct eio_cors *cors);
/* The folder with the client's files; false: there is none. */
bool client_folder_find(char out[PATH_MAX]);
void client_bundle_free(struct client_bundle *b); /* unmounts; NULL is fine */

#endif
