/* The options of instrument(): what is read, and the sentence for what cannot be.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/admin.h"

#include "base/err.h"
#include "test.h"

#define HASH "$2a$04$MAa1MvBkJ6Yl7TIUhUI07.f9s19aoDWFZ6pPvX58Q.F9ZOfj8T0Rm"

static void everything_is_read(void **state)
{
    struct arena strings = { 0 };
    struct admin_options o;
    (void)state;

    assert_int_equal(
        admin_options_read(STR("{\"auth\":{\"type\":\"basic\",\"username\":\"\\u0061dmin\","
                               "\"password\":\"" HASH "\"},\"namespaceName\":\"/boss\","
                               "\"readonly\":true,\"mode\":\"production\",\"serverId\":\"one\"}"),
                           &strings, &o, NULL),
        0);
    assert_true(o.auth && o.readonly && !o.development);
    assert_str(o.username, "admin");
    assert_string_equal(o.password, HASH);
    assert_str(o.namespace_name, "/boss");
    assert_str(o.server_id, "one");
    arena_free(&strings);
}

static void defaults_are_those_of_node(void **state)
{
    struct arena strings = { 0 };
    struct admin_options o;
    (void)state;

    assert_int_equal(admin_options_read(STR("{\"auth\":false}"), &strings, &o, NULL), 0);
    assert_true(!o.auth && !o.readonly && o.development);
    assert_str(o.namespace_name, "/admin");
    assert_int_equal(o.server_id.n, 0);
    arena_free(&strings);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        { "[]", "an object" },
        { "{}", "auth option must be specified" },
        { "{\"auth\":true}", "auth must be false" },
        { "{\"auth\":{}}", "auth needs" },
        { "{\"auth\":{\"type\":\"jwt\"}}", "must be \"basic\"" },
        { "{\"auth\":{\"type\":\"basic\",\"username\":\"a\"}}", "auth needs" },
        { "{\"auth\":{\"username\":\"a\",\"password\":\"" HASH "\"}}", "auth needs" },
        { "{\"auth\":{\"type\":\"basic\",\"username\":\"a\",\"password\":\"a\"}}", "bcrypt" },
        { "{\"auth\":{\"user\":\"a\"}}", "no option \"user\"" },
        { "{\"auth\":{\"username\":1}}", "auth.username must be a text" },
        { "{\"auth\":false,\"mode\":\"test\"}", "mode must be" },
        { "{\"auth\":false,\"readonly\":1}", "readonly must be" },
        { "{\"auth\":false,\"store\":{}}", "no option \"store\"" },
        { "{\"auth\":false,\"namespaceName\":7}", "namespaceName must be" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct admin_options o = { .readonly = true };
        struct arena strings = { 0 };
        char why[ATR_WHY_MAX] = "";

        assert_true(admin_options_read(str_of(cases[i].json), &strings, &o, why) < 0);
        if (!strstr(why, cases[i].says))
            fail_msg("%s: %s", cases[i].json, why);
        assert_true(o.readonly && !o.username.p); /* untouched */
        arena_free(&strings);
    }
}

static void a_hash_that_takes_seconds_is_refused(void **state)
{
    struct arena strings = { 0 };
    struct admin_options o;
    char why[ATR_WHY_MAX], json[256];
    (void)state;

    (void)snprintf(json, sizeof json,
                   "{\"auth\":{\"type\":\"basic\",\"username\":\"a\",\"password\":\"%.4s16%s\"}}",
                   HASH, &HASH[6]);
    assert_int_equal(admin_options_read(str_of(json), &strings, &o, why), ATR_ERANGE);
    assert_non_null(strstr(why, "cost 16"));
    arena_free(&strings);
}

TEST_MAIN(cmocka_unit_test(everything_is_read), cmocka_unit_test(defaults_are_those_of_node),
          cmocka_unit_test(mistakes_are_named),
          cmocka_unit_test(a_hash_that_takes_seconds_is_refused))
