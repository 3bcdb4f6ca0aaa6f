/* tests/unit/super/test_units.c - durations, sizes, counts of instances.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "super/units.h"

static int64_t n;

static void durations(void **state)
{
    (void)state;
    assert_int_equal(units_ms(STR("1500"), 1 << 30, &n), 0);
    assert_int_equal(n, 1500);
    assert_int_equal(units_ms(STR("10s"), 1 << 30, &n), 0);
    assert_int_equal(n, 10000);
    assert_int_equal(units_ms(STR("250ms"), 1 << 30, &n), 0);
    assert_int_equal(n, 250);
    assert_int_equal(units_ms(STR("5m"), 1 << 30, &n), 0);
    assert_int_equal(n, 300000);
    assert_int_equal(units_ms(STR("1h"), 1 << 30, &n), 0);
    assert_int_equal(n, 3600000);
}

static void sizes(void **state)
{
    (void)state;
    assert_int_equal(units_bytes(STR("300M"), INT64_MAX, &n), 0);
    assert_int_equal(n, 300 << 20);
    assert_int_equal(units_bytes(STR("1g"), INT64_MAX, &n), 0);
    assert_int_equal(n, 1 << 30);
    assert_int_equal(units_bytes(STR("12KB"), INT64_MAX, &n), 0);
    assert_int_equal(n, 12 << 10);
    assert_int_equal(units_bytes(STR("7"), INT64_MAX, &n), 0);
    assert_int_equal(n, 7);
}

static void instances(void **state)
{
    (void)state;
    assert_int_equal(units_instances(STR("max"), 100, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(units_instances(STR("-1"), 100, &n), 0);
    assert_int_equal(n, -1);
    assert_int_equal(units_instances(STR("4"), 100, &n), 0);
    assert_int_equal(n, 4);
}

static void what_is_none_changes_nothing(void **state)
{
    static const char *const bad[] = { "", "s", "10x", "1.5s", "-1s", "10 s", "s10", "ten" };

    (void)state;
    n = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(units_ms(str_of(bad[i]), 1 << 30, &n), ATR_ESYNTAX);
        assert_int_equal(units_bytes(str_of(bad[i]), 1 << 30, &n), ATR_ESYNTAX);
    }
    assert_int_equal(units_ms(STR("2h"), 3600000, &n), ATR_ERANGE);
    assert_int_equal(units_bytes(STR("99999999999G"), INT64_MAX, &n), ATR_ERANGE);
    assert_int_equal(units_instances(STR("--1"), 100, &n), ATR_ESYNTAX);
    assert_int_equal(units_instances(STR("101"), 100, &n), ATR_ERANGE);
    assert_int_equal(n, 77);
}

TEST_MAIN(cmocka_unit_test(durations), cmocka_unit_test(sizes), cmocka_unit_test(instances),
          cmocka_unit_test(what_is_none_changes_nothing))
