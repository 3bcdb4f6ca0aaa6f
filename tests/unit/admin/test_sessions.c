/* Sessions of administrators: known by the whole id, for a day, and so many of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/sessions.h"

#include "test.h"

static void texts_are_compared_whole(void **state)
{
    (void)state;
    assert_true(admin_same(STR("abc"), STR("abc")));
    assert_true(admin_same(STR(""), (str){ 0 }));
    assert_false(admin_same(STR("abc"), STR("abd")));
    assert_false(admin_same(STR("abc"), STR("ab")));
    assert_false(admin_same(STR("ab"), STR("abc")));
    assert_false(admin_same(STR("Abc"), STR("abc")));
}

static void a_session_lasts_a_day(void **state)
{
    static struct admin_sessions s;
    char id[ADMIN_SESSION_LEN];
    str made = admin_session_new(&s, 1000);
    (void)state;

    memcpy(id, made.p, made.n);
    assert_true(admin_session_known(&s, str_n(id, sizeof id), 1000));
    assert_true(admin_session_known(&s, str_n(id, sizeof id), 1000 + ADMIN_SESSION_MS - 1));
    assert_false(admin_session_known(&s, str_n(id, sizeof id), 1000 + ADMIN_SESSION_MS));
    assert_false(admin_session_known(&s, str_n(id, sizeof id - 1), 1000));
    id[0] ^= 1;
    assert_false(admin_session_known(&s, str_n(id, sizeof id), 1000));
    assert_false(admin_session_known(&s, STR(""), 1000));
    memset(id, 0, sizeof id); /* as the unused ones are */
    assert_false(admin_session_known(&s, str_n(id, sizeof id), 1000));
}

static void more_drive_out_the_oldest(void **state)
{
    static struct admin_sessions s;
    char first[ADMIN_SESSION_LEN], second[ADMIN_SESSION_LEN];
    (void)state;

    memcpy(first, admin_session_new(&s, 1).p, sizeof first);
    memcpy(second, admin_session_new(&s, 1).p, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    for (int i = 0; i < ADMIN_SESSIONS_MAX - 2; i++)
        (void)admin_session_new(&s, 1);
    assert_true(admin_session_known(&s, str_n(first, sizeof first), 1));
    (void)admin_session_new(&s, 1);
    assert_false(admin_session_known(&s, str_n(first, sizeof first), 1));
    assert_true(admin_session_known(&s, str_n(second, sizeof second), 1));
}

TEST_MAIN(cmocka_unit_test(texts_are_compared_whole), cmocka_unit_test(a_session_lasts_a_day),
          cmocka_unit_test(more_drive_out_the_oldest))
