/* base/base64.h - RFC 4648 section 4, standard alphabet with padding.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

static inline size_t base64_encoded_size(size_t n)
{
    return (n + 2) / 3 * 4;
}
/* Writes base64_encoded_size(n) characters, not terminated. */
void base64_encode(char *out, const void *in, size_t n);

/* Decodes into out (room for in.n / 4 * 3 + 3 bytes; may be in itself). Missing padding and the
 * URL-safe alphabet are accepted, as Node's decoder does; any other character is ATR_ESYNTAX.
 * Returns the number of bytes. */
ptrdiff_t base64_decode(uint8_t *out, str in);

#endif
