/* base/buf.h - a growable array of bytes with a ceiling.
 *
 * Invariants: len <= cap; an empty buffer need not own memory; a zeroed struct buf is a valid empty
 * buffer without a ceiling. Growth that a peer drives goes through a buffer whose max is set: it
 * then fails with ATR_ELIMIT and changes nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct buf {
    uint8_t *data; /* NULL while nothing was ever stored */
    size_t len, cap;
    size_t max; /* 0: no ceiling */
};

#define BUF_MAX(n) ((struct buf){ .max = (n) })

/* Makes room for n more bytes behind len. ATR_ELIMIT past max. */
int buf_reserve(struct buf *b, size_t n) MUST_CHECK;
/* The bounded forms, for peer-driven growth. */
int buf_try_append(struct buf *b, const void *p, size_t n) MUST_CHECK;
/* The unbounded forms: asserts that the ceiling is not hit, so only for buffers of our own. */
void buf_append(struct buf *b, const void *p, size_t n);
void buf_add(struct buf *b, str s);
void buf_byte(struct buf *b, uint8_t c);
void buf_u64(struct buf *b, uint64_t n); /* decimal */
void buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vformat(struct buf *b, const char *format, va_list args);
uint8_t *buf_extend(struct buf *b, size_t n); /* len += n; returns the new bytes, not set */
void buf_consume(struct buf *b, size_t n);    /* drops n bytes from the front */
void buf_clear(struct buf *b);                /* len = 0, keeps memory */
void buf_free(struct buf *b);                 /* gives the memory back; keeps max */

static inline str buf_str(const struct buf *b)
{
    return (str){ (const char *)b->data, b->len };
}

#endif
