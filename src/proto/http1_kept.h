/* proto/http1_kept.h - request heads that were kept as text, and are looked at now and then.
 *
 * They were parsed strictly before, so lines end in CRLF and colons are there; on other text the
 * answers mean nothing, but stay within it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_HTTP1_KEPT_H
#define PROTO_HTTP1_KEPT_H

#include "base/str.h"

str http1_kept_target(str head);
/* The first header of that name (case folded); p == NULL when absent. */
str http1_kept_header(str head, str name);
/* Walks the headers, names as they were sent:
 *     str rest = http1_kept_headers(head), name, value;
 *     while (http1_kept_next(&rest, &name, &value)) ... */
str http1_kept_headers(str head);
bool http1_kept_next(str *rest, str *name, str *value);

#endif
