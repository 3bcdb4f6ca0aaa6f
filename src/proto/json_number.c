/* proto/json_number.c - numbers: JSON text <-> double, int64.
 *
 * Reading is exact (round to nearest), writing is ECMAScript's Number::toString: the fewest digits
 * that read back as the same double, closest to it when several qualify. Both have a fast path for
 * numbers of at most 15 digits, which floating point itself gets right, and fall back to the C
 * library. The locale's decimal point never matters: text given to the library is made of digits
 * and an exponent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/json_scan.h"

enum {
    DIGITS_SURE = 15,  /* decimals of up to so many digits survive a double */
    DIGITS_MAX = 17,   /* so many tell any two doubles apart */
    DIGITS_KEPT = 800, /* more than 767 never change how a decimal rounds, but for being zero */
    POWER_EXACT = 22,  /* the largest power of ten that is a double */
    EXPONENT_BOUND = 1 << 20,
    NUMBER_CHARS = 32 /* "-0.00000" and 17 digits, or 21 digits */
};

#define INTEGER_EXACT 9007199254740992.0 /* 2^53 */

static const double powers[POWER_EXACT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* --- Reading --- */

/* A number cut into parts: its value is mantissa * 10^exponent while digits <= 19. */
struct decimal {
    bool negative, fraction;
    uint64_t mantissa;     /* the first 19 significant digits */
    int64_t exponent;      /* of the last digit, wherever the point stood */
    size_t digits;         /* significant ones, leading zeros left out */
    const char *from, *to; /* the digits and the point */
};

static const char *read_digits(struct decimal *d, const char *p, const char *end)
{
    for (; p < end && json_is_digit(*p); p++) {
        if (d->digits < 19)
            d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
        d->digits += d->digits > 0 || *p != '0';
    }
    return p;
}

static const char *read_exponent(struct decimal *d, const char *p, const char *end)
{
    bool negative = false;
    int64_t exponent = 0;

    if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
    for (; p < end && json_is_digit(*p); p++)
        if (exponent < EXPONENT_BOUND)
            exponent = exponent * 10 + (*p - '0');
    d->exponent += negative ? -exponent : exponent;
    return p;
}

/* False when value is no number. */
static bool cut(str value, struct decimal *out)
{
    const char *end = json_end_of(value), *p = value.p, *point;
    struct decimal d = { 0 };

    if (p < end && *p == '-')
        d.negative = true, p++;
    if (p == end || !json_is_digit(*p))
        return false;
    d.from = p;
    p = read_digits(&d, p, end);
    if (p < end && *p == '.') {
        point = p++;
        p = read_digits(&d, p, end);
        d.exponent = -(int64_t)(p - point - 1);
        d.fraction = true;
    }
    d.to = p;
    if (p < end && (*p | 0x20) == 'e') {
        d.fraction = true;
        p = read_exponent(&d, p + 1, end);
    }
    *out = d;
    return p == end;
}

/* The C library rounds what the fast path cannot: digits and exponent are spelled out again without
 * a point, and at most DIGITS_KEPT of them, so that the length of the text does not matter. */
static double round_slowly(const struct decimal *d)
{
    char text[DIGITS_KEPT + 32], *to = text;
    size_t kept = d->digits < DIGITS_KEPT ? d->digits : DIGITS_KEPT, seen = 0;
    int64_t exponent = d->exponent + (int64_t)(d->digits - kept);
    bool more = false;

    for (const char *p = d->from; p < d->to; p++) {
        if (*p == '.' || (seen == 0 && *p == '0'))
            continue;
        if (seen++ < kept)
            *to++ = *p;
        else
            more |= *p != '0';
    }
    if (more) { /* one digit stands for all that were dropped */
        *to++ = '1';
        exponent--;
    }
    if (exponent > EXPONENT_BOUND)
        exponent = EXPONENT_BOUND;
    if (exponent < -EXPONENT_BOUND)
        exponent = -EXPONENT_BOUND;
    snprintf(to, (size_t)(text + sizeof text - to), "e%d", (int)exponent);
    return strtod(text, NULL);
}

static double to_double(const struct decimal *d)
{
    double n;

    if (d->digits == 0)
        n = 0;
    else if (d->digits <= 19 && d->mantissa <= (uint64_t)INTEGER_EXACT &&
             d->exponent >= -POWER_EXACT && d->exponent <= POWER_EXACT)
        /* two exact doubles and one operation: rounded once, so rounded right */
        n = d->exponent < 0 ? (double)d->mantissa / powers[-d->exponent]
                            : (double)d->mantissa * powers[d->exponent];
    else
        n = round_slowly(d);
    return d->negative ? -n : n;
}

int json_number(str value, double *out)
{
    struct decimal d;

    if (!cut(value, &d))
        return ATR_ETYPE;
    *out = to_double(&d);
    return 0;
}

int json_integer(str value, int64_t *out)
{
    struct decimal d;
    double n;

    if (!cut(value, &d))
        return ATR_ETYPE;
    if (!d.fraction) {
        uint64_t most = (uint64_t)INT64_MAX + d.negative;
        if (d.digits > 19 || d.mantissa > most)
            return ATR_ERANGE;
        *out = (int64_t)(d.negative ? 0 - d.mantissa : d.mantissa);
        return 0;
    }
    n = to_double(&d); /* 1.0 and 1e3 are integers too: one spelling of many */
    if (n != trunc(n))
        return ATR_ETYPE;
    if (!(n >= -0x1p63 && n < 0x1p63))
        return ATR_ERANGE;
    *out = (int64_t)n;
    return 0;
}

/* --- Writing --- */

/* A positive number as digits * 10^(exponent - count + 1): d.ddd times ten to the exponent. */
struct shortest {
    uint64_t digits;
    int exponent;
};

/* Finds at most 15 digits that make exactly n, if there are any. A decimal that short is the only
 * one of its length near n, hence the shortest; that it is n's is proved by dividing back. */
static bool shorten_fast(double n, struct shortest *out)
{
    int exponent2, exponent, scale;
    uint64_t digits;

    frexp(n, &exponent2);
    exponent = ((exponent2 - 1) * 1233) >> 12; /* log10(2): at most one too small in this range */
    if (exponent < -8 || exponent >= DIGITS_SURE)
        return false;
    if (exponent >= 0 ? n >= powers[exponent + 1] : n * powers[-exponent - 1] >= 1)
        exponent++;
    scale = DIGITS_SURE - 1 - exponent;
    if (scale < 0 || scale > POWER_EXACT)
        return false;
    digits = (uint64_t)(n * powers[scale] + 0.5);
    if (digits == 0 || digits >= UINT64_C(1000000000000000) || (double)digits / powers[scale] != n)
        return false;
    *out = (struct shortest){ digits, exponent };
    return true;
}

/* Whether the decimal reads back as n. */
static bool reads_back(double n, const struct shortest *s, int precision)
{
    char text[NUMBER_CHARS];

    snprintf(text, sizeof text, "%llue%d", (unsigned long long)s->digits,
             s->exponent - precision + 1);
    return strtod(text, NULL) == n;
}

/* n rounded to so many digits. */
static struct shortest rounded(double n, int precision)
{
    char text[NUMBER_CHARS + 16];
    struct shortest s = { 0 };
    const char *p = text;

    snprintf(text, sizeof text, "%.*e", precision - 1, n);
    for (; *p != 'e'; p++)
        if (json_is_digit(*p)) /* the rest is the locale's decimal point */
            s.digits = s.digits * 10 + (uint64_t)(*p - '0');
    s.exponent = atoi(p + 1);
    return s;
}

static struct shortest shorten(double n)
{
    bool subnormal = n < 0x1p-1022;
    int exponent2;
    bool power_of_two = frexp(n, &exponent2) == 0.5;

    for (int precision = subnormal ? 1 : DIGITS_SURE; precision < DIGITS_MAX; precision++) {
        struct shortest s = rounded(n, precision);
        if (reads_back(n, &s, precision))
            return s;
        /* Above a power of two doubles lie twice as far apart as below it: the next decimal up may
         * still read back although the nearest, below, does not. */
        s.digits++;
        if (power_of_two && reads_back(n, &s, precision))
            return s;
    }
    return rounded(n, DIGITS_MAX);
}

/* Writes digits and exponent the way ECMA-262, 6.1.6.1.20 does. Returns the end. */
static char *lay_out(char *to, const struct shortest *s)
{
    char digits[24];
    uint64_t left = s->digits;
    int count = 0, point = s->exponent + 1; /* where the point stands among the digits */

    while (left % 10 == 0)
        left /= 10;
    for (uint64_t x = left; x > 0; x /= 10)
        count++;
    for (int i = count; i-- > 0; left /= 10)
        digits[i] = (char)('0' + left % 10);

    if (point > 21 || point < -5) {
        *to++ = digits[0];
        if (count > 1) {
            *to++ = '.';
            to = (char *)memcpy(to, digits + 1, (size_t)count - 1) + count - 1;
        }
        return to + sprintf(to, "e%+d", s->exponent);
    }
    if (point <= 0) {
        *to++ = '0';
        *to++ = '.';
        to = (char *)memset(to, '0', (size_t)-point) - point;
        return (char *)memcpy(to, digits, (size_t)count) + count;
    }
    for (int i = 0; i < count || i < point; i++) {
        if (i == point)
            *to++ = '.';
        *to++ = i < count ? digits[i] : '0';
    }
    return to;
}

void json_write_number(struct buf *b, double n)
{
    char text[NUMBER_CHARS], *to = text;
    struct shortest s;

    if (!isfinite(n)) {
        buf_add(b, STR("null"));
        return;
    }
    if (n >= -INTEGER_EXACT && n <= INTEGER_EXACT && n == (double)(int64_t)n) {
        json_write_integer(b, (int64_t)n); /* -0 is written 0 */
        return;
    }
    if (n < 0) {
        *to++ = '-';
        n = -n;
    }
    if (!shorten_fast(n, &s))
        s = shorten(n);
    to = lay_out(to, &s);
    buf_append(b, text, (size_t)(to - text));
}

void json_write_integer(struct buf *b, int64_t n)
{
    uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

    if (n < 0)
        buf_byte(b, '-');
    buf_u64(b, magnitude);
}
