/* super/units.c - see units.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/units.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* Digits, then one of the units, the last of which has no name. */
static int read(str s, const struct unit *units, int64_t max, int64_t *out)
{
    size_t digits = 0;
    uint64_t n;
    int64_t product;
    int err;

    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    str unit = { s.p + digits, s.n - digits };
    while (*units->name && !str_ieq(unit, str_of(units->name)))
        units++;
    if (!*units->name && unit.n)
        return ATR_ESYNTAX;
    if ((err = str_to_u64(str_n(s.p, digits), INT64_MAX, &n)) < 0)
        return err;
    if (__builtin_mul_overflow((int64_t)n, units->factor, &product) || product > max)
        return ATR_ERANGE;
    *out = product;
    return 0;
}

int units_ms(str s, int64_t max, int64_t *out)
{
    static const struct unit units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1 }
    };

    return read(s, units, max, out);
}

int units_bytes(str s, int64_t max, int64_t *out)
{
    static const struct unit units[] = { { "K", 1 << 10 },  { "KB", 1 << 10 }, { "M", 1 << 20 },
                                         { "MB", 1 << 20 }, { "G", 1 << 30 },  { "GB", 1 << 30 },
                                         { "B", 1 },        { "", 1 } };

    return read(s, units, max, out);
}

int units_instances(str s, int64_t max, int64_t *out)
{
    static const struct unit units[] = { { "", 1 } };
    bool minus = s.n && s.p[0] == '-';
    int err;

    if (str_eq(s, STR("max"))) {
        *out = 0;
        return 0;
    }
    if (minus)
        s = str_n(s.p + 1, s.n - 1);
    if ((err = read(s, units, max, out)) < 0)
        return err;
    if (minus)
        *out = -*out;
    return 0;
}
