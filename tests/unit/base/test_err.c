/* tests/unit/base/test_err.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"

#include <errno.h>

#include "test.h"

static void our_codes_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(err_name(ATR_ECLOSED), "ATR_ECLOSED");
    assert_string_equal(err_text(ATR_ECLOSED), "the peer or the object is closed");
    assert_string_equal(err_name(ATR_ESCRIPT), "ATR_ESCRIPT");
    for (int code = ATR_ERROR_BASE + 1; code < ATR_ERROR_END; code++) {
        assert_memory_equal(err_name(code), "ATR_E", 5);
        assert_true(strlen(err_text(code)) > 3);
        for (int other = ATR_ERROR_BASE + 1; other < code; other++)
            assert_string_not_equal(err_name(code), err_name(other));
    }
}

static void system_errors_have_theirs(void **state)
{
    (void)state;
    assert_string_equal(err_name(-EPIPE), "EPIPE");
    assert_string_equal(err_text(-EPIPE), "Broken pipe");
}

/* No code at all gives NULL, and success does not read like a failure. */
static void every_code_has_something(void **state)
{
    (void)state;
    for (int code = -9000; code < 100; code++) {
        assert_non_null(err_name(code));
        assert_non_null(err_text(code));
    }
    assert_non_null(err_name(-2147483647 - 1));
    assert_non_null(err_text(-2147483647 - 1));
    assert_string_equal(err_name(0), "OK");
    assert_string_equal(err_name(ATR_ERROR_END), err_name(-3000));
}

static void a_sentence_is_wrapped_on_its_way_up(void **state)
{
    char why[ATR_WHY_MAX];

    (void)state;
    assert_int_equal(err_why(why, ATR_ESYNTAX, "line %d: unexpected '%c'", 7, '}'), ATR_ESYNTAX);
    assert_string_equal(why, "line 7: unexpected '}'");
    assert_int_equal(err_wrap(why, ATR_ESYNTAX, "%s", "atrium.yaml"), ATR_ESYNTAX);
    assert_string_equal(why, "atrium.yaml: line 7: unexpected '}'");
}

static void nobody_has_to_ask_why(void **state)
{
    (void)state;
    assert_int_equal(err_why(NULL, -EIO, "x"), -EIO);
    assert_int_equal(err_wrap(NULL, -EIO, "x"), -EIO);
}

static void long_sentences_are_cut_inside_their_space(void **state)
{
    char why[ATR_WHY_MAX + 1];
    char big[2 * ATR_WHY_MAX];

    (void)state;
    memset(big, 'b', sizeof big);
    big[sizeof big - 1] = '\0';
    why[ATR_WHY_MAX] = '!';
    err_why(why, -1, "%s", big);
    assert_int_equal(strlen(why), ATR_WHY_MAX - 1);
    err_wrap(why, -1, "outer");
    assert_int_equal(strlen(why), ATR_WHY_MAX - 1);
    assert_memory_equal(why, "outer: bbb", 10);
    err_wrap(why, -1, "%s", big);
    assert_int_equal(strlen(why), ATR_WHY_MAX - 1);
    assert_int_equal(why[ATR_WHY_MAX], '!');
}

TEST_MAIN(cmocka_unit_test(our_codes_have_names_and_texts),
          cmocka_unit_test(system_errors_have_theirs), cmocka_unit_test(every_code_has_something),
          cmocka_unit_test(a_sentence_is_wrapped_on_its_way_up),
          cmocka_unit_test(nobody_has_to_ask_why),
          cmocka_unit_test(long_sentences_are_cut_inside_their_space))
