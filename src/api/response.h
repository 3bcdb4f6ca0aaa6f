/* api/response.h - answers that applications give, checked and in the form the http layer takes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_RESPONSE_H
#define API_RESPONSE_H

#include "api/app.h"
#include "base/buf.h"

/* Checks res and fills out, whose header lines go into headers, which is empty and the caller's to
 * free. ATR_ESYNTAX when a header has bad characters, ATR_ERANGE when the status is none. */
int response_read(const atr_response *res, struct buf *headers, struct http_response *out);

#endif
