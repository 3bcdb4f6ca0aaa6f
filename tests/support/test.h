/* tests/support/test.h - cmocka with the headers it wants before its own, and our main().
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

/* int main(void) { return run_tests(tests) } with TAP output. */
#define TEST_MAIN(...)                                                                             \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = { __VA_ARGS__ };                                         \
        cmocka_set_message_output(CM_OUTPUT_TAP);                                                  \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

#define assert_str(actual, literal)                                                                \
    do {                                                                                           \
        str assert_str_got = (actual);                                                             \
        assert_int_equal(assert_str_got.n, sizeof(literal) - 1);                                   \
        assert_memory_equal(assert_str_got.p, literal, sizeof(literal) - 1);                       \
    } while (0)

#endif
