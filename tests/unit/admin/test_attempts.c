/* Attempts per address: a handful, then slowly; addresses are bounded, networks of IPv6 are one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/attempts.h"

#include "test.h"

static struct admin_attempts table;

static int setup(void **state)
{
    (void)state;
    admin_attempts_init(&table);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    admin_attempts_free(&table);
    return 0;
}

static int left(const char *address, uint64_t now_ms)
{
    int count = 0;

    while (admin_attempt(&table, str_of(address), now_ms))
        count++;
    return count;
}

static void a_handful_then_one_by_one(void **state)
{
    (void)state;
    assert_int_equal(left("10.0.0.1", 1000), ADMIN_ATTEMPTS);
    assert_int_equal(left("10.0.0.2", 1000), ADMIN_ATTEMPTS);
    assert_int_equal(left("10.0.0.1", 1000 + ADMIN_ATTEMPT_MS - 1), 0);
    assert_int_equal(left("10.0.0.1", 1000 + ADMIN_ATTEMPT_MS), 1);
    assert_int_equal(left("10.0.0.1", 1000 + ADMIN_ATTEMPT_MS * 7 / 2), 2);
    assert_int_equal(left("10.0.0.1", 1000 + ADMIN_ATTEMPT_MS * 4), 1); /* halves are not lost */
    assert_int_equal(left("10.0.0.1", 1000 + ADMIN_ATTEMPT_MS * 1000), ADMIN_ATTEMPTS);
}

static void the_right_password_does_not_count(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * ADMIN_ATTEMPTS; i++) {
        assert_true(admin_attempt(&table, STR("::1"), 5));
        admin_attempt_forgive(&table, STR("::1"));
    }
    admin_attempt_forgive(&table, STR("::2"));
    admin_attempt_forgive(&table, STR("9.9.9.9")); /* never seen */
    assert_int_equal(left("::1", 5), ADMIN_ATTEMPTS);
}

static void a_network_of_ipv6_is_one_source(void **state)
{
    (void)state;
    assert_int_equal(left("2001:db8:0:1::1", 1), ADMIN_ATTEMPTS);
    assert_int_equal(left("2001:db8:0:1:ffff::2", 1), 0);
    assert_int_equal(left("2001:db8:0:2::1", 1), ADMIN_ATTEMPTS);
    assert_int_equal(left("::ffff:10.0.0.1", 1), ADMIN_ATTEMPTS);
    assert_int_equal(left("::ffff:10.0.0.2", 1), ADMIN_ATTEMPTS);
    assert_int_equal(left("", 1), ADMIN_ATTEMPTS);
}

/* Many addresses drive out those that are quiet, not the one that tries on. */
static void addresses_are_bounded(void **state)
{
    char address[32];
    (void)state;

    assert_int_equal(left("10.0.0.1", 1), ADMIN_ATTEMPTS);
    for (int i = 0; i < 3 * ADMIN_ATTEMPT_SOURCES; i++) {
        (void)snprintf(address, sizeof address, "10.1.%d.%d", i / 256, i % 256);
        assert_true(admin_attempt(&table, str_of(address), 1));
        assert_false(admin_attempt(&table, STR("10.0.0.1"), 1));
        assert_in_range(table.by_source.count, 1, ADMIN_ATTEMPT_SOURCES);
    }
    assert_int_equal(left("10.1.0.0", 1), ADMIN_ATTEMPTS); /* forgotten */
}

#define TABLE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(TABLE_TEST(a_handful_then_one_by_one), TABLE_TEST(the_right_password_does_not_count),
          TABLE_TEST(a_network_of_ipv6_is_one_source), TABLE_TEST(addresses_are_bounded))
