/* base/str.c - slices of bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/str.h"

#include "base/err.h"
#include "base/mem.h"

static inline unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;

    return (unsigned char)(u - 'A') < 26 ? (unsigned char)(u | 0x20) : u;
}

int str_cmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int diff = n ? memcmp(a.p, b.p, n) : 0;

    return diff ? diff : (a.n > b.n) - (a.n < b.n);
}

bool str_ieq(str a, str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool str_starts(str s, str prefix)
{
    return s.n >= prefix.n && str_eq((str){ s.p, prefix.n }, prefix);
}

bool str_ends(str s, str suffix)
{
    if (s.n < suffix.n)
        return false;
    return suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0;
}

bool str_istarts(str s, str prefix)
{
    return s.n >= prefix.n && str_ieq((str){ s.p, prefix.n }, prefix);
}

ptrdiff_t str_find(str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

    return at ? at - s.p : -1;
}

ptrdiff_t str_search(str s, str needle)
{
    const char *at;

    if (needle.n == 0)
        return 0;
    at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? at - s.p : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

str str_trim(str s)
{
    while (s.n && is_blank(s.p[0]))
        s = (str){ s.p + 1, s.n - 1 };
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(str *rest, char sep, str *part)
{
    ptrdiff_t at;

    if (!rest->p)
        return false;
    at = str_find(*rest, sep);
    if (at < 0) {
        *part = *rest;
        *rest = (str){ NULL, 0 };
    } else {
        *part = (str){ rest->p, (size_t)at };
        *rest = (str){ rest->p + at + 1, rest->n - (size_t)at - 1 };
    }
    return true;
}

int str_to_u64(str s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    bool over = false;

    if (s.n == 0)
        return ATR_ESYNTAX;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        if (digit > 9)
            return ATR_ESYNTAX;
        over |= __builtin_mul_overflow(value, (uint64_t)10, &value);
        over |= __builtin_add_overflow(value, (uint64_t)digit, &value);
    }
    if (over || value > max)
        return ATR_ERANGE;
    *out = value;
    return 0;
}

size_t str_distance(str a, str b)
{
    enum { LONGEST = 64 };
    size_t row[LONGEST + 1]; /* Levenshtein's table, one line at a time */

    if (a.n > LONGEST || b.n > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j], same = (a.p[i - 1] | 32) == (b.p[j - 1] | 32);
            size_t best = diagonal + !same;
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b.n];
}

char *str_dup(str s)
{
    char *copy = mem_alloc(s.n + 1);

    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}
