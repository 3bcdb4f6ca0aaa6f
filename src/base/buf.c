/* base/buf.c - growing arrays of bytes: capacity doubles, and stops at the ceiling.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

enum { FIRST_CAP = 64 };

int buf_grow(struct buf *b, size_t n)
{
    size_t want, cap;

    if (__builtin_add_overflow(b->len, n, &want) || want > PTRDIFF_MAX)
        return ATR_ELIMIT;
    if (b->max && want > b->max)
        return ATR_ELIMIT;
    cap = b->cap < FIRST_CAP / 2 ? FIRST_CAP : b->cap * 2;
    if (cap < want)
        cap = want;
    if (b->max && cap > b->max)
        cap = b->max;
    b->data = mem_realloc(b->data, cap);
    b->cap = cap;
    return 0;
}

void buf_grow_own(struct buf *b, size_t n)
{
    int err = buf_grow(b, n);

    ASSERT(err == 0);
}

int buf_try_append(struct buf *b, const void *p, size_t n)
{
    int err = buf_reserve(b, n);

    if (err < 0)
        return err;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    return 0;
}

void buf_u64(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    buf_append(b, digits + at, sizeof digits - at);
}

void buf_vformat(struct buf *b, const char *format, va_list args)
{
    size_t room = b->cap - b->len;
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(room ? (char *)b->data + b->len : NULL, room, format, args);
    ASSERT(n >= 0);
    if ((size_t)n >= room) {
        /* One more for the terminator that vsnprintf insists on; a ceiling must leave room for it.
         */
        buf_grow_own(b, (size_t)n + 1);
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, again);
    }
    va_end(again);
    b->len += (size_t)n;
}

void buf_format(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vformat(b, format, args);
    va_end(args);
}

void buf_consume(struct buf *b, size_t n)
{
    ASSERT(n <= b->len);
    b->len -= n;
    if (b->len && n)
        memmove(b->data, b->data + n, b->len);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}

void buf_free(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){ .max = b->max };
}
