/* http/zlib_memory.h - zlib's memory comes from ours, so that it is counted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_ZLIB_MEMORY_H
#define HTTP_ZLIB_MEMORY_H

/* For z_stream's zalloc and zfree. */
void *zlib_alloc(void *opaque, unsigned items, unsigned size);
void zlib_free(void *opaque, void *p);

#endif
