/* http/zlib_memory.c - see zlib_memory.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/zlib_memory.h"

#include <stddef.h>

#include "base/mem.h"

void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return mem_alloc((size_t)items * size);
}

void zlib_free(void *opaque, void *p)
{
    (void)opaque;
    mem_free(p);
}
