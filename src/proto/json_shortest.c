/* proto/json_shortest.c - the fewest decimal digits that tell a double from its neighbours.
 *
 * Three ways, each a fallback of the one before:
 *   - up to 15 digits: floating point itself gives them, and dividing back proves them;
 *   - 16 or 17 digits of a number from 1e-8 to 1e15: exact arithmetic in 128 bits;
 *   - the rest: the C library at growing precision, until it reads its own text back.
 *
 * Start reading at json_shorten().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json_shortest.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/json_scan.h"

enum {
    DIGITS_SURE = 15, /* decimals of up to so many digits survive a double */
    DIGITS_MAX = 17,  /* so many tell any two doubles apart */
    MANTISSA_BITS = 53,
    TEXT_BYTES = 64
};

__extension__ typedef unsigned __int128 wide;

const double json_powers[JSON_POWER_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* The exponent of n's first digit, when it is from -8 to 14: where the two fast ways work. A number
 * within rounding of a power of ten may get the exponent below; both notice. */
static bool first_digit(double n, int *out)
{
    int exponent2, exponent;

    (void)frexp(n, &exponent2);
    exponent = ((exponent2 - 1) * 1233) >> 12; /* times log10(2): right or one too small */
    if (exponent < -9 || exponent >= DIGITS_SURE)
        return false;
    if (exponent >= 0 ? n >= json_powers[exponent + 1] : n * json_powers[-exponent - 1] >= 1)
        exponent++;
    *out = exponent;
    return exponent >= -8 && exponent < DIGITS_SURE;
}

/* A decimal of at most 15 digits is the only one of its length near n, hence the shortest. */
static bool shorten_15(double n, struct json_shortest *out)
{
    int scale = DIGITS_SURE - 1 - out->exponent;
    uint64_t digits = (uint64_t)(n * json_powers[scale] + 0.5);

    if (digits >= UINT64_C(1000000000000000) || (double)digits / json_powers[scale] != n)
        return false;
    out->digits = digits;
    return true;
}

/* n scaled to 17 digits before the point, exactly, and how far to both sides decimals round to n.
 */
struct exact {
    wide product; /* 17 digits are product >> shift */
    int shift;
    uint64_t below, above; /* what product may change by */
    bool inclusive;        /* up to these bounds, themselves included */
};

static wide distance(const struct exact *x, uint64_t digits)
{
    wide at = (wide)digits << x->shift;
    return at > x->product ? at - x->product : x->product - at;
}

static bool reads_back_exactly(const struct exact *x, uint64_t digits)
{
    bool above = (wide)digits << x->shift > x->product;
    wide far = distance(x, digits), most = above ? x->above : x->below;

    return far < most || (far == most && x->inclusive);
}

/* Of two multiples of `step` around x the one that is closer; the even one when neither is. */
static uint64_t closest(const struct exact *x, uint64_t step)
{
    uint64_t down = (uint64_t)(x->product >> x->shift) / step * step, up = down + step;
    wide to_down = distance(x, down), to_up = distance(x, up);

    if (to_down == to_up)
        return down / step % 2 == 0 ? down : up;
    return to_down < to_up ? down : up;
}

/* 16 digits where they suffice, else 17. Requires that 15 do not. */
static bool shorten_17(double n, struct json_shortest *out)
{
    int exponent2, scale = DIGITS_MAX - 1 - out->exponent;
    double fraction = frexp(n, &exponent2);
    uint64_t mantissa = (uint64_t)(fraction * 0x1p53), five = 1, half, near, far;
    struct exact x;

    for (int i = 0; i < scale; i++)
        five *= 5; /* 5^24 at most, which has 56 bits */
    /* n * 10^scale = mantissa * 5^scale * 2^(exponent2 - 53 + scale). Four times that is taken, so
     * that a quarter of the way to the next double, 5^scale then, is a whole number. */
    half = 2 * five;
    x = (struct exact){
        .product = (wide)mantissa * five << 2,
        .shift = MANTISSA_BITS - exponent2 - scale + 2,
        .below =
            fraction == 0.5 ? half / 2 : half, /* the neighbour below a power of two is closer */
        .above = half,
        .inclusive = mantissa % 2 == 0, /* a tie rounds to the even mantissa */
    };
    if (x.shift < 0)
        return false;
    near = closest(&x, 10);
    far = near < (uint64_t)(x.product >> x.shift) ? near + 10 : near - 10;
    if (reads_back_exactly(&x, near))
        out->digits = near;
    else if (reads_back_exactly(&x, far))
        out->digits = far;
    else
        out->digits = closest(&x, 1);
    return out->digits >= UINT64_C(10000000000000000) && out->digits < UINT64_C(100000000000000000);
}

/* Whether the decimal of so many digits reads back as n. */
static bool reads_back(double n, const struct json_shortest *s, int precision)
{
    char text[TEXT_BYTES];

    snprintf(text, sizeof text, "%llue%d", (unsigned long long)s->digits,
             s->exponent - precision + 1);
    return strtod(text, NULL) == n;
}

/* n rounded to so many digits. */
static struct json_shortest rounded(double n, int precision)
{
    char text[TEXT_BYTES];
    struct json_shortest s = { 0 };
    const char *p = text;

    snprintf(text, sizeof text, "%.*e", precision - 1, n);
    for (; *p != 'e'; p++)
        if (json_is_digit(*p)) /* the rest is the locale's decimal point */
            s.digits = s.digits * 10 + (uint64_t)(*p - '0');
    s.exponent = atoi(p + 1);
    return s;
}

static struct json_shortest shorten_any(double n)
{
    bool subnormal = n < 0x1p-1022; /* with fewer bits, fewer digits are sure */
    int exponent2;
    bool power_of_two = frexp(n, &exponent2) == 0.5;

    for (int precision = subnormal ? 1 : DIGITS_SURE; precision < DIGITS_MAX; precision++) {
        struct json_shortest s = rounded(n, precision);
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

struct json_shortest json_shorten(double n)
{
    struct json_shortest s;

    if (first_digit(n, &s.exponent) && (shorten_15(n, &s) || shorten_17(n, &s)))
        return s;
    return shorten_any(n);
}
