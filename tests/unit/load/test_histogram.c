/* tests/unit/load/test_histogram.c - buckets keep order and stay within their error.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "load/histogram.h"

static void one_value_reads_back(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < (1ull << 40); v = v * 3 / 2 + 1) {
        static struct histogram h;
        memset(&h, 0, sizeof h);
        histogram_add(&h, v, 1);
        assert_int_equal(histogram_at(&h, 0.5), v); /* max caps the bucket's top */
        histogram_add(&h, v * 4 + 100, 1);
        uint64_t got = histogram_at(&h, 0.0);
        assert_true(got >= v && got <= v + v / 60 + 1);
    }
}

static void shares_divide(void **state)
{
    static struct histogram h;

    (void)state;
    memset(&h, 0, sizeof h);
    assert_int_equal(histogram_at(&h, 0.5), 0);
    histogram_add(&h, 10, 90);
    histogram_add(&h, 1000, 9);
    histogram_add(&h, 5000, 1);
    assert_int_equal(histogram_at(&h, 0.5), 10);
    assert_int_equal(histogram_at(&h, 0.899), 10);
    assert_true(histogram_at(&h, 0.95) >= 1000 && histogram_at(&h, 0.95) < 1020);
    assert_int_equal(histogram_at(&h, 0.999), 5000);
    assert_int_equal(histogram_at(&h, 1.0), 5000);
}

TEST_MAIN(cmocka_unit_test(one_value_reads_back), cmocka_unit_test(shares_divide))
