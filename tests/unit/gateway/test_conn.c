/* tests/unit/gateway/test_conn.c - a connection: messages, limits, silence, closing, what it costs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

#include "count.h"
#include "gateway/conn.h"

static void echoes_without_allocating(void **state)
{
    struct rig g;
    struct client c;
    char text[200];

    (void)state;
    memset(text, 'x', sizeof text);
    rig_open(&g, NULL, false);
    g.echo = true;
    client_connect(&c, &g);
    for (int i = 0; i < 3; i++) { /* warm */
        client_frame(&c, WS_TEXT, str_n(text, sizeof text));
        assert_int_equal(client_next(&c).data.n, sizeof text);
    }
    static const uint8_t mask[4] = { 0 };
    uint8_t out[WS_HEAD_MAX + sizeof text], in[sizeof text + 16];
    size_t head = ws_frame_head_masked(out, WS_BINARY, true, sizeof text, mask);
    memcpy(out + head, text, sizeof text);
    assert_allocs(0, {
        for (int i = 0; i < 100; i++) {
            assert_int_equal(write(c.fd, out, head + sizeof text), head + sizeof text);
            assert_int_equal(loop_turn(&g.loop, 0), 0);
            assert_int_equal(read(c.fd, in, sizeof in), sizeof text + 4);
            assert_int_equal(in[0], 0x82);
        }
    });
    assert_int_equal(g.gateway.stats.messages_in, 103);
    assert_int_equal(g.gateway.stats.messages_out, 103);
    client_close(&c);
    rig_close(&g);
}

static void closes_in_good_order(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&c, &g);
    struct gateway_conn *conn = g.last;
    for (unsigned code = 1; code < 5100; code += code < 1020 ? 1 : 163)
        if (!ws_close_code_valid(code))
            assert_int_equal(gateway_conn_close(conn, code, STR("")), ATR_ERANGE);
    assert_int_equal(gateway_conn_send(conn, STR("last"), false, STR("")), 0);
    assert_int_equal(gateway_conn_close(conn, 4000, STR("why")), 0);
    assert_int_equal(gateway_conn_close(conn, 4001, STR("")), ATR_ECLOSED);
    assert_int_equal(gateway_conn_send(conn, STR("late"), false, STR("")), ATR_ECLOSED);
    assert_frame(&c, WS_TEXT, "last");
    assert_frame(&c, WS_CLOSE, "\x0f\xa0why");
    assert_str(buf_str(&g.log), "open;");
    client_frame(&c, WS_TEXT, STR("crossed it"));
    client_frame(&c, WS_CLOSE, STR("\x0f\xa0"));
    rig_await(&g, "close:4000:");
    assert_false(rig_logged(&g, "text:"));
    client_await_end(&c);
    client_close(&c);
    rig_close(&g);
}

static void tells_what_the_peer_said(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&c, &g);
    uint64_t id = g.last->id;
    client_frame(&c, WS_PONG, STR("unasked"));
    client_frame(&c, WS_BINARY, STR("b"));
    client_frame(&c, WS_CLOSE,
                 STR("\x0b\xb8"
                     "bye"));
    rig_await(&g, "close:3000:bye;");
    assert_str(buf_str(&g.log), "open;pong:unasked;binary:b;close:3000:bye;");
    assert_null(id_get(&g.gateway.conns, id));
    client_close(&c);
    rig_close(&g);
}

static void pings(void **state)
{
    struct rig g;
    struct client c;
    char payload[126] = { 0 };

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&c, &g);
    assert_int_equal(gateway_conn_ping(g.last, str_n(payload, 126)), ATR_ERANGE);
    assert_int_equal(gateway_conn_ping(g.last, STR("p")), 0);
    assert_frame(&c, WS_PING, "p");
    assert_int_equal(g.gateway.stats.pings, 1);
    client_close(&c);
    rig_close(&g);
}

static struct gateway_options small_queue(enum overflow overflow)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;

    o.output.bytes_max = 4096;
    o.output.overflow = (uint8_t)overflow;
    return o;
}

static void overflow_disconnects_from_the_loop(void **state)
{
    struct gateway_options o = small_queue(OVERFLOW_DISCONNECT);
    char data[1020] = { 0 };
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    struct gateway_conn *conn = g.last;
    (void)rig_stall(conn, str_n(data, sizeof data));
    size_t room = 4096 - gateway_conn_queued(conn);
    while (room > 125 + 2) { /* small frames have two bytes of header */
        assert_int_equal(gateway_conn_send(conn, str_n(data, 8), true, STR("")), 0);
        room -= 10;
    }
    assert_int_equal(gateway_conn_send(conn, str_n(data, room - 2), true, STR("")), 0);
    assert_int_equal(gateway_conn_queued(conn), 4096); /* exactly full */
    assert_int_equal(gateway_conn_send(conn, STR(""), true, STR("")), ATR_ELIMIT);
    assert_int_equal(gateway_conn_send(conn, STR(""), true, STR("")), ATR_ECLOSED);
    assert_int_equal(gateway_subscribe(conn, STR("x")), ATR_ECLOSED);
    assert_str(buf_str(&g.log), "open;"); /* not from within the call */
    rig_await(&g, "close:1006:output queue overflow;");
    assert_int_equal(g.gateway.stats.overflow_disconnects, 1);
    client_close(&c);
    rig_close(&g);
}

/* What came in one read with the message whose answer did not fit is not handled any more. */
static void an_overflow_ends_reading(void **state)
{
    struct gateway_options o = small_queue(OVERFLOW_DISCONNECT);
    static const uint8_t mask[4] = { 0 };
    uint8_t all[8 * (WS_HEAD_MAX + 1020)] = { 0 }, head[WS_HEAD_MAX];
    size_t n = 0, size, fit;
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, &o, false);
    g.echo = true;
    client_connect(&c, &g);
    (void)rig_stall(g.last, str_n(all, 1020));
    fit = (4096 - gateway_conn_queued(g.last)) / 1024;
    for (int i = 0; i < 8; i++) {
        size = ws_frame_head_masked(head, WS_BINARY, true, 1020, mask);
        memcpy(all + n, head, size);
        n += size + 1020;
    }
    assert_int_equal(write(c.fd, all, n), n);
    rig_await(&g, "close:1006:output queue overflow;");
    assert_int_equal(g.gateway.stats.messages_in, fit + 1);
    client_close(&c);
    rig_close(&g);
}

static void overflow_drops(void **state)
{
    struct gateway_options o = small_queue(OVERFLOW_DROP);
    char data[1020] = { 0 };
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    int sent = rig_stall(g.last, str_n(data, sizeof data));
    while (gateway_conn_send(g.last, str_n(data, sizeof data), true, STR("")) == 0)
        sent++;
    for (int i = 0; i < 3; i++)
        assert_int_equal(gateway_conn_send(g.last, str_n(data, sizeof data), true, STR("")),
                         ATR_ELIMIT);
    assert_int_equal(g.gateway.stats.overflow_drops, 4);
    for (int i = 0; i < sent; i++)
        assert_int_equal(client_next(&c).data.n, sizeof data);
    rig_await(&g, "drain;");
    assert_int_equal(gateway_conn_send(g.last, STR("after"), false, STR("")), 0);
    assert_frame(&c, WS_TEXT, "after");
    client_close(&c);
    rig_close(&g);
}

static void drains(void **state)
{
    struct rig g;
    struct client c;
    static char data[60000];

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&c, &g);
    for (int i = 0; i < 100; i++) /* more than a socket pair holds */
        assert_int_equal(gateway_conn_send(g.last, str_n(data, sizeof data), true, STR("")), 0);
    rig_settle(&g);
    assert_true(gateway_conn_queued(g.last) > 0);
    assert_false(rig_logged(&g, "drain;"));
    for (int i = 0; i < 100; i++)
        assert_int_equal(client_next(&c).data.n, sizeof data);
    rig_await(&g, "drain;");
    assert_int_equal(gateway_conn_queued(g.last), 0);
    client_close(&c);
    rig_close(&g);
}

static void pings_the_quiet_and_closes_the_dead(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client alive, dead;

    (void)state;
    o.ping_interval_ms = 40;
    o.idle_timeout_ms = 200;
    rig_open(&g, &o, false);
    client_connect(&dead, &g);
    uint64_t dead_id = g.last->id;
    client_connect(&alive, &g);
    struct gateway_conn *conn = g.last;
    for (int i = 0; i < 16; i++) { /* it answers each ping, for longer than silence may last */
        assert_frame(&alive, WS_PING, "");
        client_frame(&alive, WS_PONG, STR(""));
    }
    rig_await(&g, "pong:;");
    assert_frame(&dead, WS_PING, "");
    struct frame f = client_next(&dead);
    assert_int_equal(f.op, WS_CLOSE);
    assert_str(f.data, "\x03\xe9"
                       "idle timeout");
    assert_int_equal(g.gateway.stats.idle_timeouts, 1);
    client_close(&dead);
    rig_await(&g, "close:1001:idle timeout;");
    assert_null(id_get(&g.gateway.conns, dead_id));
    assert_ptr_equal(id_get(&g.gateway.conns, conn->id), conn);
    client_close(&alive);
    rig_await(&g, "close:1006:;");
    rig_close(&g);
}

/* A server that was stopped for long asks before it thinks a peer dead. */
static void a_late_ping_leaves_time_for_the_answer(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client c;

    (void)state;
    o.ping_interval_ms = 10000;
    o.idle_timeout_ms = 60000;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    g.last->ws.heard = false;
    g.last->heard_ms -= 120000;
    gateway_sweep(&g.gateway.sweep);
    gateway_sweep(&g.gateway.sweep);
    assert_frame(&c, WS_PING, "");
    client_silent(&c);
    assert_int_equal(g.gateway.stats.idle_timeouts, 0);
    g.last->heard_ms -= 60000;
    gateway_sweep(&g.gateway.sweep);
    assert_int_equal(client_next(&c).op, WS_CLOSE);
    assert_int_equal(g.gateway.stats.pings, 1);
    client_close(&c);
    rig_close(&g);

    o.idle_timeout_ms = 5000; /* shorter than the ping's: nobody is pinged */
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    g.last->ws.heard = false;
    g.last->heard_ms -= 11000;
    gateway_sweep(&g.gateway.sweep);
    assert_int_equal(client_next(&c).op, WS_CLOSE);
    client_close(&c);
    rig_close(&g);
}

static void no_timer_runs_for_nobody(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client c;

    (void)state;
    o.ping_interval_ms = 80;
    rig_open(&g, &o, false);
    assert_false(timer_running(&g.gateway.sweep));
    client_connect(&c, &g);
    assert_true(timer_running(&g.gateway.sweep));
    assert_int_equal(g.gateway.sweep_ms, 10);
    struct gateway_endpoint patient;
    o.ping_interval_ms = 80000;
    gateway_endpoint_init(&patient, &g.gateway, &o, &g.events, &g);
    assert_int_equal(g.gateway.sweep_ms, 10); /* the shortest interval decides */
    client_close(&c);
    rig_await(&g, "close:");
    for (int i = 0; i < 1000 && timer_running(&g.gateway.sweep); i++)
        assert_int_equal(loop_turn(&g.loop, 5), 0);
    assert_false(timer_running(&g.gateway.sweep));
    rig_close(&g);

    o.ping_interval_ms = o.idle_timeout_ms = 0;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    assert_false(timer_running(&g.gateway.sweep));
    client_close(&c);
    rig_close(&g);
}

static void abort_other(struct rig *g, struct gateway_conn *c)
{
    struct gateway_conn *other = g->last;

    if (other && other != c) {
        g->last = NULL;
        gateway_conn_abort(other);
    }
}

static void a_callback_may_abort_another(void **state)
{
    struct rig g;
    struct client a, b;

    (void)state;
    rig_open(&g, NULL, false);
    g.on_close = abort_other;
    client_connect(&a, &g);
    client_connect(&b, &g);
    client_close(&a);
    rig_await(&g, "close:1006:;close:1006:;");
    assert_int_equal(g.gateway.conns.count, 0);
    client_close(&b);
    rig_close(&g);
}

static void what_an_idle_connection_costs(void **state)
{
    (void)state;
    /* 144 and 128 as the allocator rounds, and 16 in the table of ids. */
    assert_in_range(sizeof(struct stream), 1, 136);
    assert_in_range(sizeof(struct gateway_conn), 1, 120);
}

TEST_MAIN(cmocka_unit_test(echoes_without_allocating), cmocka_unit_test(closes_in_good_order),
          cmocka_unit_test(tells_what_the_peer_said), cmocka_unit_test(pings),
          cmocka_unit_test(overflow_disconnects_from_the_loop),
          cmocka_unit_test(an_overflow_ends_reading), cmocka_unit_test(overflow_drops),
          cmocka_unit_test(drains), cmocka_unit_test(pings_the_quiet_and_closes_the_dead),
          cmocka_unit_test(a_late_ping_leaves_time_for_the_answer),
          cmocka_unit_test(no_timer_runs_for_nobody),
          cmocka_unit_test(a_callback_may_abort_another),
          cmocka_unit_test(what_an_idle_connection_costs))
