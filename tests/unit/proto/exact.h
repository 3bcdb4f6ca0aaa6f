/* unit/proto/exact.h - heap copies of exactly the input's size, so that AddressSanitizer sees a
 * read of one byte too many.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_PROTO_EXACT_H
#define UNIT_PROTO_EXACT_H

#include <stdlib.h>

#include "test.h"

/* A slice in a static table: C has no constant compound literals. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* Free with free((void *)copy.p). Never NULL, also when s is empty. */
static inline str exact_copy(str s)
{
    char *copy = malloc(s.n);

    assert_non_null(copy);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return (str){ copy, s.n };
}

#endif
