/* tests/unit/super/test_policy.c - what follows from exits, under a clock of the test's own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "super/policy.h"
#include "super/spec.h"

static void describe(struct spec *s, const char *json)
{
    char why[ATR_WHY_MAX];

    spec_init(s);
    assert_int_equal(spec_read(s, str_of(json), why), 0);
}

static struct exit_fact after(uint64_t ms)
{
    return (struct exit_fact){ .uptime_ms = ms, .known = true, .code = 1 };
}

static enum verdict happens(struct spec *s, struct history *h, uint64_t uptime_ms, uint64_t chance,
                            uint32_t *delay)
{
    struct exit_fact f = after(uptime_ms);

    return policy_exit(s, h, &f, chance, delay);
}

static void early_exits_in_a_row_are_a_crash_loop(void **state)
{
    struct history h = { 0 };
    uint32_t delay = 77;
    struct spec s;

    (void)state;
    describe(&s, "{\"max_restarts\":3,\"min_uptime\":1000}");
    assert_int_equal(happens(&s, &h, 10, 0, &delay), VERDICT_RESTART);
    assert_in_range(delay, 37, 63);
    assert_int_equal(happens(&s, &h, 999, 0, &delay), VERDICT_RESTART);
    assert_in_range(delay, 56, 94);                                      /* half as long again */
    assert_int_equal(happens(&s, &h, 1000, 0, &delay), VERDICT_RESTART); /* long enough: forgiven */
    assert_int_equal(delay, 0);
    assert_int_equal(h.unstable, 0);
    assert_int_equal(happens(&s, &h, 1, 0, &delay), VERDICT_RESTART);
    assert_in_range(delay, 37, 63);
    assert_int_equal(happens(&s, &h, 1, 0, &delay), VERDICT_RESTART);
    assert_int_equal(happens(&s, &h, 1, 0, &delay), VERDICT_ERRORED);
    spec_fini(&s);
    describe(&s, "{\"max_restarts\":0}");
    h = (struct history){ 0 };
    for (int i = 0; i < 1000; i++)
        assert_int_equal(happens(&s, &h, 1, 0, &delay), VERDICT_RESTART);
    spec_fini(&s);
}

static void a_wait_of_none_is_none(void **state)
{
    static const char *const none[] = { "{\"restart_delay\":0}",
                                        "{\"exp_backoff_restart_delay\":0}" };
    uint32_t delay;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct history h = { 0 };
        struct spec s;

        describe(&s, none[i]);
        for (int n = 0; n < 5; n++) {
            delay = 77;
            assert_int_equal(happens(&s, &h, 1, 0, &delay), VERDICT_RESTART);
            assert_int_equal(delay, 0);
        }
        spec_fini(&s);
    }
}

static void waits_grow_by_half_up_to_a_ceiling(void **state)
{
    static const uint32_t bases[] = { 1000, 1500, 2250, 3375, 5062, 7593, 11389, 15000, 15000 };
    struct history h = { 0 };
    uint32_t delay;
    struct spec s;

    (void)state;
    describe(&s, "{\"exp_backoff_restart_delay\":1000,\"max_restarts\":0}");
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        assert_int_equal(happens(&s, &h, 1, (uint64_t)i * 7919, &delay), VERDICT_RESTART);
        assert_int_equal(h.backoff_ms, bases[i]);
        assert_in_range(delay, bases[i] - bases[i] / 4, bases[i] + bases[i] / 4 + 1);
    }
    /* Chance spreads it over the whole range. */
    h = (struct history){ 0 };
    (void)happens(&s, &h, 1, 0, &delay);
    assert_int_equal(delay, 750);
    h = (struct history){ 0 };
    (void)happens(&s, &h, 1, 500, &delay);
    assert_int_equal(delay, 1250);
    spec_fini(&s);
}

static void calm_begins_anew(void **state)
{
    struct history h = { 0 };
    uint32_t delay;
    struct spec s;

    (void)state;
    describe(&s, "{\"exp_backoff_restart_delay\":1000,\"max_restarts\":0}");
    for (int i = 0; i < 5; i++)
        (void)happens(&s, &h, 1, 0, &delay);
    assert_int_equal(happens(&s, &h, POLICY_CALM_MS - 1, 0, &delay), VERDICT_RESTART);
    assert_true(h.backoff_ms > 1000);
    assert_int_equal(happens(&s, &h, POLICY_CALM_MS, 0, &delay), VERDICT_RESTART);
    assert_int_equal(h.backoff_ms, 1000);
    spec_fini(&s);
}

static void fixed_waits(void **state)
{
    struct history h = { 0 };
    uint32_t delay;
    struct spec s;

    (void)state;
    describe(&s, "{\"restart_delay\":\"3s\"}");
    assert_int_equal(happens(&s, &h, 5000, 9, &delay), VERDICT_RESTART);
    assert_int_equal(delay, 3000);
    spec_fini(&s);
    /* A first wait above the ceiling stays what it is. */
    describe(&s, "{\"exp_backoff_restart_delay\":\"60s\"}");
    h = (struct history){ 0 };
    (void)happens(&s, &h, 5000, 0, &delay);
    (void)happens(&s, &h, 5000, 0, &delay);
    assert_int_equal(h.backoff_ms, 60000);
    spec_fini(&s);
}

static void some_exits_are_final(void **state)
{
    struct exit_fact f = after(5000);
    struct history h = { 0 };
    uint32_t delay = 0;
    struct spec s;

    (void)state;
    describe(&s, "{\"stop_exit_codes\":[0,1]}");
    assert_int_equal(policy_exit(&s, &h, &f, 0, &delay), VERDICT_STOPPED);
    f.code = 2;
    assert_int_equal(policy_exit(&s, &h, &f, 0, &delay), VERDICT_RESTART);
    f.code = -1; /* by a signal */
    assert_int_equal(policy_exit(&s, &h, &f, 0, &delay), VERDICT_RESTART);
    f = (struct exit_fact){ .uptime_ms = 5000, .code = 0 }; /* nobody knows how */
    assert_int_equal(policy_exit(&s, &h, &f, 0, &delay), VERDICT_RESTART);
    spec_fini(&s);
    describe(&s, "{\"autorestart\":false}");
    f = after(5000);
    assert_int_equal(policy_exit(&s, &h, &f, 0, &delay), VERDICT_STOPPED);
    spec_fini(&s);
}

static void the_smallest_free_number(void **state)
{
    (void)state;
    assert_int_equal(policy_free_number(NULL, 0), 0);
    assert_int_equal(policy_free_number((unsigned[]){ 0, 1, 2 }, 3), 3);
    assert_int_equal(policy_free_number((unsigned[]){ 2, 0, 3 }, 3), 1);
    assert_int_equal(policy_free_number((unsigned[]){ 3, 2, 1 }, 3), 0);
    assert_int_equal(policy_free_number((unsigned[]){ 5, 4, 3, 2, 1, 0 }, 6), 6);
}

TEST_MAIN(cmocka_unit_test(early_exits_in_a_row_are_a_crash_loop),
          cmocka_unit_test(a_wait_of_none_is_none),
          cmocka_unit_test(waits_grow_by_half_up_to_a_ceiling), cmocka_unit_test(calm_begins_anew),
          cmocka_unit_test(fixed_waits), cmocka_unit_test(some_exits_are_final),
          cmocka_unit_test(the_smallest_free_number))
