/* tests/unit/base/test_clock.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/clock.h"

#include <time.h>

#include "test.h"

static void the_clocks_are_the_kernels_and_agree(void **state)
{
    uint64_t us = clock_mono_us(), ms = clock_mono_ms(), us_after = clock_mono_us();

    (void)state;
    assert_true(us / 1000 <= ms && ms <= us_after / 1000);
    assert_true(clock_mono_ms() >= ms);
}

static void boot_time_goes_on(void **state)
{
    uint64_t ms = clock_boot_ms();

    (void)state;
    assert_true(ms >= clock_mono_ms() - 1); /* what it slept comes on top */
    assert_true(clock_boot_ms() >= ms);
}

static void wall_time_is_unix_time(void **state)
{
    time_t before = time(NULL);
    int64_t ms = clock_wall_ms();

    (void)state;
    assert_true(ms / 1000 >= before - 1); /* time() reads a coarser clock */
    assert_true(ms / 1000 <= time(NULL) + 1);
}

TEST_MAIN(cmocka_unit_test(the_clocks_are_the_kernels_and_agree),
          cmocka_unit_test(boot_time_goes_on), cmocka_unit_test(wall_time_is_unix_time))
