/* super/client.h - a command's end of the control socket, and the start of a supervisor.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_CLIENT_H
#define SUPER_CLIENT_H

#include "base/buf.h"
#include "super/home.h"

/* Sends the request and waits for the answer, appended to it. 0 when that says ok; else a negative
 * code with the sentence in why; -ENOENT: there is no supervisor. */
int client_ask(const struct home *h, str request, struct buf *answer, char *why) MUST_CHECK;

/* Starts a supervisor in the background unless one runs. */
int client_ensure(const struct home *h, char *why) MUST_CHECK;

#endif
