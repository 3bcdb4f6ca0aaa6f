/* base/assert.c - the end of a worker that found its own mistake.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
