/* unit/proto/hex.h - bytes written as hexadecimal digits in tests.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_PROTO_HEX_H
#define UNIT_PROTO_HEX_H

#include <stdlib.h>

#include "test.h"

/* A heap copy of exactly the bytes that the digits (spaces are passed over) stand for; free with
 * free((void *)copy.p). */
static inline str hex_bytes(const char *digits)
{
    char *to = malloc(strlen(digits) / 2);
    size_t n = 0;
    unsigned byte;

    assert_non_null(to);
    for (; *digits; digits += *digits == ' ' ? 1 : 2) {
        if (*digits == ' ')
            continue;
        assert_int_equal(sscanf(digits, "%2x", &byte), 1);
        to[n++] = (char)byte;
    }
    return (str){ to, n };
}

static inline void assert_hex(str actual, const char *digits)
{
    str expected = hex_bytes(digits);

    assert_int_equal(actual.n, expected.n);
    assert_memory_equal(actual.p, expected.p, expected.n);
    free((void *)expected.p);
}

#endif
