/* tests/unit/net/test_address.c - addresses and ranges of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/err.h"
#include "net/address.h"

static void texts(void **state)
{
    static const char *const good[][2] = {
        { "1.2.3.4", "1.2.3.4" },
        { "1.2.3.4:80", "1.2.3.4" },
        { "::ffff:1.2.3.4", "1.2.3.4" },
        { "::1", "::1" },
        { "[::1]", "::1" },
        { "[2001:DB8::1]:443", "2001:db8::1" },
        { "fe80:0:0:0::1", "fe80::1" },
        { "::", "::" },
    };
    static const char *const bad[] = { "",          "unknown",      "1.2.3",    "1.2.3.4.5",
                                       "1.2.3.256", "[::1",         "[]",       "_hidden",
                                       ":80",       "fe80::1%eth0", "1.2.3.4 ", "0x1.2.3.4" };
    char out[ADDRESS_TEXT_MAX], longer[200];
    struct address a;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(address_parse(&a, str_of(good[i][0])), 0);
        address_text(&a, out);
        assert_string_equal(out, good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (address_parse(&a, str_of(bad[i])) != ATR_ESYNTAX)
            fail_msg("%s", bad[i]);
    memset(longer, '1', sizeof longer);
    assert_int_equal(address_parse(&a, str_n(longer, sizeof longer)), ATR_ESYNTAX);
    assert_int_equal(address_parse(&a, str_n("1.2.3.4\0", 8)), ATR_ESYNTAX);
}

static bool in(const char *address, const char *range)
{
    struct address a;
    struct address_range r;

    assert_int_equal(address_parse(&a, str_of(address)), 0);
    assert_int_equal(address_range_parse(&r, str_of(range)), 0);
    return address_in(&a, &r, 1);
}

static void ranges(void **state)
{
    static const char *const bad[] = { "",          "10.0.0.0/",      "10.0.0.0/33", "10.0.0.1/8",
                                       "::/129",    "10.0.0.0/-1",    "10.0.0.0/8x", "1.2.3.4:80",
                                       "[::1]/128", "2001:db8::1/32", "/8" };
    struct address_range r;
    (void)state;

    assert_true(in("10.1.2.3", "10.0.0.0/8"));
    assert_false(in("11.1.2.3", "10.0.0.0/8"));
    assert_true(in("192.168.17.1", "192.168.16.0/20"));
    assert_false(in("192.168.32.1", "192.168.16.0/20"));
    assert_true(in("1.2.3.4", "0.0.0.0/0"));
    assert_false(in("::1", "0.0.0.0/0"));
    assert_true(in("1.2.3.4", "::/0"));
    assert_true(in("1.2.3.4", "1.2.3.4"));
    assert_true(in("::ffff:1.2.3.4", "1.2.3.4/32"));
    assert_false(in("1.2.3.5", "1.2.3.4/32"));
    assert_true(in("2001:db8:0:1::5", "2001:db8::/32"));
    assert_false(in("2001:db9::5", "2001:db8::/32"));
    assert_true(in("2001:db8::1", "2001:db8::1"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (address_range_parse(&r, str_of(bad[i])) != ATR_ESYNTAX)
            fail_msg("%s", bad[i]);
    assert_false(address_in(&r.first, NULL, 0));
}

TEST_MAIN(cmocka_unit_test(texts), cmocka_unit_test(ranges))
