/* tests/unit/socketio/test_hot_path.c - what the hot path costs: allocations and bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <sys/socket.h>

#include "proto/ws_frame.h"
#include "socketio/client.h"

/* Sends without the helpers of the rig, whose clients allocate. */
static void exchange(struct peer *p, const uint8_t *frames, size_t n)
{
    static uint8_t in[65536];
    ssize_t got;

    assert_int_equal(send(p->fd, frames, n, 0), n);
    rig_settle(p->rig);
    got = recv(p->fd, in, sizeof in, 0);
    assert_true(got > 0);
}

static size_t frame(uint8_t *out, enum ws_op op, str payload)
{
    static const uint8_t mask[4] = { 0 };
    size_t head = ws_frame_head_masked(out, op, true, payload.n, mask);

    memcpy(out + head, payload.p, payload.n);
    return head + payload.n;
}

static void warm_echo_allocates_nothing(void **state)
{
    struct rig *g = *state;
    struct peer p;
    uint8_t out[512];
    size_t n = 0;

    g->on_event = rig_echo;
    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_say(&p, "40/n");
    g->quiet = true;
    n += frame(out + n, WS_TEXT, STR("42[\"e\",\"0123456789abcdef0123456789abcdef\"]"));
    n += frame(out + n, WS_TEXT, STR("42/n,17[\"e\",{\"k\":[1,2,3]}]"));
    n += frame(out + n, WS_TEXT, STR("452-[\"e\",{\"_placeholder\":true,\"num\":1}]"));
    n += frame(out + n, WS_BINARY, STR("first attachment"));
    n += frame(out + n, WS_BINARY, STR("second attachment"));
    exchange(&p, out, n);
    exchange(&p, out, n);
    for (int i = 0; i < 100; i++)
        assert_allocs(0, exchange(&p, out, n));
    assert_int_equal(g->io.stats.events_in, 3 * 102);
    peer_close(&p);
}

static size_t packed_frame(uint8_t *out, const char *text, const str *attachments)
{
    struct buf bytes = { 0 };
    size_t n;

    rig_pack(&bytes, text, attachments);
    n = frame(out, WS_BINARY, buf_str(&bytes));
    buf_free(&bytes);
    return n;
}

static void warm_echo_of_msgpack_allocates_nothing(void **state)
{
    static const str attachments[] = { { "first", 5 }, { "second", 6 } };
    struct rig *g = *state;
    struct peer p;
    uint8_t out[512];
    size_t n = 0;

    g->on_event = rig_echo;
    peer_join_packed(&p, g);
    g->quiet = true;
    n += packed_frame(out + n, "42[\"e\",\"0123456789abcdef0123456789abcdef\"]", NULL);
    n += packed_frame(out + n, "4217[\"e\",{\"k\":[1,2.5,3]}]", NULL);
    n += packed_frame(out + n,
                      "452-[\"e\",{\"_placeholder\":true,\"num\":1},"
                      "{\"_placeholder\":true,\"num\":0}]",
                      attachments);
    exchange(&p, out, n);
    exchange(&p, out, n);
    for (int i = 0; i < 100; i++)
        assert_allocs(0, exchange(&p, out, n));
    assert_int_equal(g->io.stats.events_in, 3 * 102);
    peer_close(&p);
}

static void no_answer(void *user, int err, const struct sio_data *reply)
{
    (void)err, (void)reply;
    ++*(int *)user;
}

static void warm_acks_allocate_nothing(void **state)
{
    struct rig *g = *state;
    struct peer p;
    uint8_t out[64];
    int answered = 0;

    peer_join(&p, g);
    g->quiet = true;
    for (int i = 0; i < 50; i++) {
        char text[32];

        (void)snprintf(text, sizeof text, "43%d[1]", i);
        assert_allocs(i < 2 ? 100 : 0, {
            assert_int_equal(
                sio_socket_emit_ack(g->last, DATA("[\"q\"]"), 0, 1000, no_answer, &answered), 0);
            exchange(&p, out, frame(out, WS_TEXT, str_of(text)));
        });
    }
    assert_int_equal(answered, 50);
    peer_close(&p);
}

/* At most two per broadcast, whatever its size: neither encoding nor queueing is per recipient. */
static void broadcasts_allocate_for_all_at_once(void **state)
{
    enum { CROWD = 300 };
    static struct peer p[CROWD];
    static char big[20000];
    struct rig *g = *state;
    str rooms[] = { STR("even"), STR("third") }, except = STR("fifth");
    struct sio_target some = { rooms, 2, &except, 1, NULL, 0 };
    struct sio_data large = { .json = { big, sizeof big } };

    memset(big, '1', sizeof big);
    for (int i = 0; i < CROWD; i++) {
        peer_join(&p[i], g);
        if (i % 2 == 0)
            sio_socket_join(g->last, STR("even"));
        if (i % 3 == 0)
            sio_socket_join(g->last, STR("third"));
        if (i % 5 == 0)
            sio_socket_join(g->last, STR("fifth"));
    }
    g->quiet = true;
    for (int round = 0; round < 4; round++) {
        /* The streams' queues come from the slab, which must hold enough of them first. */
        unsigned most = round ? 2 : 10000;

        assert_allocs(most, sio_emit(g->main, NULL, DATA("[\"all\"]")));
        rig_settle(g);
        assert_allocs(most, sio_emit(g->main, &some, DATA("[\"some\"]")));
        rig_settle(g);
        assert_allocs(most, sio_emit(g->main, NULL, &large));
        rig_settle(g);
        assert_allocs(most + 2, {
            sio_emit(g->main, NULL, DATA("[1]"));
            sio_emit(g->main, &some, DATA("[2]"));
        });
        rig_settle(g);
        for (int i = 0; i < CROWD; i++) {
            peer_hear(&p[i]);
            buf_clear(&p[i].heard);
        }
    }
    assert_int_equal(g->io.stats.deliveries, 4 * (3 * CROWD + 2 * 160));
    for (int i = 0; i < CROWD; i++)
        peer_close(&p[i]);
}

/* A crowd of both kinds: one message more for all, and none where nobody wants MessagePack. */
static void mixed_broadcasts_allocate_for_all_at_once(void **state)
{
    enum { CROWD = 100 };
    static struct peer p[CROWD];
    static char big[20000];
    struct rig *g = *state;
    str room = STR("texts");
    struct sio_target texts = { .rooms = &room, .room_count = 1 };
    struct sio_data large = { .json = { big, sizeof big } };

    memset(big, 'x', sizeof big);
    memcpy(big, "[\"", 2);
    memcpy(big + sizeof big - 2, "\"]", 2);
    for (int i = 0; i < CROWD; i++) {
        if (i % 2) {
            peer_join_packed(&p[i], g);
        } else {
            peer_join(&p[i], g);
            sio_socket_join(g->last, room);
        }
    }
    g->quiet = true;
    for (int round = 0; round < 4; round++) {
        unsigned few = round ? 0 : 10000, most = round ? 3 : 10000;

        buf_clear(&g->io.packing.out);
        assert_allocs(few, sio_emit(g->main, &texts, DATA("[\"some\",1]")));
        assert_int_equal(g->io.packing.out.len, 0); /* nothing was converted */
        rig_settle(g);
        assert_allocs(few, sio_emit(g->main, NULL, DATA("[\"all\",{\"a\":[1,2]}]")));
        rig_settle(g);
        assert_allocs(most, sio_emit(g->main, NULL, &large));
        rig_settle(g);
        for (int i = 0; i < CROWD; i++) {
            peer_hear(&p[i]);
            buf_clear(&p[i].heard);
        }
    }
    assert_int_equal(g->io.stats.deliveries, 4 * (2 * CROWD + CROWD / 2));
    for (int i = 0; i < CROWD; i++)
        peer_close(&p[i]);
}

/* What this layer keeps for an idle connection, beyond the engine's own. */
static void idle_clients_are_small(void **state)
{
    struct rig *g = *state;
    struct peer p;

    assert_true(sizeof(struct sio_client) - sizeof(struct eio_session) <= 56);
    assert_true(sizeof(struct sio_socket) <= 112);
    assert_true(sizeof(struct sio_handshake) <= 48);
    peer_join(&p, g);
    assert_null(((struct sio_client *)sio_socket_session(g->last))->patience);
    peer_close(&p);
}

TEST_MAIN(RIG_TEST(warm_echo_allocates_nothing), RIG_TEST(warm_echo_of_msgpack_allocates_nothing),
          RIG_TEST(warm_acks_allocate_nothing), RIG_TEST(broadcasts_allocate_for_all_at_once),
          RIG_TEST(mixed_broadcasts_allocate_for_all_at_once), RIG_TEST(idle_clients_are_small))
