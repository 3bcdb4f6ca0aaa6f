/* Heads kept as text: target and headers are found, also at the ends and among strange spellings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/http1_kept.h"

#include "test.h"

#include <stdlib.h>

static const str head = { STR_PARTS("GET /a/?b=1 HTTP/1.1\r\nHost: here\r\nX-Empty:\r\n"
                                    "X-Two:  a:b \r\nx-two: second\r\n\r\n") };

static void target_and_headers_are_found(void **state)
{
    (void)state;
    assert_str(http1_kept_target(head), "/a/?b=1");
    assert_str(http1_kept_header(head, STR("HOST")), "here");
    assert_str(http1_kept_header(head, STR("x-empty")), "");
    assert_str(http1_kept_header(head, STR("X-Two")), "a:b");
    assert_null(http1_kept_header(head, STR("GET /a/?b=1 HTTP/1.1")).p);
    assert_null(http1_kept_header(head, STR("x")).p);
}

static void a_walk_gives_every_header_in_order(void **state)
{
    str rest = http1_kept_headers(head), name, value;
    char seen[128] = "";

    (void)state;
    while (http1_kept_next(&rest, &name, &value))
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s=%.*s;", STR_ARG(name),
                       STR_ARG(value));
    assert_string_equal(seen, "Host=here;X-Empty=;X-Two=a:b;x-two=second;");
}

/* Whatever is cut off, nothing behind the end is read. */
static void every_prefix_stays_within(void **state)
{
    (void)state;
    for (size_t n = 0; n <= head.n; n++) {
        char *copy = malloc(n ? n : 1);
        str cut = { memcpy(copy, head.p, n), n }, rest, name, value;

        (void)http1_kept_target(cut);
        for (rest = http1_kept_headers(cut); http1_kept_next(&rest, &name, &value);)
            assert_true(name.n + value.n <= n);
        free(copy);
    }
}

TEST_MAIN(cmocka_unit_test(target_and_headers_are_found),
          cmocka_unit_test(a_walk_gives_every_header_in_order),
          cmocka_unit_test(every_prefix_stays_within))
