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

int buf_grow(struct buf *b, size_t n) MUST_CHECK; /* internal: buf_reserve() found no room */
void buf_grow_own(struct buf *b, size_t n);       /* internal: the same, asserting success */

static inline bool buf_has_room(const struct buf *b, size_t n)
{
    return n <= b->cap - b->len && (b->max == 0 || b->len + n <= b->max);
}

/* Makes room for n more bytes behind len. ATR_ELIMIT past max. */
MUST_CHECK static inline int buf_reserve(struct buf *b, size_t n)
{
    return buf_has_room(b, n) ? 0 : buf_grow(b, n);
}

/* Bounded, for growth that a peer drives. */
int buf_try_append(struct buf *b, const void *p, size_t n) MUST_CHECK;

/* What follows is unbounded: it asserts that the ceiling is not hit, so only for buffers of our
 * own. Appended bytes must not lie in the buffer itself. */

/* len += n; returns the new bytes, not set. */
static inline uint8_t *buf_extend(struct buf *b, size_t n)
{
    size_t at = b->len;

    if (!b->data || !buf_has_room(b, n))
        buf_grow_own(b, n);
    b->len += n;
    return b->data + at;
}
static inline void buf_byte(struct buf *b, uint8_t c)
{
    *buf_extend(b, 1) = c;
}
static inline void buf_append(struct buf *b, const void *p, size_t n)
{
    if (n)
        memcpy(buf_extend(b, n), p, n);
}
static inline void buf_add(struct buf *b, str s)
{
    buf_append(b, s.p, s.n);
}
void buf_u64(struct buf *b, uint64_t n); /* decimal */
void buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vformat(struct buf *b, const char *format, va_list args);

void buf_consume(struct buf *b, size_t n); /* drops n bytes from the front */
void buf_clear(struct buf *b);             /* len = 0, keeps memory */
void buf_free(struct buf *b);              /* gives the memory back; keeps max */

static inline str buf_str(const struct buf *b)
{
    return (str){ (const char *)b->data, b->len };
}

#endif
