/* tests/unit/socketio/test_client.c - what comes in: packets, attachments, breaches
 * (2.1, 2.3, 2.7).
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

static void delivers_events_as_they_came(void **state)
{
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_say(&p, "42[\"a\", 1.10 ,{\"k\":12345678901234567890}]");
    peer_say(&p, "4207[1.5,null]");
    peer_say(&p, "42[\"error\",{\"_placeholder\":true,\"num\":9}]");
    assert_log(g, "event(/,\"a\",[\"a\", 1.10 ,{\"k\":12345678901234567890}]) "
                  "event(/,1.5,[1.5,null],7) "
                  "event(/,\"error\",[\"error\",{\"_placeholder\":true,\"num\":9}])");
    peer_say(&p, "40/n");
    peer_say(&p, "42/n,3[\"b\"]");
    assert_log(g, "connect(/n) event(/n,\"b\",[\"b\"],3)");
    assert_int_equal(g->io.stats.events_in, 4);
    peer_close(&p);
    buf_clear(&g->log);
}

/* Accepted, but nobody can listen to an event without a name. */
static void a_bare_event_is_no_breach(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    peer_say(&p, "42");
    peer_say(&p, "42[\"x\"]");
    assert_log(g, "event(/,\"x\",[\"x\"])");
    peer_close(&p);
    buf_clear(&g->log);
}

static void malformed_packets_close(void **state)
{
    static const char *const packets[] = {
        "4",
        "4abc",
        "48",
        "42{}",
        "42[]",
        "42[{}]",
        "42[\"x\"",
        "42[\"x\"]y",
        "42abc",
        "40[]",
        "40\"x\"",
        "41{}",
        "43{}",
        "44[1]",
        "42[\"connect\"]",
        "450-[\"x\"]",
        "45[\"x\"]",
        "451-[\"x\",{\"_placeholder\":true,\"num\":1}]",
        "42[\"x\",1e]",
        "42[\"disconnecting\",1]",
        "4511-[\"x\"]",
    };
    struct rig *g = *state;
    struct peer p;

    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        peer_join(&p, g);
        peer_say(&p, packets[i]);
        assert_log(g, "leaving(/,forced close) left(/,forced close)");
        assert_heard(&p, "close(1005)");
        peer_close(&p);
        assert_log(g, "");
        assert_int_equal(g->io.stats.protocol_errors, i + 1);
    }
}

static void packets_out_of_state_close(void **state)
{
    static const char *const packets[] = {
        "42/n,[\"x\"]",          "43/n,1[]",   "41/n,",
        "44{\"message\":\"x\"}", "44/n,\"x\"", "451-/n,[\"x\",{\"_placeholder\":true,\"num\":0}]",
    };
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("/n"));
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        peer_join(&p, g);
        peer_say(&p, packets[i]);
        assert_log(g, "leaving(/,forced server close) left(/,forced server close)");
        assert_heard(&p, "close(1005)");
        peer_close(&p);
    }
    assert_int_equal(g->io.stats.protocol_errors, sizeof packets / sizeof *packets);
}

/* All sockets of the connection are told; others on the server are not. */
static void a_breach_ends_every_namespace(void **state)
{
    struct rig *g = *state;
    struct peer p, other;

    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&other, g);
    peer_join(&p, g);
    peer_say(&p, "40/n");
    buf_clear(&g->log);
    peer_say_two(&p, "42{", "42[\"ignored\"]");
    assert_log(g, "leaving(/n,forced close) left(/n,forced close) leaving(/,forced close) "
                  "left(/,forced close)");
    assert_int_equal(g->io.stats.sockets_open, 1);
    peer_close(&p);
    peer_close(&other);
    buf_clear(&g->log);
}

static void gathers_attachments(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    peer_say(&p,
             "452-9[\"b\",{\"_placeholder\":true,\"num\":1},[{\"_placeholder\":true,\"num\":0}]]");
    assert_log(g, "");
    peer_bytes(&p, STR("first"));
    assert_log(g, "");
    peer_bytes(&p, STR(""));
    assert_log(g, "event(/,\"b\",[\"b\",{\"_placeholder\":true,\"num\":1},"
                  "[{\"_placeholder\":true,\"num\":0}]]+first+,9)");
    /* The next one starts afresh; one index may stand twice. */
    peer_say(&p, "451-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&p, STR("x"));
    assert_log(g, "event(/,\"b\",[\"b\",{\"_placeholder\":true,\"num\":0},"
                  "{\"_placeholder\":true,\"num\":0}]+x)");
    peer_close(&p);
    buf_clear(&g->log);
}

static void attachments_are_contiguous(void **state)
{
    static const char *const between[] = { "42[\"x\"]", "40/n", "41", "43[]" };
    struct rig *g = *state;
    struct peer p;

    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        peer_join(&p, g);
        peer_say(&p, "452-[\"b\",{\"_placeholder\":true,\"num\":0}]");
        peer_bytes(&p, STR("one"));
        peer_say(&p, between[i]);
        assert_log(g, "leaving(/,forced close) left(/,forced close)");
        peer_close(&p);
    }
    /* Engine.IO's own packets are none of this. */
    peer_join(&p, g);
    peer_say(&p, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    peer_say(&p, "3");
    peer_bytes(&p, STR("one"));
    assert_log(g, "event(/,\"b\",[\"b\",{\"_placeholder\":true,\"num\":0}]+one)");
    peer_close(&p);
    buf_clear(&g->log);
}

static void unexpected_binary_closes(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    peer_bytes(&p, STR("what"));
    assert_log(g, "leaving(/,forced close) left(/,forced close)");
    peer_close(&p);
    peer_open(&p, g);
    peer_bytes(&p, STR("what"));
    assert_heard(&p, "close(1005)");
    peer_close(&p);
}

/* Its socket was disconnected by the server while attachments came in. */
static void attachments_for_nobody_close(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    peer_say(&p, "452-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&p, STR("one"));
    sio_socket_disconnect(g->last, false);
    peer_bytes(&p, STR("two"));
    assert_log(g, "leaving(/,server namespace disconnect) left(/,server namespace disconnect)");
    assert_heard(&p, "41 close(1005)");
    peer_close(&p);
}

static void leaving_in_the_middle_frees_attachments(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    peer_say(&p, "453-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&p, STR("one"));
    peer_bytes(&p, STR("two"));
    peer_close(&p);
    assert_log(g, "leaving(/,transport close) left(/,transport close)");
}

static void namespaces_are_left_one_by_one(void **state)
{
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_say(&p, "40/n");
    assert_log(g, "connect(/n)");
    peer_say(&p, "41/n");
    assert_log(g, "leaving(/n,client namespace disconnect) left(/n,client namespace disconnect)");
    peer_say(&p, "42[\"still\"]");
    assert_log(g, "event(/,\"still\",[\"still\"])");
    peer_say(&p, "41/,");
    assert_log(g, "leaving(/,client namespace disconnect) left(/,client namespace disconnect)");
    /* The transport stays with no namespace, and may join again. */
    assert_heard(&p, "40/n,{\"sid\":\"$\"}");
    peer_say_two(&p, "40", "40/n");
    assert_heard(&p, "40{\"sid\":\"$\"} 40/n,{\"sid\":\"$\"}");
    peer_close(&p);
    buf_clear(&g->log);
}

static void limits_of_the_server_apply(struct sio_options *o)
{
    o->attachments_max = 1;
    o->json_depth_max = 3;
}

static void limits_close(void **state)
{
    struct rig g;
    struct peer p;
    (void)state;

    rig_open(&g, limits_of_the_server_apply);
    peer_join(&p, &g);
    peer_say(&p, "42[\"x\",[[]]]");
    assert_log(&g, "event(/,\"x\",[\"x\",[[]]])");
    peer_say(&p, "42[\"x\",[[[]]]]");
    assert_log(&g, "leaving(/,forced close) left(/,forced close)");
    peer_close(&p);
    peer_join(&p, &g);
    peer_say(&p, "452-[\"x\"]");
    assert_log(&g, "leaving(/,forced close) left(/,forced close)");
    peer_close(&p);
    rig_close(&g);
}

TEST_MAIN(RIG_TEST(delivers_events_as_they_came), RIG_TEST(a_bare_event_is_no_breach),
          RIG_TEST(malformed_packets_close), RIG_TEST(packets_out_of_state_close),
          RIG_TEST(a_breach_ends_every_namespace), RIG_TEST(gathers_attachments),
          RIG_TEST(attachments_are_contiguous), RIG_TEST(unexpected_binary_closes),
          RIG_TEST(attachments_for_nobody_close), RIG_TEST(leaving_in_the_middle_frees_attachments),
          RIG_TEST(namespaces_are_left_one_by_one), cmocka_unit_test(limits_close))
