/* base/str.h - a borrowed slice of bytes: pointer and length, not terminated, never owned.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
    const char *p; /* may be NULL only when n is 0 */
    size_t n;
} str;

#define STR(literal)       ((str){ (literal), sizeof(literal) - 1 })
#define STR_PARTS(literal) (literal), sizeof(literal) - 1 /* static tables: { STR_PARTS("x") } */
#define STR_ARG(s)         (int)(s).n, (s).p              /* for "%.*s" */

static inline str str_of(const char *z)
{
    return (str){ z, z ? strlen(z) : 0 };
}
static inline str str_n(const void *p, size_t n)
{
    return (str){ p, n };
}
static inline bool str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int str_cmp(str a, str b);  /* as memcmp, shorter first */
bool str_ieq(str a, str b); /* ASCII case folded */
bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);
bool str_istarts(str s, str prefix);     /* ASCII case folded */
ptrdiff_t str_find(str s, char c);       /* index of the first c, or -1 */
ptrdiff_t str_search(str s, str needle); /* index of the first needle, or -1 */
str str_trim(str s);                     /* without spaces and tabs at both ends */

/* Cuts the part before the first `sep` off *rest and puts it in *part; *rest keeps what follows.
 * Without a separator the whole is the part. Returns false when *rest was exhausted (p == NULL). */
bool str_cut(str *rest, char sep, str *part);

/* Decimal digits only, the whole slice. ATR_ESYNTAX when empty or not digits, ATR_ERANGE above max.
 */
int str_to_u64(str s, uint64_t max, uint64_t *out) __attribute__((warn_unused_result));

/* How many letters have to be changed, added or dropped to make b of a, case folded: for "did you
 * mean". Names longer than 64 bytes are 64 away from everything. */
size_t str_distance(str a, str b);
/* Whether a name at that distance is worth suggesting. */
static inline bool str_is_near(str name, size_t distance)
{
    return distance <= 2 + name.n / 3;
}

/* A zero-terminated copy; free with mem_free(). */
char *str_dup(str s);

#endif
