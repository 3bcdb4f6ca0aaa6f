/* base/sha1.h - SHA-1 (RFC 3174), for the WebSocket handshake and entity tags only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

void sha1(uint8_t out[20], const void *in, size_t n);

#endif
