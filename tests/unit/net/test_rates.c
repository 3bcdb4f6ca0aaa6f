/* tests/unit/net/test_rates.c - token buckets, and the table of addresses. The test owns the clock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/mem.h"
#include "net/rates.h"

static struct address address(unsigned n)
{
    struct address a = { .bytes = { [10] = 0xff, [11] = 0xff } };

    for (int i = 0; i < 4; i++)
        a.bytes[12 + i] = (uint8_t)(n >> (24 - 8 * i));
    return a;
}

static void a_bucket_regains_what_time_gives(void **state)
{
    struct rate r = { .per_s = 10, .burst = 20 };
    struct bucket b = { 0 };
    (void)state;

    for (int i = 0; i < 20; i++)
        assert_true(bucket_take(&b, &r, 1, 1000));
    assert_false(bucket_take(&b, &r, 1, 1000));
    assert_false(bucket_take(&b, &r, 1, 1099)); /* a tenth of a second for each */
    assert_true(bucket_take(&b, &r, 1, 1100));
    assert_false(bucket_take(&b, &r, 1, 1100));
    assert_false(bucket_take(&b, &r, 6, 1600));
    assert_true(bucket_take(&b, &r, 5, 1600));
    assert_false(bucket_empty(&b, &r, 3599));
    assert_true(bucket_empty(&b, &r, 3600));
    assert_true(bucket_take(&b, &r, 20, UINT64_C(1) << 50)); /* nothing overflows */
}

static void what_is_larger_than_a_burst_passes_alone(void **state)
{
    struct rate r = { .per_s = 100, .burst = 100 };
    struct bucket b = { 0 };
    (void)state;

    assert_true(bucket_take(&b, &r, 1000, 0));
    assert_false(bucket_take(&b, &r, 1, 8999)); /* it is paid for */
    assert_true(bucket_take(&b, &r, 0, 0));     /* nothing is free */
    assert_true(bucket_take(&b, &r, 1, 9010));
    assert_false(bucket_take(&b, &r, 1000, 9010));
    assert_true(bucket_take(&b, &r, 1000, 20000));
    b = (struct bucket){ 0 };
    r = (struct rate){ 1000000000, UINT64_C(3600000000000) };
    assert_true(bucket_take(&b, &r, UINT32_MAX, 0));
    r = (struct rate){ 0 };
    assert_true(bucket_take(&b, &r, UINT32_MAX, 0)); /* no limit */
}

static void connects_are_counted_by_address(void **state)
{
    struct loop l = { .now_ms = 5000 };
    struct rates r;
    struct address a = address(1), b = address(2);
    (void)state;

    rates_init(&r, &l);
    assert_true(rates_connect(&r, &a, RATES_CONNECTS));
    assert_int_equal(r.addresses.count, 0); /* without limits nothing is kept */
    rates_set(&r, RATES_CONNECTS, (struct rate){ 1, 2 });
    rates_set(&r, RATES_SESSIONS, (struct rate){ 1, 2 });
    for (int i = 0; i < 2; i++) {
        assert_true(rates_connect(&r, &a, RATES_CONNECTS));
        assert_true(rates_connect(&r, &a, RATES_SESSIONS)); /* a bucket of its own */
    }
    assert_false(rates_connect(&r, &a, RATES_CONNECTS));
    assert_false(rates_connect(&r, &a, RATES_SESSIONS));
    assert_true(rates_connect(&r, &b, RATES_CONNECTS));
    l.now_ms += 1000;
    assert_true(rates_connect(&r, &a, RATES_CONNECTS));
    assert_int_equal(r.refused[RATES_CONNECTS], 1);
    assert_int_equal(r.refused[RATES_SESSIONS], 1);
    rates_fini(&r);
}

static void an_ipv6_address_is_its_prefix(void **state)
{
    struct loop l = { .now_ms = 1 };
    struct rates r;
    struct address a;
    (void)state;

    rates_init(&r, &l);
    rates_set(&r, RATES_CONNECTS, (struct rate){ 1, 2 });
    assert_int_equal(address_parse(&a, STR("2001:db8:1:2::1")), 0);
    assert_true(rates_connect(&r, &a, RATES_CONNECTS));
    assert_int_equal(address_parse(&a, STR("2001:db8:1:2:ffff::")), 0);
    assert_true(rates_connect(&r, &a, RATES_CONNECTS));
    assert_int_equal(address_parse(&a, STR("2001:db8:1:2:9:9:9:9")), 0);
    assert_false(rates_connect(&r, &a, RATES_CONNECTS));
    assert_int_equal(address_parse(&a, STR("2001:db8:1:3::1")), 0);
    assert_true(rates_connect(&r, &a, RATES_CONNECTS));
    assert_int_equal(r.addresses.count, 2);
    rates_fini(&r);
}

static void guards_have_their_own_and_their_addresss(void **state)
{
    struct loop l = { .now_ms = 1 };
    struct rates r;
    struct address a = address(1), b = address(2);
    struct rates_guard *one, *two, *other, *unknown;
    (void)state;

    rates_init(&r, &l);
    assert_null(rates_guard_new(&r, &a));
    rates_set(&r, RATES_MESSAGES, (struct rate){ 1, 4 });
    rates_set(&r, RATES_ADDRESS_MESSAGES, (struct rate){ 1, 6 });
    rates_set(&r, RATES_ADDRESS_BYTES, (struct rate){ 10, 100 });
    one = rates_guard_new(&r, &a);
    two = rates_guard_new(&r, &a);
    other = rates_guard_new(&r, &b);
    unknown = rates_guard_new(&r, NULL);
    for (int i = 0; i < 4; i++)
        assert_true(rates_take(one, 1, 1));
    assert_false(rates_take(one, 1, 1));
    assert_true(one->exceeded);
    assert_true(rates_take(two, 2, 0));
    assert_false(rates_take(two, 1, 0)); /* the address's are used up */
    assert_true(rates_take(other, 1, 100));
    assert_false(rates_take(other, 1, 1));
    assert_true(rates_take(unknown, 4, 1000000));
    assert_int_equal(r.refused[RATES_MESSAGES], 1);
    assert_int_equal(r.refused[RATES_ADDRESS_MESSAGES], 1);
    assert_int_equal(r.refused[RATES_ADDRESS_BYTES], 1);
    rates_set(&r, RATES_MESSAGES, (struct rate){ 0 }); /* also for those that are there */
    rates_set(&r, RATES_ADDRESS_MESSAGES, (struct rate){ 0 });
    assert_true(rates_take(two, 1000, 0));
    rates_guard_free(one);
    rates_guard_free(two);
    rates_guard_free(other);
    rates_guard_free(unknown);
    rates_guard_free(NULL);
    rates_fini(&r);
}

static void the_table_is_bounded(void **state)
{
    struct loop l = { .now_ms = 1 };
    struct rates r;
    struct address a = address(0), many;
    struct rates_guard *held;
    (void)state;

    rates_init(&r, &l);
    rates_set(&r, RATES_CONNECTS, (struct rate){ 1, 1 });
    rates_set(&r, RATES_ADDRESS_MESSAGES, (struct rate){ 1, 1 });
    held = rates_guard_new(&r, &a);
    assert_true(rates_connect(&r, &a, RATES_CONNECTS));
    for (unsigned i = 1; i < 3 * RATES_IDLE_MAX; i++) {
        many = address(i);
        assert_true(rates_connect(&r, &many, RATES_CONNECTS));
        assert_true(r.addresses.count <= RATES_IDLE_MAX + 1);
    }
    assert_int_equal(r.forgotten, 2 * RATES_IDLE_MAX - 1);
    assert_false(rates_connect(&r, &a, RATES_CONNECTS)); /* who is here is not forgotten */
    many = address(3 * RATES_IDLE_MAX - 1);
    assert_false(rates_connect(&r, &many, RATES_CONNECTS)); /* nor who came last */
    l.now_ms += 10000;
    for (unsigned i = 0; i < RATES_IDLE_MAX; i++) { /* the unused go without being missed */
        many = address(i + 1);
        assert_true(rates_connect(&r, &many, RATES_CONNECTS));
        l.now_ms += 2000;
    }
    assert_int_equal(r.forgotten, 2 * RATES_IDLE_MAX - 1);
    assert_true(r.addresses.count < 8);
    rates_guard_free(held);
    rates_fini(&r);
}

TEST_MAIN(cmocka_unit_test(a_bucket_regains_what_time_gives),
          cmocka_unit_test(what_is_larger_than_a_burst_passes_alone),
          cmocka_unit_test(connects_are_counted_by_address),
          cmocka_unit_test(an_ipv6_address_is_its_prefix),
          cmocka_unit_test(guards_have_their_own_and_their_addresss),
          cmocka_unit_test(the_table_is_bounded))
