/* tests/unit/net/test_stream_write.c - flushing, backpressure, concatenation, and what they cost.
 *
 * SPDX-License-Identifier: MIT
 */
#include "pair.h"

static struct msg *filled(size_t n, uint8_t seed)
{
    struct msg *m = msg_new(n);

    for (size_t i = 0; i < n; i++)
        m->data[i] = (uint8_t)(seed + i * 7);
    return m;
}

/* --- Flushing --- */

static void one_write_per_turn(void **state)
{
    struct pair p;
    char out[16];
    (void)state;

    pair_open(&p, 0);
    stream_write(p.stream, STR("one"));
    stream_write(p.stream, STR("two"));
    stream_write(p.stream, STR("")); /* nothing */
    stream_write(p.stream, STR("three"));
    assert_true(stream_has_queue(p.stream));
    assert_int_equal(p.stream->queued_bytes, 11);
    assert_int_equal(stream_stats.queued_bytes, 11);
    assert_int_equal(pair_hear(&p, out, 16), 0);
    pair_turn();
    assert_int_equal(pair_hear(&p, out, 16), 11);
    assert_memory_equal(out, "onetwothree", 11);
    assert_false(stream_has_queue(p.stream));
    assert_int_equal(stream_stats.writes, 1);
    assert_int_equal(stream_stats.messages_out, 3);
    assert_int_equal(stream_stats.bytes_out, 11);
    assert_int_equal(p.drains, 0); /* it never had to wait */
    pair_close(&p);
}

/* More messages than one system call takes. */
static void thousands_of_messages_in_one_turn(void **state)
{
    enum { COUNT = 3000 };
    struct pair p;
    static uint8_t out[COUNT * 4];
    (void)state;

    pair_open(&p, 1 << 20);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct msg *m = msg_of(str_n(&i, sizeof i));
        stream_send(p.stream, m);
        assert_int_equal(m->refs, 2);
        msg_unref(m);
    }
    pair_turn();
    assert_int_equal(pair_hear(&p, out, sizeof out), sizeof out);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_memory_equal(out + 4 * i, &i, 4);
    assert_int_equal(stream_stats.messages_out, COUNT);
    pair_close(&p);
}

/* A socket buffer far smaller than the messages: every byte arrives once and in order. */
static void partial_writes(void **state)
{
    enum { COUNT = 200 };
    struct msg *all[COUNT];
    struct pair p;
    size_t total = 0, got = 0;
    uint8_t *want, *have;
    (void)state;

    pair_open(&p, 1); /* the kernel's least */
    for (int i = 0; i < COUNT; i++) {
        all[i] = filled(1 + (size_t)(i * 997) % 9000, (uint8_t)i);
        stream_send(p.stream, all[i]);
        total += all[i]->len;
    }
    want = malloc(total);
    have = malloc(total);
    total = 0;
    for (int i = 0; i < COUNT; i++) {
        memcpy(want + total, all[i]->data, all[i]->len);
        total += all[i]->len;
    }
    pair_turn();
    assert_true(p.stream->blocked);
    assert_int_equal(p.drains, 0);
    while (got < total) {
        size_t n = pair_hear(&p, have + got, total - got < 700 ? total - got : 700);
        got += n;
        pair_turn();
        assert_int_equal(stream_stats.queued_bytes, p.stream->queued_bytes);
    }
    assert_memory_equal(have, want, total);
    assert_int_equal(p.drains, 1);
    assert_false(p.stream->blocked);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(all[i]->refs, 1);
        msg_unref(all[i]);
    }
    free(want);
    free(have);
    pair_close(&p);
}

/* Whoever asked hears of it also when the kernel takes all at once; others do not. */
static void drain_is_told_to_who_asks(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    stream_write(p.stream, STR("one"));
    stream_tell_drain(p.stream);
    pair_turn();
    assert_int_equal(p.drains, 1);
    stream_write(p.stream, STR("two"));
    pair_turn();
    assert_int_equal(p.drains, 1);
    pair_close(&p);
}

/* An offer moves bytes now and calls nobody; what the kernel does not take waits as ever. */
static void an_offer_does_not_wait_for_the_flush(void **state)
{
    struct pair p;
    char out[16];
    struct msg *m = filled(1 << 20, 1);
    size_t got = 3;
    (void)state;

    pair_open(&p, 4096);
    stream_write(p.stream, STR("one"));
    stream_tell_drain(p.stream);
    stream_offer(p.stream);
    assert_int_equal(pair_hear(&p, out, sizeof out), 3);
    assert_int_equal(p.drains, 0);
    pair_turn();
    assert_int_equal(p.drains, 1); /* the flush found nothing left */
    stream_send(p.stream, m);
    stream_offer(p.stream);
    assert_true(p.stream->blocked);
    assert_in_range(p.stream->queued_bytes, 1, m->len - 1);
    uint64_t writes = stream_stats.writes;
    stream_offer(p.stream); /* it was told once */
    assert_int_equal(stream_stats.writes, writes);
    while (got < 3 + m->len) {
        static char sink[65536];
        got += pair_hear(&p, sink, sizeof sink);
        pair_turn();
    }
    assert_int_equal(p.drains, 2);
    msg_unref(m);
    pair_close(&p);
}

/* The owner is in the middle of something: it hears of the end from the loop. */
static void an_offer_to_nobody_closes_from_the_loop(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    close(p.peer);
    p.peer = -1;
    stream_write(p.stream, STR("one"));
    stream_offer(p.stream);
    stream_offer(p.stream);
    assert_int_equal(p.closes, 0);
    stream_write(p.stream, STR("two"));
    pair_turn();
    assert_int_equal(p.closes, 1);
    pair_close(&p);
}

static void blocked_stream_does_not_spin(void **state)
{
    struct pair p;
    struct msg *m = filled(1 << 20, 1);
    uint64_t events, writes;
    (void)state;

    pair_open(&p, 4096);
    stream_send(p.stream, m);
    pair_turn();
    pair_turn();
    assert_true(p.stream->blocked);
    events = loop.stats.events;
    writes = stream_stats.writes;
    stream_send(p.stream, m);
    pair_turn();
    pair_turn();
    assert_int_equal(loop.stats.events, events);
    assert_int_equal(stream_stats.writes, writes);
    pair_close(&p);
    assert_int_equal(m->refs, 1); /* closing drops the queue */
    msg_unref(m);
}

static void send_more(struct pair *p)
{
    if (p->drains < 4) {
        struct msg *m = filled(300000, (uint8_t)p->drains);
        stream_send(p->stream, m);
        msg_unref(m);
    }
}

static void drained_stream_may_send_more(void **state)
{
    struct pair p;
    static uint8_t out[300000];
    size_t got = 0;
    (void)state;

    pair_open(&p, 4096);
    p.drain = send_more;
    send_more(&p);
    while (p.drains < 4) {
        got += pair_hear(&p, out, sizeof out);
        pair_turn();
    }
    got += pair_hear(&p, out, sizeof out);
    assert_int_equal(got, 4 * 300000);
    pair_close(&p);
}

static void close_on_drain(struct pair *p)
{
    stream_close(p->stream, 0);
}

static void closing_within_on_drain(void **state)
{
    struct pair p;
    static uint8_t out[300000];
    (void)state;

    pair_open(&p, 4096);
    p.drain = close_on_drain;
    send_more(&p);
    while (!p.closes) {
        (void)pair_hear(&p, out, sizeof out);
        pair_turn();
    }
    assert_int_equal(p.drains, 1);
    pair_close(&p);
}

static void writing_to_a_vanished_peer_closes(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    close(p.peer);
    p.peer = -1;
    stream_pause(p.stream);
    loop_defer(&loop,
               &p.stream->offer); /* no waiting: the flush meets it first or the event does */
    stream_write(p.stream, STR("hello"));
    pair_turn();
    assert_int_equal(p.closes, 1);
    assert_true(p.err < 0);
    pair_close(&p);
}

/* --- Concatenation --- */

enum { CROWD = 50 };
static struct pair crowd[CROWD];

static void crowd_open(void)
{
    for (int i = 0; i < CROWD; i++)
        pair_open(&crowd[i], 1 << 20);
}

static void crowd_close(void)
{
    for (int i = 0; i < CROWD; i++)
        pair_close(&crowd[i]);
}

static void say_to(struct pair *p, struct msg **all, size_t n, struct buf *want)
{
    for (size_t i = 0; i < n; i++) {
        stream_send(p->stream, all[i]);
        buf_append(want, all[i]->data, all[i]->len);
    }
}

static void check_heard(struct pair *p, struct buf *want)
{
    static uint8_t out[2 << 20];

    assert_int_equal(pair_hear(p, out, sizeof out), want->len);
    assert_memory_equal(out, want->data, want->len);
    buf_clear(want);
}

/* Every stream holds the same messages: all but the first few are served from one buffer. */
static void same_messages_are_concatenated_once(void **state)
{
    struct msg *all[300];
    struct buf want[CROWD] = { 0 };
    (void)state;

    crowd_open();
    for (int i = 0; i < 300; i++)
        all[i] = filled(20 + (size_t)i % 50, (uint8_t)i);
    for (int round = 0; round < 3; round++) {
        uint64_t before = stream_stats.coalesced;
        for (int i = 0; i < CROWD; i++)
            say_to(&crowd[i], all, 300, &want[i]);
        pair_turn();
        assert_int_equal(stream_stats.coalesced - before, CROWD - 2);
        for (int i = 0; i < CROWD; i++)
            check_heard(&crowd[i], &want[i]);
    }
    for (int i = 0; i < 300; i++) {
        assert_int_equal(all[i]->refs, 1); /* nothing is remembered beyond the turn */
        msg_unref(all[i]);
    }
    for (int i = 0; i < CROWD; i++)
        buf_free(&want[i]);
    crowd_close();
}

/* A sender that also holds an answer of its own neither gets others' bytes nor spoils theirs. */
static void different_messages_do_not_mix(void **state)
{
    struct msg *all[16], *own[CROWD];
    struct buf want[CROWD] = { 0 };
    uint64_t before;
    (void)state;

    crowd_open();
    for (int i = 0; i < 16; i++)
        all[i] = filled(100, (uint8_t)i);
    for (int i = 0; i < CROWD; i++)
        own[i] = filled(33, (uint8_t)(100 + i));
    before = stream_stats.coalesced;
    for (int i = 0; i < CROWD; i++) {
        if (i % 10 == 9) { /* own answer in between */
            say_to(&crowd[i], all, 7, &want[i]);
            say_to(&crowd[i], &own[i], 1, &want[i]);
            say_to(&crowd[i], all + 7, 9, &want[i]);
        } else if (i % 10 == 8) { /* one fewer */
            say_to(&crowd[i], all, 15, &want[i]);
        } else if (i % 10 == 7) { /* the same number, but the last */
            say_to(&crowd[i], all, 15, &want[i]);
            say_to(&crowd[i], &own[i], 1, &want[i]);
        } else {
            say_to(&crowd[i], all, 16, &want[i]);
        }
    }
    pair_turn();
    for (int i = 0; i < CROWD; i++)
        check_heard(&crowd[i], &want[i]);
    assert_true(stream_stats.coalesced - before >= 30);
    for (int i = 0; i < 16; i++)
        msg_unref(all[i]);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(own[i]->refs, 1);
        msg_unref(own[i]);
        buf_free(&want[i]);
    }
    crowd_close();
}

/* Messages freed and allocated again at the same address while turns go by: an address alone must
 * never be taken for a message. */
static void recycled_addresses_are_not_confused(void **state)
{
    struct buf want[CROWD] = { 0 };
    (void)state;

    crowd_open();
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < CROWD; i += 5) {
            struct msg *pieces[3];
            for (int k = 0; k < 3; k++)
                pieces[k] = filled(40, (uint8_t)(round * 3 + k + i));
            for (int j = i; j < i + 5; j++)
                say_to(&crowd[j], pieces, 3, &want[j]);
            for (int k = 0; k < 3; k++)
                msg_unref(pieces[k]);
        }
        pair_turn();
        for (int i = 0; i < CROWD; i++)
            check_heard(&crowd[i], &want[i]);
    }
    assert_true(stream_stats.coalesced > 0);
    for (int i = 0; i < CROWD; i++)
        buf_free(&want[i]);
    crowd_close();
}

/* Some take the concatenation only in part: what is left of it is right too. */
static void partly_written_concatenations(void **state)
{
    enum { COUNT = 900 };
    struct msg *all[COUNT];
    struct buf want = { 0 };
    size_t got[10] = { 0 };
    static uint8_t out[10][COUNT * 140];
    bool busy = true;
    (void)state;

    for (int i = 0; i < 10; i++)
        pair_open(&crowd[i], i % 2 ? 4096 : 1 << 20);
    for (int i = 0; i < COUNT; i++) {
        all[i] = filled(60 + (size_t)i % 80, (uint8_t)i);
        buf_append(&want, all[i]->data, all[i]->len);
        for (int k = 0; k < 10; k++)
            stream_send(crowd[k].stream, all[i]);
    }
    while (busy) {
        busy = false;
        pair_turn();
        for (int i = 0; i < 10; i++) {
            got[i] += pair_hear(&crowd[i], out[i] + got[i], 3000);
            busy = busy || got[i] < want.len;
        }
    }
    assert_true(stream_stats.coalesced > 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(got[i], want.len);
        assert_memory_equal(out[i], want.data, want.len);
        pair_close(&crowd[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(all[i]->refs, 1);
        msg_unref(all[i]);
    }
    buf_free(&want);
}

/* --- What it costs --- */

static size_t echo(struct pair *p, uint8_t *data, size_t n)
{
    stream_write(p->stream, str_n(data, n));
    return n;
}

static void warm_echo_allocates_nothing(void **state)
{
    struct pair p;
    char out[64];
    uint64_t before = 0;
    (void)state;

    pair_open(&p, 0);
    p.use = echo;
    for (int i = 0; i < 1000; i++) {
        if (i == 10)
            before = mem_count();
        pair_say(&p, "hello hello hello hello hello", 29);
        pair_turn();
        assert_int_equal(pair_hear(&p, out, sizeof out), 29);
    }
    assert_int_equal(mem_count(), before);
    pair_close(&p);
}

/* The rings are the only thing a recipient needs, and they are recycled. */
static void warm_broadcast_allocates_nothing(void **state)
{
    uint64_t before = 0;
    static uint8_t out[65536];
    (void)state;

    crowd_open();
    for (int round = 0; round < 20; round++) {
        if (round == 2)
            before = mem_count();
        for (int k = 0; k < 16; k++) {
            struct msg *m = filled(100, (uint8_t)k);
            for (int i = 0; i < CROWD; i++)
                stream_send(crowd[i].stream, m);
            msg_unref(m);
        }
        pair_turn();
        for (int i = 0; i < CROWD; i++)
            assert_int_equal(pair_hear(&crowd[i], out, sizeof out), 1600);
    }
    assert_int_equal(mem_count(), before);
    crowd_close();
}

/* An idle stream is its struct and nothing else. */
static void idle_stream_owns_no_buffer(void **state)
{
    struct pair p;
    char out[4];
    (void)state;

    pair_open(&p, 0);
    p.use = echo;
    pair_say(&p, "abc", 3);
    pair_turn();
    pair_turn();
    assert_int_equal(pair_hear(&p, out, 4), 3);
    assert_null(p.stream->kept);
    assert_null(p.stream->queue);
    assert_null(p.stream->linger);
    assert_int_equal(stream_stats.kept_bytes + stream_stats.queued_bytes, 0);
    assert_true(sizeof *p.stream <= 160);
    pair_close(&p);
}

/* A queue as large as its counter closes the stream, from the loop. */
static void endless_queue_is_refused(void **state)
{
    struct pair p;
    struct msg *m = filled(16 << 20, 0);
    (void)state;

    pair_open(&p, 4096);
    for (int i = 0; i < 300; i++)
        stream_send(p.stream, m);
    assert_int_equal(p.closes, 0);
    assert_true(m->refs <= 257);
    pair_turn();
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, ATR_ELIMIT);
    assert_int_equal(m->refs, 1);
    msg_unref(m);
    pair_close(&p);
}

TEST_MAIN(PAIR_TEST(one_write_per_turn), PAIR_TEST(thousands_of_messages_in_one_turn),
          PAIR_TEST(partial_writes), PAIR_TEST(drain_is_told_to_who_asks),
          PAIR_TEST(an_offer_does_not_wait_for_the_flush),
          PAIR_TEST(an_offer_to_nobody_closes_from_the_loop),
          PAIR_TEST(blocked_stream_does_not_spin), PAIR_TEST(drained_stream_may_send_more),
          PAIR_TEST(closing_within_on_drain), PAIR_TEST(writing_to_a_vanished_peer_closes),
          PAIR_TEST(same_messages_are_concatenated_once), PAIR_TEST(different_messages_do_not_mix),
          PAIR_TEST(recycled_addresses_are_not_confused), PAIR_TEST(partly_written_concatenations),
          PAIR_TEST(warm_echo_allocates_nothing), PAIR_TEST(warm_broadcast_allocates_nothing),
          PAIR_TEST(idle_stream_owns_no_buffer), PAIR_TEST(endless_queue_is_refused))
