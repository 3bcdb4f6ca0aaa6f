/* unit/proto/test_sio_placeholder.c - placeholders of attachments (socketio.md 2.3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/sio_packet.h"

#include "proto/json.h"

#include "exact.h"

static int check(const char *json, uint32_t count)
{
    str copy = exact_copy(str_of(json));
    int err = sio_placeholders_check(copy, count);

    free((void *)copy.p);
    return err;
}

static void recognises_a_placeholder(void **state)
{
    static const struct {
        const char *json;
        int64_t want;
    } cases[] = {
        { "{\"_placeholder\":true,\"num\":0}", 0 },
        { " { \"num\" : 12 , \"_placeholder\" : true } ", 12 },
        { "{\"_placeholder\":true,\"num\":3,\"more\":[]}", 3 },
        { "{\"\\u005fplaceholder\":true,\"n\\u0075m\":4}", 4 },
        { "{\"_placeholder\":true,\"num\":1,\"num\":2}", 2 },
        { "{\"_placeholder\":true,\"num\":1.0}", 1 },
        { "{\"_placeholder\":true,\"num\":-0}", 0 },
        { "{\"_placeholder\":false,\"num\":0}", -1 },
        { "{\"_placeholder\":true,\"_placeholder\":false,\"num\":0}", -1 },
        { "{\"_placeholder\":\"true\",\"num\":0}", -1 },
        { "{\"_placeholder\":1,\"num\":0}", -1 },
        { "{\"_placeholder\":true}", -1 },
        { "{\"_placeholder\":true,\"num\":\"0\"}", -1 },
        { "{\"_placeholder\":true,\"num\":0,\"num\":null}", -1 },
        { "{\"_placeholder\":true,\"num\":-1}", -1 },
        { "{\"_placeholder\":true,\"num\":0.5}", -1 },
        { "{\"_placeholder\":true,\"num\":1e30}", -1 },
        { "{\"num\":0}", -1 },
        { "{\"a\":{\"_placeholder\":true,\"num\":0}}", -1 },
        { "[\"_placeholder\",true,\"num\",0]", -1 },
        { "{}", -1 },
        { "\"_placeholder\"", -1 },
        { "7", -1 },
        { "", -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str copy = exact_copy(str_of(cases[i].json));
        assert_int_equal(sio_placeholder(copy), cases[i].want);
        free((void *)copy.p);
    }
}

static void every_placeholder_has_its_attachment(void **state)
{
    (void)state;
    assert_int_equal(check("[\"a\",{\"_placeholder\":true,\"num\":0}]", 1), 0);
    assert_int_equal(check("[\"a\",{\"_placeholder\":true,\"num\":1}]", 1), ATR_EPROTOCOL);
    assert_int_equal(check("[\"a\",{\"num\":1,\"_placeholder\":true}]", 2), 0);
    /* twice the same is allowed, and so is one that nobody refers to */
    assert_int_equal(
        check("[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}]", 2), 0);
    assert_int_equal(check("[\"a\"]", 3), 0);
    assert_int_equal(check("", 0), 0);
    /* nested, behind strings that look alike */
    assert_int_equal(check("[{\"x\":[{\"y\":{\"_placeholder\":true,\"num\":2}}]}]", 2),
                     ATR_EPROTOCOL);
    assert_int_equal(check("[{\"x\":[{\"y\":{\"_placeholder\":true,\"num\":2}}]}]", 3), 0);
    assert_int_equal(check("[\"{\\\"_placeholder\\\":true,\\\"num\\\":9}\",\"_placeholder\"]", 1),
                     0);
    /* members of an inner object say nothing about the outer one, before or behind it */
    assert_int_equal(check("{\"_placeholder\":true,\"a\":{\"num\":0}}", 1), ATR_EPROTOCOL);
    assert_int_equal(check("{\"a\":{\"num\":9},\"_placeholder\":true,\"num\":0}", 1), 0);
    assert_int_equal(check("{\"num\":9,\"a\":{\"_placeholder\":true,\"num\":0}}", 1), 0);
    /* a placeholder may hold more, placeholders too */
    assert_int_equal(
        check("{\"_placeholder\":true,\"num\":0,\"a\":{\"_placeholder\":true,\"num\":9}}", 1),
        ATR_EPROTOCOL);
    /* no number, or none that counts attachments */
    assert_int_equal(check("{\"_placeholder\":true}", 1), ATR_EPROTOCOL);
    assert_int_equal(check("{\"_placeholder\":true,\"num\":\"0\"}", 1), ATR_EPROTOCOL);
    assert_int_equal(check("{\"_placeholder\":true,\"num\":-1}", 1), ATR_EPROTOCOL);
    assert_int_equal(check("{\"_placeholder\":true,\"num\":0.5}", 1), ATR_EPROTOCOL);
    assert_int_equal(check("{\"_placeholder\":true,\"num\":{}}", 1), ATR_EPROTOCOL);
    assert_int_equal(check("{\"_placeholder\":true,\"num\":99999999999999999999}", 1),
                     ATR_EPROTOCOL);
    assert_int_equal(check("{\"\\u005fplaceholder\":true,\"num\":5}", 1), ATR_EPROTOCOL);
    /* not marked, so plain data */
    assert_int_equal(check("{\"_placeholder\":false,\"num\":5}", 1), 0);
    assert_int_equal(check("{\"_placeholder\":{\"num\":5},\"num\":5}", 1), 0);
}

/* Both ways of asking agree, at every depth. */
static void as_deep_as_allowed(void **state)
{
    static char text[JSON_DEPTH * 6 + 64];
    char *to = text;
    (void)state;

    for (int i = 0; i < JSON_DEPTH - 1; i++)
        to = stpcpy(to, "{\"a\":");
    to = stpcpy(to, "{\"_placeholder\":true,\"num\":1}");
    for (int i = 0; i < JSON_DEPTH - 1; i++)
        to = stpcpy(to, "}");
    assert_int_equal(json_check(str_of(text), JSON_DEPTH), 0);
    assert_int_equal(check(text, 2), 0);
    assert_int_equal(check(text, 1), ATR_EPROTOCOL);
}

/* Broken text may get any answer, but is not read past its end. */
static void stays_in_bounds_on_broken_text(void **state)
{
    str text = STR("[}]{\"_placeholder\":true,\"num\":1,\"num\"  :  {\"n\\u0075m\":\"\\");
    char deep[2 * JSON_DEPTH];
    (void)state;

    for (size_t n = 0; n <= text.n; n++) {
        str copy = exact_copy(str_n(text.p, n));
        assert_true(sio_placeholders_check(copy, 1) <= 0); /* any answer will do */
        (void)sio_placeholder(copy);
        free((void *)copy.p);
    }
    memset(deep, '{', sizeof deep);
    assert_int_equal(sio_placeholders_check(str_n(deep, sizeof deep), 1), ATR_ELIMIT);
}

TEST_MAIN(cmocka_unit_test(recognises_a_placeholder),
          cmocka_unit_test(every_placeholder_has_its_attachment),
          cmocka_unit_test(as_deep_as_allowed), cmocka_unit_test(stays_in_bounds_on_broken_text))
