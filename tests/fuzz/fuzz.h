/* fuzz/fuzz.h - what every fuzz target shares.
 *
 * A target takes any bytes, gives them to a codec in a heap block of exactly their size, and
 * asserts properties of the answer with ASSERT(): a crash is a finding, with libFuzzer and with
 * replay.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A block of exactly n bytes; free with free(). */
static inline void *fuzz_copy(const void *data, size_t n)
{
    void *copy = malloc(n);

    ASSERT(copy);
    return n ? memcpy(copy, data, n) : copy;
}

#endif
