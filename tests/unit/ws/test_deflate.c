/* tests/unit/ws/test_deflate.c - compressed messages: the ground of Autobahn's groups 12 and 13
 * (sizes, fragments, windows, contexts), and peers that break the rules (RFC 7692 sections 6
 * and 7.2).
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

#include <zlib.h>

#include "rng.h"
#include "ws/deflate.h"

enum { RSV1 = 0x40 };

static const struct ws_deflate_terms usual = {
    .server_bits = 15, .client_bits = 15, .level = 6, .mem_level = 8
};

/* The client's half of the extension, on zlib alone. */
struct peer {
    struct client c;
    struct ws_deflate_terms t;
    z_stream out, in;
    struct buf plain;
    bool moves; /* the connection is handed over, again and again */
};

static void peer_open(struct peer *p, const struct ws_deflate_terms *t, uint32_t message_max)
{
    *p = (struct peer){ .t = *t };
    client_open(&p->c, message_max, 0);
    ws_conn_deflate(&p->c.ws, t);
    assert_int_equal(deflateInit2(&p->out, 6, Z_DEFLATED,
                                  -(t->client_bits > 8 ? t->client_bits : 9), 8,
                                  Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(inflateInit2(&p->in, -t->server_bits), Z_OK); /* no more than was agreed */
}

static void peer_close(struct peer *p)
{
    (void)deflateEnd(&p->out);
    (void)inflateEnd(&p->in);
    buf_free(&p->plain);
    client_close(&p->c);
    ws_deflate_trim();
}

static void peer_pack(struct peer *p, struct buf *to, const void *data, size_t n)
{
    size_t room = n + n / 8 + 100;

    if (n == 0) { /* 7.2.3.6 */
        buf_byte(to, 0);
        return;
    }
    p->out.next_in = (void *)(uintptr_t)data;
    p->out.avail_in = (uInt)n;
    p->out.next_out = buf_extend(to, room);
    p->out.avail_out = (uInt)room;
    assert_int_equal(deflate(&p->out, Z_SYNC_FLUSH), Z_OK);
    to->len -= p->out.avail_out + 4;
    if (p->t.client_no_context_takeover)
        (void)deflateReset(&p->out);
}

/* Sends a compressed message in pieces of `piece` bytes. */
static void peer_say(struct peer *p, enum ws_op op, const void *data, size_t n, size_t piece)
{
    struct buf packed = { 0 }, wire = { 0 };

    peer_pack(p, &packed, data, n);
    for (size_t at = 0; at < packed.len; at += piece) {
        bool last = at + piece >= packed.len;
        put_frame(&wire, (uint8_t)((last ? FIN : 0) | (at ? WS_CONT : RSV1 | (int)op)),
                  packed.data + at, last ? packed.len - at : piece);
    }
    for (size_t at = 0; at < wire.len;) { /* the client's input is looked at elsewhere */
        ssize_t sent = send(p->c.fd, wire.data + at, wire.len - at, MSG_NOSIGNAL);
        at += sent > 0 ? (size_t)sent : 0;
        turn();
        if (p->moves)
            client_hand_over(&p->c);
    }
    buf_free(&packed);
    buf_free(&wire);
}

/* Reads the frame that came; restores it into p->plain. Returns its first byte. */
static uint8_t peer_hear(struct peer *p)
{
    struct ws_rules rules = { .len_max = UINT32_MAX, .rsv1 = true };
    struct ws_frame f;
    enum ws_bad bad;
    uint8_t first;

    for (int i = 0; i < 1000; i++) {
        ssize_t got;
        uint8_t piece[65536];
        turn();
        while ((got = recv(p->c.fd, piece, sizeof piece, 0)) > 0)
            buf_append(&p->c.in, piece, (size_t)got);
        if (ws_frame_parse(p->c.in.data, p->c.in.len, &rules, &f, &bad) == PARSE_DONE &&
            p->c.in.len >= f.head + f.len)
            break;
    }
    first = p->c.in.data[0];
    buf_clear(&p->plain);
    if (f.rsv1) {
        struct buf packed = { 0 };
        buf_append(&packed, p->c.in.data + f.head, f.len);
        buf_append(&packed, "\0\0\xff\xff", 4);
        p->in.next_in = packed.data;
        p->in.avail_in = (uInt)packed.len;
        do {
            p->in.next_out = buf_extend(&p->plain, 65536);
            p->in.avail_out = 65536;
            assert_true(inflate(&p->in, Z_SYNC_FLUSH) >= Z_BUF_ERROR);
            p->plain.len -= p->in.avail_out;
        } while (p->in.avail_out == 0);
        assert_int_equal(p->in.avail_in, 0);
        if (p->t.server_no_context_takeover)
            (void)inflateReset(&p->in);
        buf_free(&packed);
    } else {
        buf_append(&p->plain, p->c.in.data + f.head, f.len);
    }
    buf_consume(&p->c.in, f.head + f.len);
    return first;
}

static void echo(struct client *c, bool binary, uint8_t *data, size_t n)
{
    struct msg *m = ws_msg(binary ? WS_BINARY : WS_TEXT, str_n(data, n));

    buf_clear(&c->log);
    ws_conn_send(&c->ws, m);
    msg_unref(m);
}

static void fill(uint8_t *p, size_t n, struct rng *r)
{
    static const char words[] = "{\"user\":\"ann\",\"text\":\"hello everybody\",\"at\":";

    for (size_t i = 0; i < n; i++)
        p[i] = rng_below(r, 12) ? (uint8_t)words[i % (sizeof words - 1)]
                                : (uint8_t)('a' + rng_below(r, 26));
}

/* Messages of all sizes go through an echo, whole and in pieces, and come back as they were. */
static void run_case(const struct ws_deflate_terms *t, size_t piece, struct rng *r, bool moves)
{
    static const size_t sizes[] = { 0,    16,   64,    256,   1024,  4096,
                                    8192, 1000, 16384, 32768, 65536, 131072 };
    uint8_t *data = mem_alloc(131072);
    struct peer p;

    peer_open(&p, t, MESSAGE_MAX);
    p.c.on_message = echo;
    p.moves = moves;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int again = 0; again < 3; again++) {
            enum ws_op op = i % 2 ? WS_TEXT : WS_BINARY;
            fill(data, sizes[i], r);
            peer_say(&p, op, data, sizes[i], piece);
            uint8_t first = peer_hear(&p);
            assert_int_equal(first & 0x0f, op);
            if (!t->server_no_context_takeover || sizes[i] == 0 || sizes[i] > 1000)
                assert_int_equal(first & RSV1, sizes[i] ? RSV1 : 0);
            assert_int_equal(p.plain.len, sizes[i]);
            if (sizes[i])
                assert_memory_equal(p.plain.data, data, sizes[i]);
        }
    assert_int_equal(p.c.closes, 0);
    mem_free(data);
    peer_close(&p);
}

/* Group 13: each side with and without its context, windows large and small; group 12: pieces. */
static void run_all(bool moves)
{
    static const uint8_t bits[] = { 9, 12, 15 };
    static const size_t pieces[] = { 256, 4096, SIZE_MAX / 2 };
    struct rng r = { 7 };

    for (int contexts = 0; contexts < 4; contexts++)
        for (size_t b = 0; b < 3; b++) {
            struct ws_deflate_terms t = usual;
            t.server_no_context_takeover = contexts & 1;
            t.client_no_context_takeover = contexts & 2;
            t.server_bits = bits[b];
            t.client_bits = bits[2 - b];
            run_case(&t, pieces[(b + (size_t)contexts) % 3], &r, moves);
        }
}

static void all_terms_and_sizes(void **state)
{
    (void)state;
    run_all(false);
}

/* In the middle of messages and between them: both windows go along. */
static void all_of_it_while_handed_over(void **state)
{
    (void)state;
    run_all(true);
}

static void a_window_of_256_bytes_is_read(void **state)
{
    struct ws_deflate_terms t = usual;
    struct rng r = { 8 };
    (void)state;

    t.client_bits = 8;
    run_case(&t, 1000, &r, false);
    run_case(&t, 1000, &r, true);
}

/* The second of two equal messages is a reference to the first, in both directions. */
static void contexts_are_carried_over(void **state)
{
    struct rng r = { 9 };
    struct peer p;
    uint8_t noise[900];
    size_t first, second;
    (void)state;

    peer_open(&p, &usual, MESSAGE_MAX);
    p.c.on_message = echo;
    rng_fill(&r, noise, sizeof noise);
    peer_say(&p, WS_BINARY, noise, sizeof noise, 10000);
    (void)peer_hear(&p);
    first = ws_stats.deflated_to;
    peer_say(&p, WS_BINARY, noise, sizeof noise, 10000);
    (void)peer_hear(&p);
    second = ws_stats.deflated_to - first;
    assert_memory_equal(p.plain.data, noise, sizeof noise);
    assert_true(first > 900);
    assert_true(second < 50);
    peer_close(&p);
}

/* What a connection owns follows what was said, not the window. */
static void memory_follows_what_was_said(void **state)
{
    struct peer p;
    (void)state;

    peer_open(&p, &usual, MESSAGE_MAX);
    p.c.on_message = echo;
    assert_null(p.c.ws.deflate->sent.data);
    peer_say(&p, WS_TEXT, "short", 5, 100);
    (void)peer_hear(&p);
    assert_true(p.c.ws.deflate->sent.cap <= 64);
    assert_true(p.c.ws.deflate->received.cap <= 64);
    uint8_t *big = mem_zalloc(500000);
    peer_say(&p, WS_BINARY, big, 500000, 100000);
    (void)peer_hear(&p);
    assert_int_equal(p.c.ws.deflate->sent.cap, 32768);
    assert_int_equal(p.c.ws.deflate->received.cap, 32768);
    mem_free(big);
    peer_close(&p);
}

static void short_messages_go_plain(void **state)
{
    struct ws_deflate_terms t = usual;
    struct peer p;
    uint8_t text[100];
    (void)state;

    t.threshold = 100;
    memset(text, 'x', sizeof text);
    peer_open(&p, &t, MESSAGE_MAX);
    p.c.on_message = echo;
    peer_say(&p, WS_TEXT, text, 99, 1000);
    assert_int_equal(peer_hear(&p), FIN | WS_TEXT);
    assert_int_equal(p.plain.len, 99);
    peer_say(&p, WS_TEXT, text, 100, 1000);
    assert_int_equal(peer_hear(&p), FIN | RSV1 | WS_TEXT);
    client_say(&p.c, FIN | WS_TEXT, "a plain one is welcome, too"); /* 6: RSV1 is per message */
    assert_int_equal(p.c.closes, 0);
    peer_close(&p);
}

/* --- One compression for many --- */

static void a_broadcast_is_compressed_once(void **state)
{
    enum { COUNT = 20 };
    static struct peer p[COUNT];
    struct ws_deflate_terms t = usual;
    struct msg *m[3];
    struct rng r = { 10 };
    uint8_t text[3000];
    (void)state;

    t.server_no_context_takeover = true;
    fill(text, sizeof text, &r);
    for (int i = 0; i < 3; i++)
        m[i] = ws_msg(i ? WS_BINARY : WS_TEXT, str_n(text, sizeof text - (size_t)i));
    for (int i = 0; i < COUNT; i++) {
        if (i == COUNT - 1)
            t.server_bits = 10; /* another window is another compression */
        peer_open(&p[i], &t, MESSAGE_MAX);
    }
    turn();
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < 3; k++) /* a text and its attachments, to each in turn */
            ws_conn_send(&p[i].c.ws, m[k]);
    assert_int_equal(ws_stats.deflated, 6);
    assert_int_equal(ws_stats.deflated_shared, 3 * (COUNT - 2));
    for (int k = 0; k < 3; k++)
        assert_true(m[k]->refs > 1); /* held while known by its address */
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < 3; k++) {
            (void)peer_hear(&p[i]);
            assert_int_equal(p[i].plain.len, sizeof text - (size_t)k);
            assert_memory_equal(p[i].plain.data, text, p[i].plain.len);
        }
    for (int k = 0; k < 3; k++) {
        assert_int_equal(m[k]->refs, 1);
        msg_unref(m[k]);
    }
    for (int i = 0; i < COUNT; i++)
        peer_close(&p[i]);
}

static void what_does_not_shrink_is_sent_as_it_is(void **state)
{
    struct ws_deflate_terms t = usual;
    struct rng r = { 11 };
    uint8_t noise[2000];
    struct peer p;
    (void)state;

    t.server_no_context_takeover = true;
    rng_fill(&r, noise, sizeof noise);
    peer_open(&p, &t, MESSAGE_MAX);
    p.c.on_message = echo;
    peer_say(&p, WS_BINARY, noise, sizeof noise, 5000);
    assert_int_equal(peer_hear(&p), FIN | WS_BINARY);
    assert_memory_equal(p.plain.data, noise, sizeof noise);
    peer_close(&p);
}

/* --- Breaches --- */

static void frame(struct peer *p, uint8_t first, const void *data, size_t n)
{
    struct buf b = { 0 };

    put_frame(&b, first, data, n);
    client_send(&p->c, &b, 0, b.len);
    settle(&p->c);
    buf_free(&b);
}

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

static void rsv1_has_its_place(void **state)
{
    static const struct {
        uint8_t before, first;
    } cases[] = {
        { 0, RSV1 | FIN | WS_PING }, /* 6.1: control frames are not compressed */
        { 0, RSV1 | FIN | WS_PONG },
        { 0, RSV1 | FIN | WS_CLOSE },
        { RSV1 | WS_TEXT, RSV1 | FIN | WS_CONT }, /* 6.1: only the first frame says so */
        { WS_BINARY, RSV1 | FIN | WS_CONT },
        { 0, RSV1 | FIN | WS_CONT },
        { 0, RSV1 | 0x20 | FIN | WS_TEXT },
        { 0, 0x10 | FIN | WS_TEXT },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        peer_open(&p, &usual, MESSAGE_MAX);
        if (cases[i].before)
            frame(&p, cases[i].before, HELLO, 3);
        frame(&p, cases[i].first, HELLO, 2);
        assert_log(&p.c, "C(1002,,ours)");
        assert_heard(&p.c, "close(1002) end");
        peer_close(&p);
    }
}

static void without_the_extension_rsv1_is_a_breach(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, MESSAGE_MAX, 0);
    client_say(&c, RSV1 | FIN | WS_TEXT, "x");
    settle(&c);
    assert_log(&c, "C(1002,,ours)");
    client_close(&c);
}

static void control_frames_may_come_between(void **state)
{
    struct peer p;
    (void)state;

    peer_open(&p, &usual, MESSAGE_MAX);
    frame(&p, RSV1 | WS_TEXT, HELLO, 3);
    frame(&p, FIN | WS_PING, "p", 1);
    frame(&p, FIN | WS_CONT, &HELLO[3], 4);
    assert_log(&p.c, "T(Hello)");
    assert_heard(&p.c, "pong(p)");
    peer_close(&p);
}

static void every_cut_of_the_wire_gives_the_message(void **state)
{
    struct buf b = { 0 };
    (void)state;

    put_frame(&b, RSV1 | WS_TEXT, HELLO, 2);
    put_frame(&b, WS_CONT, "", 0);
    put_frame(&b, FIN | WS_CONT, &HELLO[2], 5);
    put_frame(&b, FIN | RSV1 | WS_TEXT, "\xf2\x00\x11\x00\x00", 5); /* refers to it */
    for (size_t cut = 0; cut <= b.len; cut++) {
        struct peer p;
        peer_open(&p, &usual, MESSAGE_MAX);
        client_send(&p.c, &b, 0, cut);
        client_send(&p.c, &b, cut, b.len);
        settle(&p.c);
        assert_log(&p.c, "T(Hello) T(Hello)");
        peer_close(&p);
    }
    buf_free(&b);
}

static void what_is_not_deflate_is_refused(void **state)
{
    struct peer p;
    (void)state;

    peer_open(&p, &usual, MESSAGE_MAX);
    frame(&p, FIN | RSV1 | WS_BINARY, "\xff\xff\xff", 3);
    assert_log(&p.c, "C(1007,,ours)");
    peer_close(&p);
    peer_open(&p, &usual, MESSAGE_MAX);
    frame(&p, FIN | RSV1 | WS_TEXT, HELLO, 4); /* it breaks off */
    assert_log(&p.c, "C(1007,,ours)");
    peer_close(&p);
}

static void text_is_checked_when_it_is_plain(void **state)
{
    struct peer p;
    (void)state;

    peer_open(&p, &usual, MESSAGE_MAX);
    peer_say(&p, WS_TEXT, "caf\xc3\xa9", 5, 3);
    assert_log(&p.c, "T(caf\xc3\xa9)");
    peer_say(&p, WS_BINARY, "caf\xc3", 4, 100);
    peer_say(&p, WS_TEXT, "caf\xc3", 4, 100);
    assert_log(&p.c, "T(caf\xc3\xa9) B(4) C(1007,,ours)");
    peer_close(&p);
}

static void the_limit_is_of_the_plain_message(void **state)
{
    uint8_t *zeroes = mem_zalloc(100000), noise[10000];
    struct rng r = { 12 };
    struct peer p;
    (void)state;

    peer_open(&p, &usual, 10000);
    rng_fill(&r, noise, sizeof noise);
    peer_say(&p, WS_BINARY, zeroes, 10000, 100000);
    peer_say(&p, WS_BINARY, noise, 10000, 100000); /* larger on the wire than the limit */
    peer_say(&p, WS_BINARY, noise, 10000, 1000);
    assert_log(&p.c, "B(10000) B(10000) B(10000)");
    peer_say(&p, WS_BINARY, zeroes, 10001, 100000);
    assert_log(&p.c, "B(10000) B(10000) B(10000) C(1009,,ours)");
    peer_close(&p);

    peer_open(&p, &usual, 10000);
    peer_say(&p, WS_BINARY, zeroes, 100000, 10); /* a small bomb, in pieces */
    settle(&p.c);
    assert_log(&p.c, "C(1009,,ours)");
    assert_int_equal(ws_stats.too_big, 2);
    peer_close(&p);

    peer_open(&p, &usual, 10000); /* refused by its head, before it is read */
    uint8_t head[] = { FIN | RSV1 | WS_TEXT, 0xfe, 0xff, 0xff, 0, 0, 0, 0 };
    assert_int_equal(send(p.c.fd, head, sizeof head, 0), sizeof head);
    settle(&p.c);
    assert_log(&p.c, "C(1009,,ours)");
    peer_close(&p);
    mem_free(zeroes);
}

static void control_frames_go_plain(void **state)
{
    struct peer p;
    (void)state;

    peer_open(&p, &usual, MESSAGE_MAX);
    ws_conn_ping(&p.c.ws, STR("are you there, my dear old friend of so many years?"));
    ws_conn_close(&p.c.ws, 1000, STR("a reason that would shrink, shrink, shrink, shrink"), 0);
    assert_int_equal(peer_hear(&p), FIN | WS_PING);
    assert_int_equal(peer_hear(&p), FIN | WS_CLOSE);
    peer_close(&p);
}

static void noise_is_survived(void **state)
{
    struct rng r = { 13 };
    (void)state;

    for (int i = 0; i < 300; i++) {
        struct peer p;
        uint8_t noise[100];
        peer_open(&p, &usual, 500);
        for (int k = 0; k < 10 && p.c.ws.stream; k++) {
            size_t n = rng_below(&r, sizeof noise);
            rng_fill(&r, noise, n);
            frame(&p, FIN | RSV1 | WS_BINARY, noise, n);
        }
        peer_close(&p);
    }
}

TEST_MAIN(CLIENT_TEST(all_terms_and_sizes), CLIENT_TEST(all_of_it_while_handed_over),
          CLIENT_TEST(a_window_of_256_bytes_is_read), CLIENT_TEST(contexts_are_carried_over),
          CLIENT_TEST(memory_follows_what_was_said), CLIENT_TEST(short_messages_go_plain),
          CLIENT_TEST(a_broadcast_is_compressed_once),
          CLIENT_TEST(what_does_not_shrink_is_sent_as_it_is), CLIENT_TEST(rsv1_has_its_place),
          CLIENT_TEST(without_the_extension_rsv1_is_a_breach),
          CLIENT_TEST(control_frames_may_come_between),
          CLIENT_TEST(every_cut_of_the_wire_gives_the_message),
          CLIENT_TEST(what_is_not_deflate_is_refused),
          CLIENT_TEST(text_is_checked_when_it_is_plain),
          CLIENT_TEST(the_limit_is_of_the_plain_message), CLIENT_TEST(control_frames_go_plain),
          CLIENT_TEST(noise_is_survived))
