/* proto/jsonp.h - polling by script elements and forms (socketio.md 1.11): what wraps a payload on
 * its way to the browser, and on its way back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_JSONP_H
#define PROTO_JSONP_H

#include "base/buf.h"
#include "base/str.h"
#include "proto/parse.h"

/* Appends ___eio[<j>](<payload as a string>); - JavaScript, not only JSON: U+2028 and U+2029, which
 * older engines take for line ends, are escaped. index is the query's parameter `j` as it came: of
 * it only the digits are written, so no client can choose the script. Bytes that are not UTF-8
 * become U+FFFD. */
void jsonp_wrap(struct buf *out, str index, str payload);

/* Unwraps the body of a form, d=<payload>, in place: *payload, which is UTF-8, points into it.
 * Other fields are passed over. PARSE_DONE or PARSE_BAD (no field d, or more than one, a bad
 * escape, not UTF-8).
 *
 * Browsers change line ends in forms, so clients write a newline as \n, and put one more backslash
 * in front where the payload has these two characters itself. */
enum parse jsonp_unwrap(char *body, size_t n, str *payload);

#endif
