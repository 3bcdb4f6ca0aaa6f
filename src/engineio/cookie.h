/* engineio/cookie.h - the Set-Cookie line that load balancers route a polling session by.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_COOKIE_H
#define ENGINEIO_COOKIE_H

#include "base/buf.h"
#include "engineio/options.h"

/* Appends the header line; nothing when the cookie is off. */
void eio_cookie_header(struct buf *out, const struct eio_cookie *cookie, str sid);

#endif
