/* engineio/body.h - bodies of polling: packets in the form that the session's client speaks, which
 * its first request settled.
 *
 * Protocol 4 has one form. Protocol 3 has one of texts and one with bytes, which is used when there
 * are bytes and the client takes them. JSONP wraps texts of either protocol.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_BODY_H
#define ENGINEIO_BODY_H

#include "engineio/polling.h"

/* The index of the parameter `j`, digits and a NUL, to be freed; NULL: the query does not ask for
 * JSONP. */
char *eio_body_jsonp(str query);

/* Writes messages and then (unless 0) one packet without data into out, which is cleared first.
 * Returns the body's type. */
str eio_body_write(struct buf *out, const struct eio_polling *p, struct msg *const *msgs, size_t n,
                   char last);

/* Whether the request says that its body is protocol 3's form with bytes. */
bool eio_body_is_binary(const struct http_request *r);

/* Starts on r's body, which is changed in place. PARSE_DONE or PARSE_BAD. */
enum parse eio_body_open(struct eio_body *b, const struct eio_polling *p, struct http_request *r);
/* The next packet. PARSE_DONE or PARSE_BAD (also when nothing is left). */
enum parse eio_body_next(struct eio_body *b, struct eio_packet *out);

#endif
