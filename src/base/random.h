/* base/random.h - random bytes from the kernel, buffered per thread, safe after fork.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t n);
uint64_t random_u64(void);

/* Writes n characters of [A-Za-z0-9_-]; not terminated. */
void random_name(char *out, size_t n);

#endif
