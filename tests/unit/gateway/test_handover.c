/* tests/unit/gateway/test_handover.c - connections that go from one server to another: two rigs
 * stand for two processes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/handover.h"
#include "net/rates.h"
#include "proto/frozen.h"

static struct rig from, to;

static void both_open(const struct gateway_options *o)
{
    rig_open(&from, o, false);
    rig_open(&to, o, false);
    to.fds = -1;
}

static void both_close(void)
{
    rig_close(&to);
    rig_close(&from);
}

static int freeze(struct gateway_conn *c, struct buf *map)
{
    uint64_t id = c->id;
    int fd = -1;

    assert_int_equal(gateway_conn_freeze(c, map, &fd), 0);
    assert_null(id_get(&from.gateway.conns, id));
    return fd;
}

/* Moves the connection that was opened last; its owner there knows when this returns. */
static struct gateway_conn *move(struct client *c)
{
    struct buf map = { 0 };
    int fd = freeze(from.last, &map);
    size_t used, n = map.len;

    buf_byte(&map, 0xc0); /* what follows is somebody else's */
    to.last = NULL;
    assert_int_equal(gateway_conn_thaw(&to.gateway, buf_str(&map), &used, fd), 0);
    assert_int_equal(used, n);
    assert_null(to.last); /* nobody was called back yet */
    rig_settle(&to);
    assert_non_null(to.last);
    rig_settle(&from);
    c->rig = &to;
    buf_free(&map);
    return to.last;
}

static void it_goes_on_with_its_channels(void **state)
{
    struct client c, d;
    (void)state;

    both_open(NULL);
    client_connect(&d, &from);
    client_connect(&c, &from);
    assert_int_equal(gateway_subscribe(from.last, STR("news")), 1);
    assert_int_equal(gateway_subscribe(from.last, STR("weather")), 1);
    from.log.len = 0;
    struct gateway_conn *moved = move(&c);
    assert_str(buf_str(&from.log), "freeze;");
    assert_str(buf_str(&to.log), "thaw:state;");
    assert_int_equal(from.endpoint.open, 1);
    assert_int_equal(from.gateway.stats.frozen, 1);
    assert_int_equal(to.gateway.stats.thawed, 1);
    assert_int_equal(to.gateway.stats.opened, 0);
    assert_true(gateway_subscribed(moved, STR("weather")));
    assert_int_equal(gateway_subscribers(&from.gateway, STR("news")), 0);
    assert_int_equal(gateway_publish(&to.gateway, STR("news"), STR("x"), false, STR(""), NULL), 1);
    assert_frame(&c, WS_TEXT, "x");
    client_frame(&c, WS_TEXT, STR("hello"));
    rig_await(&to, "text:hello;");
    client_frame(&d, WS_TEXT, STR("still here"));
    rig_await(&from, "text:still here;");
    client_close(&c);
    rig_await(&to, "close:1006:;");
    client_close(&d);
    both_close();
}

/* What comes while it is on its way is delivered after its owner was told. */
static void nothing_is_read_before_the_owner_knows(void **state)
{
    struct client c;
    struct buf map = { 0 };
    size_t used;
    int fd;
    (void)state;

    both_open(NULL);
    client_connect(&c, &from);
    client_write(&c, STR("\x81\x85\0\0\0\0he"));
    rig_settle(&from);
    fd = freeze(from.last, &map);
    client_write(&c, STR("llo\x81\x81\0\0\0\0x"));
    assert_int_equal(gateway_conn_thaw(&to.gateway, buf_str(&map), &used, fd), 0);
    rig_await(&to, "text:x;");
    assert_str(buf_str(&to.log), "thaw:state;text:hello;text:x;");
    buf_free(&map);
    client_close(&c);
    both_close();
}

/* One that is gone before its owner heard of it is never heard of. */
static void a_client_that_leaves_on_the_way(void **state)
{
    struct client c;
    struct buf map = { 0 };
    size_t used;
    int fd;
    (void)state;

    both_open(NULL);
    client_connect(&c, &from);
    fd = freeze(from.last, &map);
    assert_int_equal(gateway_conn_thaw(&to.gateway, buf_str(&map), &used, fd), 0);
    gateway_conn_abort(gateway_conn_next(&to.gateway, &(uint32_t){ 0 }));
    rig_settle(&to);
    assert_int_equal(to.log.len, 0);
    assert_int_equal(to.endpoint.open, 0);
    buf_free(&map);
    client_close(&c);
    both_close();
}

enum { BIG = 50000 };

static void what_waits_follows(void **state)
{
    struct client c;
    char *text = calloc(1, BIG);
    int sent;
    (void)state;

    both_open(NULL);
    client_connect(&c, &from);
    sent = rig_stall(from.last, str_n(text, BIG));
    assert_int_equal(pressure_stats.now, 1);
    assert_int_equal(gateway_conn_send(move(&c), STR("last"), false, STR("")), 0);
    while (sent-- > 0)
        assert_int_equal(client_next(&c).data.n, BIG);
    assert_frame(&c, WS_TEXT, "last");
    rig_settle(&to);
    assert_int_equal(pressure_stats.now, 0);
    free(text);
    client_close(&c);
    both_close();
}

static void what_was_kept_is_kept(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct client c;
    struct gateway_conn *moved;
    uint32_t heard;
    (void)state;

    o.keep_head = true;
    both_open(&o);
    client_open(&c, &from);
    client_handshake(&c, "X-Mine: yes\r\n");
    (void)client_head(&c);
    from.last->heard_ms -= 1000;
    from.last->pinged = true;
    from.last->ws.heard = false;
    heard = from.last->heard_ms;
    moved = move(&c);
    assert_true(str_search(gateway_conn_head(moved), STR("X-Mine: yes\r\n")) > 0);
    assert_int_equal(moved->heard_ms, heard);
    assert_true(moved->pinged);
    client_close(&c);
    both_close();
}

static void limits_apply_there(void **state)
{
    struct rates rates;
    struct client c;
    (void)state;

    both_open(NULL);
    rates_init(&rates, &to.loop);
    rates_set(&rates, RATES_MESSAGES, (struct rate){ .per_s = 1, .burst = 2 });
    to.gateway.rates = &rates;
    client_connect(&c, &from);
    (void)move(&c);
    for (int i = 0; i < 3; i++)
        client_frame(&c, WS_TEXT, STR("x"));
    rig_await(&to, "close:1008:rate limit exceeded;");
    rig_settle(&to);
    rates_fini(&rates);
    client_close(&c);
    both_close();
}

/* --- What is not moved --- */

static void some_stay(void **state)
{
    struct client c;
    struct buf map = { 0 };
    int fd;
    (void)state;

    both_open(NULL);
    client_connect(&c, &from);
    from.events.on_thaw = NULL; /* nobody would be told there */
    assert_int_equal(gateway_conn_freeze(from.last, &map, &fd), ATR_ESTATE);
    from.events.on_thaw = to.events.on_thaw;
    from.endpoint.path = STR("");
    assert_int_equal(gateway_conn_freeze(from.last, &map, &fd), ATR_ESTATE);
    from.endpoint.path = STR("/");
    assert_int_equal(gateway_conn_close(from.last, 1000, STR("")), 0);
    assert_int_equal(gateway_conn_freeze(from.last, &map, &fd), ATR_ESTATE);
    assert_null(gateway_conn_next(&from.gateway, &(uint32_t){ 0 }));
    assert_int_equal(map.len, 0);
    client_close(&c);
    both_close();
}

static void refused(str map, int err)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    size_t used;

    assert_int_equal(gateway_conn_thaw(&to.gateway, map, &used, fd), err);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    rig_settle(&to);
    assert_int_equal(to.endpoint.open, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct client c;
    struct buf map = { 0 };
    size_t used;
    int fd;
    (void)state;

    both_open(NULL);
    client_connect(&c, &from);
    assert_int_equal(gateway_subscribe(from.last, STR("news")), 1);
    fd = freeze(from.last, &map);
    for (size_t n = 0; n < map.len; n++)
        refused(str_n(map.data, n), ATR_ESYNTAX);
    assert_int_equal(gateway_conn_thaw(&to.gateway, buf_str(&map), &used, -1), ATR_ESYNTAX);
    to.endpoint.path = STR("/other");
    refused(buf_str(&map), ATR_EUNKNOWN);
    to.endpoint.path = STR("/");
    to.gateway.closing = true;
    refused(buf_str(&map), ATR_ECLOSED);
    to.gateway.closing = false;
    assert_int_equal(gateway_conn_thaw(&to.gateway, buf_str(&map), &used, fd), 0);
    rig_settle(&to);
    buf_free(&map);
    client_close(&c);
    both_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_with_its_channels),
        cmocka_unit_test(nothing_is_read_before_the_owner_knows),
        cmocka_unit_test(a_client_that_leaves_on_the_way),
        cmocka_unit_test(what_waits_follows),
        cmocka_unit_test(what_was_kept_is_kept),
        cmocka_unit_test(limits_apply_there),
        cmocka_unit_test(some_stay),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
