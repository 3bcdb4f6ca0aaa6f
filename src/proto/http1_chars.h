/* proto/http1_chars.h - character classes of HTTP/1.1, shared by the files of http1.h. Internal.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_HTTP1_CHARS_H
#define PROTO_HTTP1_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP1_TOKEN = 1,  /* tchar (RFC 9110 5.6.2) */
    HTTP1_TARGET = 2, /* visible ASCII without '#': what a request target may hold */
    HTTP1_HOST = 4,   /* of uri-host ":" port (RFC 3986 3.2.2), without the comma */
    HTTP1_DIGIT = 8,
    HTTP1_VALUE = 16 /* field-vchar, space and tab (RFC 9110 5.5); obs-text too */
};

extern const uint8_t http1_class[256];

static inline bool http1_is(char c, unsigned class)
{
    return http1_class[(uint8_t)c] & class;
}

/* The first byte at or behind p that may not stand in a field value; end when there is none. */
const char *http1_skip_value(const char *p, const char *end);

#endif
