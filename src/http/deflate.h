/* http/deflate.h - raw DEFLATE (RFC 1951) of one message after the other, as RFC 7692 7.2 has it.
 *
 * A message may refer to what went before it, its history. That is given to each call as plain
 * bytes, so a connection that keeps its context owns that text and no compressor: those are one per
 * thread and window, a quarter of a megabyte each.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_DEFLATE_H
#define HTTP_DEFLATE_H

#include <stdint.h>

#include "base/buf.h"

enum { DEFLATE_BITS_MIN = 9, DEFLATE_BITS_MAX = 15 }; /* zlib cannot compress for 8 */

struct deflate_how {
    uint8_t window_bits; /* DEFLATE_BITS_MIN to DEFLATE_BITS_MAX */
    uint8_t level;       /* 1 (fast) to 9 */
    uint8_t mem_level;   /* 1 to 9: of the compressor's own memory */
};

/* Appends `in`, which is not empty, compressed, to out: whole blocks, the four bytes that end a
 * sync flush left out (7.2.1). history: what the receiver has in its window; at most that is used.
 */
void deflate_message(struct buf *out, str in, str history, const struct deflate_how *how);

/* The reverse (7.2.2). out->max bounds the result: ATR_ELIMIT beyond it. ATR_ESYNTAX when `in` is
 * no such message. out may be changed on failure, too. */
int deflate_restore(struct buf *out, str in, str history) MUST_CHECK;

/* Gives this thread's compressors back (at exit, and in tests). */
void deflate_trim(void);

#endif
