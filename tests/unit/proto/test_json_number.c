/* unit/proto/test_json_number.c - numbers as ECMAScript reads and writes them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include <locale.h>
#include <math.h>

#include "exact.h"

static uint64_t bits_of(double n)
{
    uint64_t bits;
    memcpy(&bits, &n, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double n;
    memcpy(&n, &bits, sizeof n);
    return n;
}

/* Pairs of a double and its text as JSON.stringify writes it. */
static const struct {
    double n;
    str text;
} written[] = {
    { 0, TEXT("0") },
    { 1, TEXT("1") },
    { -1, TEXT("-1") },
    { 42, TEXT("42") },
    { 9007199254740991, TEXT("9007199254740991") },
    { -9007199254740992, TEXT("-9007199254740992") },
    { 9007199254740994, TEXT("9007199254740994") },
    { 1e15, TEXT("1000000000000000") },
    { 1e20, TEXT("100000000000000000000") },
    { 123456789012345680000.0, TEXT("123456789012345680000") },
    { 12345678901234567890.0, TEXT("12345678901234567000") },
    { 999999999999999900000.0, TEXT("999999999999999900000") },
    { 1e21, TEXT("1e+21") },
    { -1.5e21, TEXT("-1.5e+21") },
    { 1e22, TEXT("1e+22") },
    { 1e23, TEXT("1e+23") },
    { 1.7976931348623157e308, TEXT("1.7976931348623157e+308") },
    { 0.1, TEXT("0.1") },
    { 0.5, TEXT("0.5") },
    { 1.10, TEXT("1.1") },
    { -0.25, TEXT("-0.25") },
    { 123.456, TEXT("123.456") },
    { 0.1 + 0.2, TEXT("0.30000000000000004") },
    { 1.0 / 3, TEXT("0.3333333333333333") },
    { 2.0 / 3, TEXT("0.6666666666666666") },
    { 5e-324, TEXT("5e-324") },
    { 1e-323, TEXT("1e-323") },
    { 2.2250738585072014e-308, TEXT("2.2250738585072014e-308") },
    { 2.225073858507201e-308, TEXT("2.225073858507201e-308") },
    { 0.001, TEXT("0.001") },
    { 0.000001, TEXT("0.000001") },
    { 0.0000015, TEXT("0.0000015") },
    { 1e-7, TEXT("1e-7") },
    { 1.5e-7, TEXT("1.5e-7") },
    { -1.25e-9, TEXT("-1.25e-9") },
    { 1700000000000.5, TEXT("1700000000000.5") },
    { 99999999999999.9, TEXT("99999999999999.9") },
    { 999999999999999.9, TEXT("999999999999999.9") },
    { 4503599627370495.5, TEXT("4503599627370495.5") },
    { 0.9999999999999999, TEXT("0.9999999999999999") },
    { 5e-7, TEXT("5e-7") },
    { 0.000123456789012345, TEXT("0.000123456789012345") },
    { 0x1p-44, TEXT("5.684341886080802e-14") }, /* nearest 16 digits read back as the one below */
    { 0x1p-24, TEXT("5.960464477539063e-8") },
    { 9.5367431640625e-7, TEXT("9.5367431640625e-7") },
    { 4.35, TEXT("4.35") },
    { 8.41, TEXT("8.41") },
    { 35.855, TEXT("35.855") },
};

static void writes_as_stringify_does(void **state)
{
    struct buf b = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        double back = 0;
        buf_clear(&b);
        json_write_number(&b, written[i].n);
        if (!str_eq(buf_str(&b), written[i].text))
            print_error("%.*s for %.*s\n", (int)b.len, b.data, STR_ARG(written[i].text));
        assert_true(str_eq(buf_str(&b), written[i].text));
        assert_int_equal(json_number(written[i].text, &back), 0);
        assert_int_equal(bits_of(back), bits_of(written[i].n));
    }
    buf_free(&b);
}

static void writes_what_is_no_number(void **state)
{
    struct buf b = { 0 };
    (void)state;

    json_write_number(&b, NAN);
    json_write_number(&b, INFINITY);
    json_write_number(&b, -INFINITY);
    json_write_number(&b, -0.0);
    assert_str(buf_str(&b), "nullnullnull0");
    buf_free(&b);
}

static void writes_integers(void **state)
{
    struct buf b = { 0 };
    (void)state;

    json_write_integer(&b, INT64_MIN);
    buf_byte(&b, ',');
    json_write_integer(&b, INT64_MAX);
    buf_byte(&b, ',');
    json_write_integer(&b, -1);
    buf_byte(&b, ',');
    json_write_integer(&b, 0);
    assert_str(buf_str(&b), "-9223372036854775808,9223372036854775807,-1,0");
    buf_free(&b);
}

/* Writes, checks and reads back; returns how many digits it took. */
static int round_trip(struct buf *b, double n)
{
    double back = 0;
    int digits = 0;
    bool leading = true;

    buf_clear(b);
    json_write_number(b, n);
    assert_int_equal(json_check(buf_str(b), 0), 0);
    assert_int_equal(json_number(buf_str(b), &back), 0);
    assert_int_equal(bits_of(back), bits_of(n));
    for (size_t i = 0; i < b->len && b->data[i] != 'e'; i++) {
        if (b->data[i] < '0' || b->data[i] > '9')
            continue;
        leading = leading && b->data[i] == '0';
        digits += !leading;
    }
    return digits;
}

static void every_double_survives(void **state)
{
    struct buf b = { 0 };
    uint64_t x = 88172645463325252u; /* xorshift: the same doubles every time */
    (void)state;

    for (int i = 0; i < 20000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        if (isfinite(of_bits(x)))
            round_trip(&b, of_bits(x));
    }
    for (uint64_t exponent = 1; exponent < 2047; exponent++)
        for (uint64_t i = 0; i < 3; i++) /* a power of two, the doubles below and above it */
            round_trip(&b, of_bits((exponent << 52) - 1 + i));
    buf_free(&b);
}

/* A decimal of few digits is written with as few, wherever its point stands. */
static void short_decimals_stay_short(void **state)
{
    struct buf b = { 0 };
    char text[32];
    (void)state;

    for (int exponent = -320; exponent < 300; exponent++)
        for (unsigned digits = 1; digits < 1000; digits += 37) {
            double n;
            snprintf(text, sizeof text, "%ue%d", digits, exponent);
            assert_int_equal(json_number(str_of(text), &n), 0);
            /* from 1 to 1e21 integers are written with all their zeros */
            assert_true(round_trip(&b, n) <= (exponent < 0 || exponent > 20 ? 3 : 21));
        }
    buf_free(&b);
}

static void reads_exactly(void **state)
{
    static char zeros[1200];
    double n = 0;
    (void)state;

    assert_int_equal(json_number(STR("-0"), &n), 0);
    assert_true(n == 0 && signbit(n));
    assert_int_equal(json_number(STR("0e999999999999"), &n), 0);
    assert_true(n == 0);
    assert_int_equal(json_number(STR("1e400"), &n), 0);
    assert_true(isinf(n)); /* as JSON.parse */
    assert_int_equal(json_number(STR("-1e99999999999999999999"), &n), 0);
    assert_true(isinf(n) && n < 0);
    assert_int_equal(json_number(STR("1e-400"), &n), 0);
    assert_true(n == 0);
    assert_int_equal(json_number(STR("12345678901234567890"), &n), 0);
    assert_true(n == 12345678901234567890.0);
    /* exactly between two doubles: to even; a last digit far behind decides otherwise */
    assert_int_equal(json_number(STR("9007199254740993"), &n), 0);
    assert_true(n == 9007199254740992.0);
    assert_int_equal(json_number(STR("9007199254740993.0000000000000000000000001"), &n), 0);
    assert_true(n == 9007199254740994.0);
    memset(zeros, '0', sizeof zeros);
    memcpy(zeros, "9007199254740993.", 17);
    assert_int_equal(json_number(str_n(zeros, sizeof zeros), &n), 0);
    assert_true(n == 9007199254740992.0);
    zeros[sizeof zeros - 1] = '1';
    assert_int_equal(json_number(str_n(zeros, sizeof zeros), &n), 0);
    assert_true(n == 9007199254740994.0);
    /* leading zeros behind the point do not count as digits */
    memset(zeros, '0', sizeof zeros);
    memcpy(zeros, "0.", 2);
    memcpy(zeros + sizeof zeros - 7, "15e1193", 7);
    assert_int_equal(json_number(str_n(zeros, sizeof zeros), &n), 0);
    assert_true(n == 15);
}

/* Every way of rounding gives what strtod() gives, at every length and exponent. */
static void reads_as_the_library_does(void **state)
{
    uint64_t x = 88172645463325252u;
    char text[64];
    (void)state;

    for (int i = 0; i < 40000; i++) {
        double n = 0, want;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)(x >> x % 61), i % 70 - 40);
        if (i % 4 == 0) /* the digits of a double, and a few more */
            snprintf(text, sizeof text, "%.*e", i % 24, of_bits((x >> 12) | (x % 0x7fe) << 52));
        want = strtod(text, NULL);
        assert_int_equal(json_number(str_of(text), &n), 0);
        assert_int_equal(bits_of(n), bits_of(want));
    }
}

static void refuses_other_types(void **state)
{
    static const str others[] = { TEXT("null"), TEXT("\"1\""), TEXT("[1]"), TEXT(""),
                                  TEXT("-"),    TEXT("1x"),    TEXT("x"),   { 0 } };
    double n = 7;
    int64_t i = 7;
    (void)state;

    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        assert_int_equal(json_number(others[k], &n), ATR_ETYPE);
        assert_int_equal(json_integer(others[k], &i), ATR_ETYPE);
    }
    assert_true(n == 7 && i == 7);
}

static void reads_integers(void **state)
{
    static const struct {
        str text;
        int err;
        int64_t want;
    } cases[] = {
        { TEXT("0"), 0, 0 },
        { TEXT("-0"), 0, 0 },
        { TEXT("17"), 0, 17 },
        { TEXT("-17"), 0, -17 },
        { TEXT("9223372036854775807"), 0, INT64_MAX },
        { TEXT("-9223372036854775808"), 0, INT64_MIN },
        { TEXT("1.0"), 0, 1 },
        { TEXT("12e2"), 0, 1200 },
        { TEXT("1200e-2"), 0, 12 },
        { TEXT("9223372036854775808"), ATR_ERANGE, 0 },
        { TEXT("-9223372036854775809"), ATR_ERANGE, 0 },
        { TEXT("18446744073709551617"), ATR_ERANGE, 0 },
        { TEXT("100000000000000000000000"), ATR_ERANGE, 0 },
        { TEXT("1e19"), ATR_ERANGE, 0 },
        { TEXT("-1e400"), ATR_ERANGE, 0 },
        { TEXT("1.5"), ATR_ETYPE, 0 },
        { TEXT("1e-1"), ATR_ETYPE, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got = 0;
        assert_int_equal(json_integer(cases[i].text, &got), cases[i].err);
        assert_int_equal(got, cases[i].want);
    }
}

/* An embedding program may have set a locale with a decimal comma. */
static void locale_does_not_matter(void **state)
{
    struct buf b = { 0 };
    (void)state;

    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        return; /* this machine has no such locale */
    round_trip(&b, 0.1 + 0.2);
    assert_str(buf_str(&b), "0.30000000000000004");
    setlocale(LC_NUMERIC, "C");
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(writes_as_stringify_does), cmocka_unit_test(writes_what_is_no_number),
          cmocka_unit_test(writes_integers), cmocka_unit_test(every_double_survives),
          cmocka_unit_test(short_decimals_stay_short), cmocka_unit_test(reads_exactly),
          cmocka_unit_test(reads_as_the_library_does), cmocka_unit_test(refuses_other_types),
          cmocka_unit_test(reads_integers), cmocka_unit_test(locale_does_not_matter))
