/* tests/unit/http/test_flood.c - ten thousand clients that begin a request and never end it.
 *
 * Both ends live in this process: with a lower limit of descriptors there are as many as fit.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"

#include "base/mem.h"

enum { MANY = 10000, SPARE = 100, KEPT_BYTES = 64 };

static void answer(struct http_handler *h, struct http_request *r)
{
    (void)h;
    http_respond_status(r, 200);
}

static uint64_t how_many(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur > 2 * MANY + SPARE ? MANY : (limit.rlim_cur - SPARE) / 2;
}

static void half_open_requests(void **state)
{
    struct http_handler handler = { .on_request = answer };
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    uint64_t count = how_many();
    struct client *crowd = mem_zalloc(count * sizeof *crowd), one;
    struct site site;
    (void)state;

    limits.head_timeout_ms = 3000;
    site_open(&site, &limits);
    assert_int_equal(http_router_mount(&site.router, STR("/"), &handler), 0);
    for (uint64_t i = 0; i < count; i++) {
        client_open(&crowd[i], &site);
        client_say(&crowd[i], "GET / HTTP/1.1\r\nHost: x\r\nX: ");
        if (i % 32 == 0)
            site_turns(&site, 1);
    }
    site_until(&site, site.server.stats.connections == count);

    /* Nobody else notices, and each costs no more than what it sent. */
    client_open(&one, &site);
    for (int i = 0; i < 10; i++)
        assert_int_equal(client_get(&one, "/", ""), 200);
    assert_true(stream_stats.kept_bytes <= count * KEPT_BYTES);

    site_until(&site, site.server.stats.timeouts >= count);
    assert_int_equal(site.server.stats.connections_open, 1);
    assert_int_equal(client_get(&one, "/", ""), 200);
    assert_int_equal(client_response(&crowd[0], "GET"), 408);
    assert_int_equal(client_response(&crowd[count - 1], "GET"), 408);
    for (uint64_t i = 0; i < count; i++)
        client_close(&crowd[i]);
    client_close(&one);
    mem_free(crowd);
    site_close(&site);
}

TEST_MAIN(cmocka_unit_test(half_open_requests))
