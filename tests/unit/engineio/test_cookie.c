/* tests/unit/engineio/test_cookie.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "engineio/cookie.h"

static struct eio_cookie defaults(void)
{
    struct eio_options o;

    eio_options_default(&o);
    o.cookie.enabled = true;
    return o.cookie;
}

#define assert_line(cookie, text)                                                                  \
    do {                                                                                           \
        struct buf b = { 0 };                                                                      \
        eio_cookie_header(&b, &(cookie), STR("abc"));                                              \
        assert_str(buf_str(&b), text);                                                             \
        buf_free(&b);                                                                              \
    } while (0)

static void off_by_default(void **state)
{
    struct eio_cookie c = defaults();
    struct buf b = { 0 };
    (void)state;

    c.enabled = false;
    eio_cookie_header(&b, &c, STR("abc"));
    assert_int_equal(b.len, 0);
}

static void the_plain_cookie(void **state)
{
    struct eio_cookie c = defaults();
    (void)state;

    assert_line(c, "Set-Cookie: io=abc; Path=/; HttpOnly; SameSite=Lax\r\n");
}

static void every_attribute_in_order(void **state)
{
    struct eio_cookie c = defaults();
    (void)state;

    c.name = STR("route");
    c.max_age = 86400;
    c.domain = STR("example.org");
    c.path = STR("/chat");
    c.secure = true;
    c.same_site = STR("strict");
    assert_line(c, "Set-Cookie: route=abc; Max-Age=86400; Domain=example.org; Path=/chat; "
                   "HttpOnly; Secure; SameSite=Strict\r\n");
}

static void attributes_can_be_left_out(void **state)
{
    struct eio_cookie c = defaults();
    (void)state;

    c.path = c.same_site = STR("");
    c.http_only = false;
    assert_line(c, "Set-Cookie: io=abc\r\n");
    c.same_site = STR("none");
    c.max_age = 0;
    assert_line(c, "Set-Cookie: io=abc; Max-Age=0; SameSite=None\r\n");
}

TEST_MAIN(cmocka_unit_test(off_by_default), cmocka_unit_test(the_plain_cookie),
          cmocka_unit_test(every_attribute_in_order), cmocka_unit_test(attributes_can_be_left_out))
