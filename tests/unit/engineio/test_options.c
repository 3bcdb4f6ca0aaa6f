/* tests/unit/engineio/test_options.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "engineio/options.h"

/* The documented defaults of engine.io 6.6. */
static void defaults_are_those_of_node(void **state)
{
    struct eio_options o;
    (void)state;

    memset(&o, 0xff, sizeof o);
    eio_options_default(&o);
    assert_str(o.path, "/engine.io/");
    assert_int_equal(o.ping_interval_ms, 25000);
    assert_int_equal(o.ping_timeout_ms, 20000);
    assert_int_equal(o.upgrade_timeout_ms, 10000);
    assert_int_equal(o.message_bytes_max, 1000000);
    assert_int_equal(o.polling_close_ms, 30000);
    assert_int_equal(o.compress_min, 1024);
    assert_int_equal(o.transports, EIO_POLLING | EIO_WEBSOCKET);
    assert_true(o.allow_upgrades);
    assert_false(o.cors.enabled);
    assert_str(o.cors.methods, "GET,HEAD,PUT,PATCH,POST,DELETE");
    assert_int_equal(o.cors.options_status, 204);
    assert_int_equal(o.cors.max_age, -1);
    assert_int_equal(o.cors.origin_count, 0);
    assert_false(o.cookie.enabled);
    assert_str(o.cookie.name, "io");
    assert_str(o.cookie.path, "/");
    assert_str(o.cookie.same_site, "Lax");
    assert_true(o.cookie.http_only);
    assert_false(o.cookie.secure);
    assert_true(o.output.bytes_max > o.message_bytes_max);
}

TEST_MAIN(cmocka_unit_test(defaults_are_those_of_node))
