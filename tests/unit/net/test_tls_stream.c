/* tests/unit/net/test_tls_stream.c - handshakes that succeed and fail, bytes both ways, the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls_pair.h"

#include <malloc.h>

static void open_default(struct tls_pair *t)
{
    struct tls_options o = tls_options();

    context_open(&o);
    tls_pair_open(t, 0);
}

/* --- Bytes --- */

static void exchange(int version)
{
    struct tls_pair t;
    char in[64];

    open_default(&t);
    SSL_set_max_proto_version(t.client, version);
    assert_int_equal(tls_pair_shake(&t), 1);
    tls_pair_say(&t, "hello", 5);
    pair_turn();
    assert_str(buf_str(&t.p.got), "hello");
    stream_write(t.p.stream, STR("wel"));
    stream_write(t.p.stream, STR("come"));
    pair_turn();
    assert_int_equal(tls_pair_hear(&t, in, sizeof in), 7);
    assert_memory_equal(in, "welcome", 7);
    assert_int_equal(tls_stats.handshakes, 1);
    assert_string_equal(tls_stream_version(t.p.stream), SSL_get_version(t.client));
    assert_non_null(tls_stream_cipher(t.p.stream));
    tls_pair_close(&t);
    assert_int_equal(tls_stats.handshake_failures, 0);
}

static void bytes_go_both_ways_in_tls_1_3(void **state)
{
    (void)state;
    exchange(TLS1_3_VERSION);
}

static void bytes_go_both_ways_in_tls_1_2(void **state)
{
    (void)state;
    exchange(TLS1_2_VERSION);
}

/* Several messages are one record: 7 bytes, and what TLS adds to it once. */
static void messages_are_gathered_into_records(void **state)
{
    struct tls_pair t;
    char in[64];
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    for (int i = 0; i < 10; i++)
        stream_write(t.p.stream, STR("0123456789"));
    uint64_t writes = stream_stats.writes;
    pair_turn();
    assert_int_equal(stream_stats.writes - writes, 1);
    assert_int_equal(SSL_read(t.client, in, 1), 1);
    assert_int_equal(SSL_pending(t.client), 99); /* the rest of the same record */
    tls_pair_close(&t);
}

/* As many records as came are handled together, or a client that writes each message by itself
 * would cost an iteration for each. */
static void records_are_delivered_together(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    for (int i = 0; i < 100; i++)
        tls_pair_say(&t, "abc", 3);
    pair_turn();
    assert_int_equal(t.p.got.len, 300);
    assert_int_equal(t.p.datas, 1);
    tls_pair_close(&t);
}

static void data_may_come_with_the_last_flight(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    for (int i = 0; i < 10 && SSL_do_handshake(t.client) != 1; i++)
        pair_turn();
    tls_pair_say(&t, "at once", 7); /* behind the Finished that the server has not read */
    SSL_shutdown(t.client);
    pair_turn();
    pair_turn();
    assert_str(buf_str(&t.p.got), "at once");
    assert_int_equal(t.p.ends, 1);
    tls_pair_close(&t);
}

static void what_is_sent_early_goes_out_after_the_handshake(void **state)
{
    struct tls_pair t;
    char in[8];
    (void)state;

    open_default(&t);
    stream_write(t.p.stream, STR("early"));
    assert_int_equal(tls_pair_shake(&t), 1);
    assert_int_equal(tls_pair_hear(&t, in, sizeof in), 5);
    assert_memory_equal(in, "early", 5);
    assert_int_equal(stream_stats.queued_bytes, 0);
    tls_pair_close(&t);
}

/* Many megabytes each way through small buffers, paused and resumed by turns. */
static void floods_arrive_unchanged(void **state)
{
    enum { TOTAL = 3 << 20, PIECE = 50000 };
    struct tls_pair t;
    struct buf in = { 0 };
    uint8_t *data = mem_alloc(TOTAL);
    size_t said = 0;
    (void)state;

    for (size_t i = 0; i < TOTAL; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    struct tls_options o = tls_options();
    context_open(&o);
    tls_pair_open(&t, 8192);
    SSL_set_mode(t.client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    assert_int_equal(tls_pair_shake(&t), 1);
    for (size_t at = 0; at < TOTAL; at += PIECE)
        stream_write(t.p.stream, str_n(data + at, TOTAL - at < PIECE ? TOTAL - at : PIECE));
    for (int i = 0; (said < TOTAL || in.len < TOTAL || t.p.got.len < TOTAL) && i < 100000; i++) {
        int n = (int)(TOTAL - said < 30000 ? TOTAL - said : 30000);
        int wrote = n ? SSL_write(t.client, data + said, n) : 0;
        said += wrote > 0 ? (size_t)wrote : 0;
        if (i % 5 == 0)
            stream_pause(t.p.stream);
        else
            stream_resume(t.p.stream);
        pair_turn();
        size_t before = in.len;
        (void)buf_extend(&in, 20000);
        in.len = before + tls_pair_hear(&t, in.data + before, 20000);
    }
    assert_int_equal(in.len, TOTAL);
    assert_memory_equal(in.data, data, TOTAL);
    assert_int_equal(t.p.got.len, TOTAL);
    assert_memory_equal(t.p.got.data, data, TOTAL);
    assert_int_equal(t.p.drains, 1);
    buf_free(&in);
    mem_free(data);
    tls_pair_close(&t);
}

/* What OpenSSL holds is not forgotten while the stream is paused, though the kernel has nothing. */
static void resuming_finds_what_is_left_inside(void **state)
{
    static const char big[16000];
    struct tls_pair t;
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    for (int i = 0; i < 8; i++)
        tls_pair_say(&t, big, sizeof big);
    stream_pause(t.p.stream);
    for (int i = 0; i < 5; i++)
        pair_turn();
    assert_int_equal(t.p.got.len, 0);
    stream_resume(t.p.stream);
    for (int i = 0; i < 20; i++)
        pair_turn();
    assert_int_equal(t.p.got.len, 8 * sizeof big);
    tls_pair_close(&t);
}

static size_t use_none_until_all(struct pair *p, uint8_t *data, size_t n)
{
    if (n < 200000)
        return 0;
    buf_append(&p->got, data, n);
    return n;
}

static void unused_bytes_are_kept(void **state)
{
    struct tls_pair t;
    uint8_t *data = mem_zalloc(200000);
    (void)state;

    for (size_t i = 0; i < 200000; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    t.p.use = use_none_until_all;
    for (size_t at = 0; at < 200000; at += 4000) {
        tls_pair_say(&t, data + at, 4000);
        pair_turn();
    }
    pair_turn();
    assert_int_equal(t.p.got.len, 200000);
    assert_memory_equal(t.p.got.data, data, 200000);
    mem_free(data);
    tls_pair_close(&t);
}

static void keys_may_be_updated(void **state)
{
    struct tls_pair t;
    char in[16];
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(t.client, SSL_KEY_UPDATE_REQUESTED), 1);
        tls_pair_say(&t, "x", 1);
        pair_turn();
        stream_write(t.p.stream, STR("y"));
        pair_turn();
        assert_int_equal(tls_pair_hear(&t, in, sizeof in), 1);
    }
    assert_str(buf_str(&t.p.got), "xxxxx");
    tls_pair_close(&t);
}

/* --- The end --- */

static void close_notify_is_an_end(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    tls_pair_say(&t, "bye", 3);
    SSL_shutdown(t.client);
    pair_turn();
    pair_turn();
    assert_str(buf_str(&t.p.got), "bye");
    assert_int_equal(t.p.ends, 1);
    assert_int_equal(t.p.closes, 1);
    assert_int_equal(t.p.err, ATR_ECLOSED);
    tls_pair_close(&t);
}

static void an_end_without_close_notify_is_an_end(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    tls_pair_say(&t, "bye", 3);
    assert_int_equal(shutdown(t.p.peer, SHUT_WR), 0);
    pair_turn();
    pair_turn();
    assert_str(buf_str(&t.p.got), "bye");
    assert_int_equal(t.p.ends, 1);
    assert_int_equal(t.p.closes, 1);
    tls_pair_close(&t);
}

static void ending_says_close_notify_behind_the_last_byte(void **state)
{
    struct tls_pair t;
    char in[16];
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    stream_write(t.p.stream, STR("last"));
    stream_end(t.p.stream);
    pair_turn();
    assert_int_equal(tls_pair_hear(&t, in, sizeof in), 4);
    assert_int_equal(SSL_get_shutdown(t.client), SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(t.p.closes, 0);
    close(t.p.peer);
    t.p.peer = -1;
    pair_turn();
    assert_int_equal(t.p.closes, 1);
    assert_int_equal(t.p.err, 0);
    tls_pair_close(&t);
}

static void a_broken_record_closes(void **state)
{
    struct tls_pair t;
    static const uint8_t garbage[40] = { 0x17, 3, 3, 0, 35, 1, 2, 3 };
    (void)state;

    open_default(&t);
    assert_int_equal(tls_pair_shake(&t), 1);
    tls_pair_say(&t, "good", 4);
    pair_say(&t.p, garbage, sizeof garbage);
    pair_turn();
    pair_turn();
    assert_str(buf_str(&t.p.got), "good");
    assert_int_equal(t.p.closes, 1);
    assert_int_equal(t.p.err, -EPROTO);
    assert_int_equal(tls_stats.breaches, 1);
    tls_pair_close(&t);
}

/* --- Handshakes that fail --- */

static void garbage_is_answered_with_an_alert(void **state)
{
    struct tls_pair t;
    uint8_t in[64];
    (void)state;

    open_default(&t);
    pair_say(&t.p, "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\x00\x00\x00", 13);
    pair_turn();
    assert_int_equal(t.p.closes, 1);
    assert_int_equal(t.p.err, ATR_EPROTOCOL);
    assert_int_equal(tls_stats.handshake_failures, 1);
    assert_true(pair_hear(&t.p, in, sizeof in) >= 7);
    assert_int_equal(in[0], 0x15); /* alert */
    assert_int_equal(in[5], 2);    /* fatal */
    tls_pair_close(&t);
}

static void plain_http_is_told_so(void **state)
{
    struct tls_pair t;
    char in[512];
    (void)state;

    open_default(&t);
    pair_say(&t.p, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
    pair_turn();
    size_t n = pair_hear(&t.p, in, sizeof in - 1);
    in[n] = 0;
    assert_int_equal(strncmp(in, "HTTP/1.1 400 Bad Request\r\n", 26), 0);
    char *body = strstr(in, "\r\n\r\n");
    assert_non_null(body);
    assert_non_null(strstr(in, "Content-Length: 44\r\n"));
    assert_int_equal(strlen(body + 4), 44);
    assert_true(pair_heard_end(&t.p));
    assert_int_equal(tls_stats.plain_http, 1);
    assert_int_equal(tls_stats.handshake_failures, 1);
    tls_pair_close(&t);
}

static void a_slow_handshake_times_out(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    (void)SSL_do_handshake(t.client); /* its first flight, no second */
    pair_turn();
    pair_jump(4000); /* on top of the time that really passes */
    assert_int_equal(t.p.closes, 0);
    pair_jump(1000);
    assert_int_equal(t.p.closes, 1);
    assert_int_equal(t.p.err, ATR_ETIMEOUT);
    assert_int_equal(tls_stats.handshake_timeouts, 1);
    assert_int_equal(tls_stats.handshake_failures, 1);
    tls_pair_close(&t);
}

static void a_client_that_leaves_ends_its_handshake(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    (void)SSL_do_handshake(t.client);
    pair_turn();
    close(t.p.peer);
    t.p.peer = -1;
    pair_turn();
    pair_turn();
    assert_int_equal(t.p.closes, 1);
    assert_int_equal(tls_stats.handshake_failures, 1);
    tls_pair_close(&t);
}

static void ending_during_the_handshake_closes(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    (void)SSL_do_handshake(t.client);
    pair_turn();
    stream_end(t.p.stream);
    assert_int_equal(t.p.closes, 1);
    tls_pair_close(&t);
}

static void the_last_words_wait_for_the_handshake(void **state)
{
    struct tls_pair t;
    char in[16];
    (void)state;

    open_default(&t);
    stream_write(t.p.stream, STR("sorry"));
    stream_end(t.p.stream);
    assert_int_equal(tls_pair_shake(&t), 1);
    assert_int_equal(tls_pair_hear(&t, in, sizeof in), 5);
    assert_int_equal(SSL_get_shutdown(t.client), SSL_RECEIVED_SHUTDOWN);
    tls_pair_close(&t);
    assert_int_equal(tls_stats.handshake_failures, 0);
}

/* Whatever the network does to it: every byte by itself. */
static void a_handshake_may_come_byte_by_byte(void **state)
{
    struct tls_pair t;
    uint8_t flight[8192];
    int fds[2], done = 0;
    (void)state;

    open_default(&t);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    SSL_set_fd(t.client, fds[0]);
    for (int i = 0; i < 10 && done != 1; i++) {
        done = SSL_do_handshake(t.client);
        ssize_t n = recv(fds[1], flight, sizeof flight, 0);
        for (ssize_t at = 0; at < n; at++) {
            pair_say(&t.p, flight + at, 1);
            pair_turn();
        }
        if ((n = recv(t.p.peer, flight, sizeof flight, 0)) > 0)
            assert_int_equal(send(fds[1], flight, (size_t)n, 0), n);
    }
    assert_int_equal(done, 1);
    assert_int_equal(tls_stats.handshakes, 1);
    close(fds[0]);
    close(fds[1]);
    tls_pair_close(&t);
}

static void renegotiation_is_refused(void **state)
{
    struct tls_pair t;
    (void)state;

    open_default(&t);
    SSL_set_max_proto_version(t.client, TLS1_2_VERSION);
    assert_int_equal(tls_pair_shake(&t), 1);
    assert_int_equal(SSL_renegotiate(t.client), 1);
    assert_int_equal(tls_pair_shake(&t), 0);
    assert_int_equal(tls_stats.handshakes, 1);
    tls_pair_close(&t);
}

/* --- Memory --- */

/* Printed, not asserted: it is OpenSSL's. With its buffers held it would be 34 KiB more. */
static void what_an_idle_connection_costs(void **state)
{
    enum { COUNT = 64 };
    static struct tls_pair t[COUNT];
    struct tls_options o = tls_options();
    (void)state;

    context_open(&o);
    for (int i = 0; i < COUNT; i++) {
        tls_pair_open(&t[i], 0);
        assert_int_equal(tls_pair_shake(&t[i]), 1);
        stream_write(t[i].p.stream, STR("hello"));
        tls_pair_say(&t[i], "x", 1);
        pair_turn();
    }
    for (int i = 0; i < COUNT; i++) { /* the clients' share */
        char in[8];
        assert_int_equal(tls_pair_hear(&t[i], in, sizeof in), 5);
        SSL_free(t[i].client);
        t[i].client = NULL;
        buf_free(&t[i].p.got);
    }
    size_t with = mallinfo2().uordblks;
    for (int i = 0; i < COUNT; i++)
        tls_pair_close(&t[i]);
    size_t without = mallinfo2().uordblks;
    printf("# idle TLS connection: %zu bytes\n", (with - without) / COUNT);
    if (with > without) /* a sanitizer's allocator tells nothing */
        assert_in_range((with - without) / COUNT, 1, 16 * 1024);
}

TEST_MAIN(TLS_TEST(bytes_go_both_ways_in_tls_1_3), TLS_TEST(bytes_go_both_ways_in_tls_1_2),
          TLS_TEST(messages_are_gathered_into_records), TLS_TEST(records_are_delivered_together),
          TLS_TEST(data_may_come_with_the_last_flight),
          TLS_TEST(what_is_sent_early_goes_out_after_the_handshake),
          TLS_TEST(floods_arrive_unchanged), TLS_TEST(resuming_finds_what_is_left_inside),
          TLS_TEST(unused_bytes_are_kept), TLS_TEST(keys_may_be_updated),
          TLS_TEST(close_notify_is_an_end), TLS_TEST(an_end_without_close_notify_is_an_end),
          TLS_TEST(ending_says_close_notify_behind_the_last_byte), TLS_TEST(a_broken_record_closes),
          TLS_TEST(garbage_is_answered_with_an_alert), TLS_TEST(plain_http_is_told_so),
          TLS_TEST(a_slow_handshake_times_out), TLS_TEST(a_client_that_leaves_ends_its_handshake),
          TLS_TEST(ending_during_the_handshake_closes),
          TLS_TEST(the_last_words_wait_for_the_handshake),
          TLS_TEST(a_handshake_may_come_byte_by_byte), TLS_TEST(renegotiation_is_refused),
          TLS_TEST(what_an_idle_connection_costs))
