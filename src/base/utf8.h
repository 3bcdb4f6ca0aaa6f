/* base/utf8.h - UTF-8 validation (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const void *p, size_t n);

/* Restartable form: *state starts at 0, is fed piece by piece, and is 0 again at the end of a whole
 * text. Returns false as soon as no continuation could make the text valid (fail fast). */
bool utf8_feed(uint32_t *state, const void *p, size_t n);

/* Writes the code point's 1 to 4 bytes; returns how many. Surrogates are written as three bytes. */
size_t utf8_put(uint8_t *out, uint32_t code_point);

#endif
