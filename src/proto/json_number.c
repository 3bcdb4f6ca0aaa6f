/* proto/json_number.c - numbers: JSON text <-> double, int64.
 *
 * Reading is exact (round to nearest): one operation on two exact doubles, or one division in 128
 * bits, or the C library where neither suffices. Writing lays out the shortest digits
 * (json_shortest.c) the way ECMAScript does. The locale's decimal point never matters: text given
 * to the library is made of digits and an exponent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/json_scan.h"
#include "proto/json_shortest.h"

enum {
    DIGITS_KEPT = 800, /* more than 767 never change how a decimal rounds, but for being zero */
    FIVES_MAX = 27,    /* the largest power of five within 64 bits */
    EXPONENT_BOUND = 1 << 20,
    NUMBER_CHARS = 32 /* "-0.00000" and 17 digits, or 21 digits */
};

__extension__ typedef unsigned __int128 wide;

#define INTEGER_EXACT 9007199254740992.0 /* 2^53 */

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

/* mantissa / 10^places, rounded once: the quotient in 64 bits or more, its last bit standing for
 * what is left over, is exact enough to decide. */
static double divide(uint64_t mantissa, int places)
{
    int shift = 63 + __builtin_clzll(mantissa);
    wide dividend = (wide)mantissa << shift, quotient;
    uint64_t fives = 1;

    for (int i = 0; i < places; i++)
        fives *= 5;
    quotient = dividend / fives;
    if (quotient * fives != dividend)
        quotient |= 1;
    return ldexp((double)quotient, -shift - places);
}

static double to_double(const struct decimal *d)
{
    bool whole = d->digits <= 19; /* the mantissa is all there is */
    double n;

    if (d->digits == 0)
        n = 0;
    else if (whole && d->mantissa <= (uint64_t)INTEGER_EXACT && d->exponent >= -JSON_POWER_MAX &&
             d->exponent <= JSON_POWER_MAX)
        /* two exact doubles and one operation: rounded once, so rounded right */
        n = d->exponent < 0 ? (double)d->mantissa / json_powers[-d->exponent]
                            : (double)d->mantissa * json_powers[d->exponent];
    else if (whole && d->exponent < 0 && d->exponent >= -FIVES_MAX)
        n = divide(d->mantissa, (int)-d->exponent);
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

/* Writes digits and exponent the way ECMA-262, 6.1.6.1.20 does. Returns the end. */
static char *lay_out(char *to, const struct json_shortest *s)
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
    struct json_shortest s;

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
    s = json_shorten(n);
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
