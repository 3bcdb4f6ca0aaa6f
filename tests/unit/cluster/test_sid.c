/* tests/unit/cluster/test_sid.c - ids that say who serves what they name.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/sid.h"

#include "test.h"

static void test_every_home_comes_back(void **state)
{
    char id[SID_LEN], other[SID_LEN];

    (void)state;
    for (unsigned home = 0; home < 65536; home += 7) {
        sid_make(id, home);
        assert_int_equal(sid_home(str_n(id, SID_LEN)), home);
    }
    sid_make(id, 65535);
    assert_int_equal(sid_home(str_n(id, SID_LEN)), 65535);
    sid_make(other, 65535);
    assert_memory_not_equal(id, other, SID_LEN);
}

static void test_what_is_no_id(void **state)
{
    (void)state;
    assert_int_equal(sid_home(STR("")), SID_NO_HOME);
    assert_int_equal(sid_home(STR("AAAAAAAAAAAAAAAAAAA")), SID_NO_HOME);
    assert_int_equal(sid_home(STR("AAAAAAAAAAAAAAAAAAAAA")), SID_NO_HOME);
    assert_int_equal(sid_home(STR("AAAAAAAAAAAAAAAAAA+A")), SID_NO_HOME);
    assert_int_equal(sid_home(STR("AAAAAAAAAAAAAAAAAAAA")), 0);
}

TEST_MAIN(cmocka_unit_test(test_every_home_comes_back), cmocka_unit_test(test_what_is_no_id))
