/* bcrypt: hashes as bcryptjs and htpasswd write them, and texts that are none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/password.h"

#include "test.h"

/* Of "pw", as three writers name it. */
#define BODY "MAa1MvBkJ6Yl7TIUhUI07.f9s19aoDWFZ6pPvX58Q.F9ZOfj8T0Rm"

static void hashes_are_told_from_other_texts(void **state)
{
    (void)state;
    assert_int_equal(password_hash_cost(STR("$2a$04$" BODY)), 4);
    assert_int_equal(password_hash_cost(STR("$2b$04$" BODY)), 4);
    assert_int_equal(password_hash_cost(STR("$2y$31$" BODY)), 31);
    assert_int_equal(password_hash_cost(STR("$2x$04$" BODY)), -1);
    assert_int_equal(password_hash_cost(STR("$2$04$" BODY)), -1);
    assert_int_equal(password_hash_cost(STR("$2a$03$" BODY)), -1);
    assert_int_equal(password_hash_cost(STR("$2a$32$" BODY)), -1);
    assert_int_equal(password_hash_cost(STR("$2a$x4$" BODY)), -1);
    assert_int_equal(password_hash_cost(STR("$2a$04$" BODY "a")), -1);
    assert_int_equal(password_hash_cost(STR("changeit")), -1);
    assert_int_equal(password_hash_cost((str){ 0 }), -1);
    char bad[] = "$2a$04$" BODY;
    bad[20] = '+';
    assert_int_equal(password_hash_cost(str_of(bad)), -1);
}

static void only_the_password_matches(void **state)
{
    (void)state;
    assert_true(password_matches("pw", "$2a$04$" BODY));
    assert_true(password_matches("pw", "$2b$04$" BODY));
    assert_true(password_matches("pw", "$2y$04$" BODY));
    assert_false(password_matches("pW", "$2b$04$" BODY));
    assert_false(password_matches("", "$2b$04$" BODY));
    assert_false(password_matches("pw", "$2b$05$" BODY));
    assert_false(password_matches("pw", "nonsense"));
    assert_false(password_matches("pw", "*0"));
}

TEST_MAIN(cmocka_unit_test(hashes_are_told_from_other_texts),
          cmocka_unit_test(only_the_password_matches))
