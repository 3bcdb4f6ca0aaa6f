/* tests/unit/load/test_options.c - the command line of `atrium bench`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "load/options.h"

#define PARSE(o, why, ...)                                                                         \
    load_options_parse(o, (int)(sizeof(char *[]){ "bench", __VA_ARGS__ } / sizeof(char *)),        \
                       (char *[]){ "bench", __VA_ARGS__ }, why)

static void a_whole_line(void **state)
{
    struct load_options o;
    char why[ATR_WHY_MAX] = "";

    (void)state;
    assert_int_equal(PARSE(&o, why, "echo", "ws://127.0.0.1:3000", "--connections", "7",
                           "--in-flight", "16", "--json"),
                     0);
    assert_string_equal(o.scenario, "echo");
    assert_string_equal(o.host, "127.0.0.1");
    assert_string_equal(o.path, "/socket.io/?EIO=4&transport=websocket");
    assert_int_equal(o.port, 3000);
    assert_int_equal(o.connections, 7);
    assert_int_equal(o.in_flight, 16);
    assert_int_equal(o.size, 32);
    assert_true(o.json);
    assert_int_equal(PARSE(&o, why, "idle", "ws://localhost/x?y", "--protocol", "ws"), 0);
    assert_string_equal(o.path, "/x?y");
    assert_int_equal(o.port, 80);
    assert_false(o.secure);
    assert_int_equal(PARSE(&o, why, "all", "wss://localhost"), 0);
    assert_int_equal(o.port, 443);
    assert_true(o.secure);
}

static void mistakes_are_named(void **state)
{
    struct load_options o;
    char why[ATR_WHY_MAX] = "";

    (void)state;
    assert_true(PARSE(&o, why, "dance", "ws://a") < 0);
    assert_non_null(strstr(why, "dance"));
    assert_true(PARSE(&o, why, "echo", "http://a") < 0);
    assert_non_null(strstr(why, "ws://"));
    assert_true(PARSE(&o, why, "echo", "wsx://a") < 0);
    assert_true(PARSE(&o, why, "echo", "ws://a:99999") < 0);
    assert_true(PARSE(&o, why, "echo", "ws://a", "--size", "0") < 0);
    assert_non_null(strstr(why, "--size"));
    assert_true(PARSE(&o, why, "echo", "ws://a", "--size") < 0);
    assert_true(PARSE(&o, why, "echo", "ws://a", "--colour", "red") < 0);
    assert_non_null(strstr(why, "--colour"));
    assert_true(PARSE(&o, why, "echo") < 0);
}

/* Whoever asks for stalled connections gets one at least, and keeps one that reads. */
static void some_connections_stall(void **state)
{
    struct load_options o;
    char why[ATR_WHY_MAX] = "";

    (void)state;
    assert_int_equal(PARSE(&o, why, "broadcast", "ws://a", "--connections", "1000"), 0);
    assert_int_equal(load_options_stalled(&o), 0);
    assert_int_equal(
        PARSE(&o, why, "broadcast", "ws://a", "--connections", "1000", "--stalled", "1"), 0);
    assert_int_equal(load_options_stalled(&o), 10);
    assert_int_equal(PARSE(&o, why, "broadcast", "ws://a", "--connections", "5", "--stalled", "1"),
                     0);
    assert_int_equal(load_options_stalled(&o), 1);
    assert_true(PARSE(&o, why, "broadcast", "ws://a", "--connections", "1", "--stalled", "1") < 0);
    assert_non_null(strstr(why, "nobody"));
    assert_true(PARSE(&o, why, "echo", "ws://a", "--stalled", "1") < 0);
    assert_non_null(strstr(why, "broadcast"));
    assert_true(PARSE(&o, why, "broadcast", "ws://a", "--stalled", "100") < 0);
}

TEST_MAIN(cmocka_unit_test(a_whole_line), cmocka_unit_test(mistakes_are_named),
          cmocka_unit_test(some_connections_stall))
