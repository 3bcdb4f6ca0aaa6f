/* http/date.h - dates as HTTP writes them (RFC 9110 5.6.7). Internal to the http layer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { HTTP_DATE_LEN = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT", not terminated. Years 1970 to 9999. */
void http_date_write(char out[HTTP_DATE_LEN], int64_t unix_s);

/* Reads that form. The two obsolete forms are refused: a condition with one is then ignored, which
 * is always correct. */
bool http_date_read(str text, int64_t *unix_s);

#endif
