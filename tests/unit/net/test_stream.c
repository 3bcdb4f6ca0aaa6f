/* tests/unit/net/test_stream.c - reading, pausing, upgrading and closing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "pair.h"

#include <fcntl.h>
#include <sys/epoll.h>

/* --- Reading --- */

/* Uses whole lines only; the record keeps them without their ends. */
static size_t use_lines(struct pair *p, uint8_t *data, size_t n)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++)
        if (data[i] == '\n') {
            buf_append(&p->got, data + used, i - used);
            buf_byte(&p->got, '|');
            used = i + 1;
        }
    return used;
}

static void bytes_arrive(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    pair_say(&p, "hello", 5);
    pair_turn();
    assert_str(buf_str(&p.got), "hello");
    assert_null(p.stream->kept);
    assert_int_equal(stream_stats.bytes_in, 5);
    pair_close(&p);
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, 0);
}

/* However the bytes are cut, the consumer sees the same lines. */
static void unused_bytes_are_offered_again(void **state)
{
    static const char text[] = "one\ntwo\n\nthree three three\nfour\n";
    size_t n = sizeof text - 1;
    (void)state;

    for (size_t cut = 0; cut <= n; cut++) {
        struct pair p;
        pair_open(&p, 0);
        p.use = use_lines;
        if (cut)
            pair_say(&p, text, cut);
        pair_turn();
        if (cut < n)
            pair_say(&p, text + cut, n - cut);
        pair_turn();
        assert_str(buf_str(&p.got), "one|two||three three three|four|");
        assert_null(p.stream->kept);
        pair_close(&p);
    }
}

static void one_byte_at_a_time(void **state)
{
    static const char text[] = "first line\nsecond\n";
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    p.use = use_lines;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        pair_say(&p, text + i, 1);
        pair_turn();
    }
    assert_str(buf_str(&p.got), "first line|second|");
    pair_close(&p);
}

static size_t wanted;

static size_t use_when_whole(struct pair *p, uint8_t *data, size_t n)
{
    if (n < wanted)
        return 0;
    buf_append(&p->got, data, wanted);
    return wanted;
}

/* A large item gathers in place: the buffer doubles, it is not copied with every read. */
static void large_items_grow_geometrically(void **state)
{
    enum { BYTES = 3 * 1024 * 1024, CHUNK = 16 * 1024 };
    uint8_t *data = malloc(BYTES + 3);
    struct pair p;
    uint64_t before;
    (void)state;

    for (size_t i = 0; i < BYTES + 3; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
    pair_open(&p, 0);
    p.use = use_when_whole;
    wanted = BYTES;
    assert_int_equal(buf_reserve(&p.got, BYTES), 0);
    before = mem_count();
    for (size_t at = 0; at < BYTES + 3;) {
        ssize_t n = send(p.peer, data + at, BYTES + 3 - at < CHUNK ? BYTES + 3 - at : CHUNK, 0);
        if (n > 0)
            at += (size_t)n;
        pair_turn();
    }
    while (p.got.len == 0)
        pair_turn();
    pair_turn();
    assert_true(mem_count() - before <= 16);
    assert_int_equal(p.got.len, BYTES);
    assert_memory_equal(p.got.data, data, BYTES);
    assert_int_equal(p.stream->kept->len, 3);
    assert_memory_equal(p.stream->kept->data, data + BYTES, 3);
    pair_close(&p);
    free(data);
}

/* --- Pausing --- */

static size_t use_one_and_pause(struct pair *p, uint8_t *data, size_t n)
{
    (void)n;
    buf_append(&p->got, data, 1);
    stream_pause(p->stream);
    return 1;
}

static void pausing_keeps_and_resuming_offers(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    p.use = use_one_and_pause;
    pair_say(&p, "abc", 3);
    pair_turn();
    pair_turn();
    assert_str(buf_str(&p.got), "a");
    stream_resume(p.stream);
    assert_str(buf_str(&p.got), "a"); /* from the loop, not from within */
    pair_turn();
    assert_str(buf_str(&p.got), "ab");
    pair_say(&p, "d", 1);
    pair_turn();
    assert_str(buf_str(&p.got), "ab");
    p.use = NULL;
    stream_resume(p.stream);
    pair_turn();
    pair_turn();
    assert_str(buf_str(&p.got), "abcd");
    pair_close(&p);
}

/* Input that nobody wants now must not keep the loop awake. */
static void paused_input_does_not_spin(void **state)
{
    struct pair p;
    uint64_t events;
    (void)state;

    pair_open(&p, 0);
    stream_pause(p.stream);
    pair_say(&p, "abc", 3);
    pair_turn();
    events = loop.stats.events;
    pair_turn();
    pair_turn();
    assert_int_equal(loop.stats.events, events);
    assert_int_equal(p.datas, 0);
    stream_resume(p.stream);
    pair_turn();
    assert_str(buf_str(&p.got), "abc");
    pair_close(&p);
}

static size_t use_one_pause_and_resume(struct pair *p, uint8_t *data, size_t n)
{
    (void)n;
    buf_append(&p->got, data, 1);
    stream_pause(p->stream);
    stream_resume(p->stream);
    return 1;
}

/* An answer given at once resumes while on_data is still on the stack. */
static void resuming_within_on_data(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    p.use = use_one_pause_and_resume;
    pair_say(&p, "abc", 3);
    for (int i = 0; i < 4; i++)
        pair_turn();
    assert_str(buf_str(&p.got), "abc");
    assert_int_equal(p.datas, 3);
    pair_close(&p);
}

static void remember_end(struct pair *p)
{
    (void)p;
}

/* The peer's leaving is told while paused, input waiting or not. */
static void half_close_is_noticed_while_paused(void **state)
{
    struct pair p;
    uint64_t events;
    (void)state;

    pair_open(&p, 0);
    p.end = remember_end;
    stream_pause(p.stream);
    pair_say(&p, "abc", 3);
    assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
    pair_turn();
    assert_int_equal(p.ends, 1);
    assert_true(p.stream->ended);
    pair_turn();
    events = loop.stats.events;
    pair_turn();
    assert_int_equal(loop.stats.events, events); /* told once, then silent */
    stream_resume(p.stream);
    pair_turn();
    pair_turn();
    pair_turn();
    assert_str(buf_str(&p.got), "abc"); /* what waited is still delivered */
    assert_int_equal(p.ends, 1);
    events = loop.stats.events;
    pair_turn();
    assert_int_equal(loop.stats.events, events);
    stream_write(p.stream, STR("bye")); /* the other direction still works */
    pair_turn();
    char out[4];
    assert_int_equal(pair_hear(&p, out, 4), 3);
    pair_close(&p);
}

/* Also when input came in between, for which epoll is not asked any more. */
static void half_close_behind_unread_input_is_noticed(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    stream_pause(p.stream);
    pair_say(&p, "abc", 3);
    pair_turn();
    pair_turn();
    assert_int_equal(p.ends, 0);
    assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
    pair_turn();
    assert_int_equal(p.ends, 1);
    assert_int_equal(p.datas, 0);
    pair_close(&p);
}

static void vanishing_is_noticed_while_paused(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    stream_pause(p.stream);
    close(p.peer);
    p.peer = -1;
    pair_turn();
    assert_int_equal(p.closes, 1);
    assert_true(p.err < 0);
    pair_close(&p);
}

/* --- The end of input --- */

static void last_bytes_come_before_the_end(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    p.end = remember_end;
    pair_say(&p, "abc", 3);
    assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
    pair_turn();
    assert_int_equal(p.ends, 0);
    assert_str(buf_str(&p.got), "abc");
    pair_turn();
    assert_int_equal(p.ends, 1);
    pair_turn();
    assert_int_equal(p.ends, 1);
    assert_int_equal(p.closes, 0);
    close(p.peer); /* now it is gone altogether */
    p.peer = -1;
    pair_turn();
    assert_int_equal(p.closes, 1);
    pair_close(&p);
}

static void closing_at_the_end(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    close(p.peer);
    p.peer = -1;
    pair_turn();
    assert_int_equal(p.ends, 1);
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, ATR_ECLOSED);
    pair_close(&p);
}

/* --- Closing within callbacks --- */

static size_t use_and_close(struct pair *p, uint8_t *data, size_t n)
{
    stream_close(p->stream, ATR_EPROTOCOL);
    buf_append(&p->got, data, n); /* the data are still there */
    return 0;
}

static void closing_within_on_data(void **state)
{
    struct pair p;
    (void)state;

    for (int kept = 0; kept < 2; kept++) {
        pair_open(&p, 0);
        if (kept) { /* the data then lie in the stream's own buffer */
            p.use = use_one_and_pause;
            pair_say(&p, "xy", 2);
            pair_turn();
            stream_resume(p.stream);
        }
        p.use = use_and_close;
        if (!kept)
            pair_say(&p, "abc", 3);
        pair_turn();
        assert_int_equal(p.closes, 1);
        assert_int_equal(p.err, ATR_EPROTOCOL);
        if (kept)
            assert_str(buf_str(&p.got), "xy");
        else
            assert_str(buf_str(&p.got), "abc");
        pair_turn();
        assert_int_equal(p.datas, 1 + kept);
        pair_close(&p);
    }
}

static void closing_twice_tells_once(void **state)
{
    struct pair p;
    struct stream *s;
    (void)state;

    pair_open(&p, 0);
    s = p.stream;
    stream_write(s, STR("lost"));
    stream_close(s, -ECONNRESET);
    stream_close(s, 0);
    stream_end(s);
    stream_write(s, STR("ignored"));
    stream_pause(s);
    stream_resume(s);
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, -ECONNRESET);
    assert_true(pair_heard_end(&p));
    pair_close(&p);
    assert_int_equal(p.closes, 1);
}

/* --- Upgrading --- */

static struct pair second;

static size_t second_on_data(struct stream *s, uint8_t *data, size_t n)
{
    assert_ptr_equal(s->owner, &second);
    second.datas++;
    buf_append(&second.got, data, n);
    return n;
}

static void second_on_close(struct stream *s, int err)
{
    (void)s;
    second.closes++;
    second.err = err;
}

static const struct stream_events second_events = { .on_data = second_on_data,
                                                    .on_end = pair_on_end,
                                                    .on_close = second_on_close };

static size_t use_head_and_give(struct pair *p, uint8_t *data, size_t n)
{
    if (n < 4)
        return 0;
    buf_append(&p->got, data, 4);
    stream_give(p->stream, &second_events, &second);
    return 4;
}

static size_t use_head_and_replace(struct pair *p, uint8_t *data, size_t n)
{
    if (n < 4)
        return 0;
    buf_append(&p->got, data, 4);
    p->stream->events = &second_events;
    p->stream->owner = &second;
    return 4;
}

/* What follows the request goes to the new consumer, wherever the reads were cut. */
static void upgrade_hands_the_rest_over(void **state)
{
    static const char text[] = "HEADframes";
    (void)state;

    for (int give = 0; give < 2; give++)
        for (size_t cut = 0; cut <= 10; cut++) {
            struct pair p;
            struct stream *s;
            second = (struct pair){ 0 };
            pair_open(&p, 0);
            s = p.stream;
            p.use = give ? use_head_and_give : use_head_and_replace;
            if (cut)
                pair_say(&p, text, cut);
            pair_turn();
            if (cut < 10)
                pair_say(&p, text + cut, 10 - cut);
            pair_turn();
            assert_str(buf_str(&p.got), "HEAD");
            assert_str(buf_str(&second.got), "frames");
            assert_null(s->kept);
            stream_close(s, 0);
            assert_int_equal(second.closes, 1);
            assert_int_equal(p.closes, 0);
            buf_free(&second.got);
            p.stream = NULL;
            pair_close(&p);
        }
}

static size_t give_and_close(struct pair *p, uint8_t *data, size_t n)
{
    struct stream *s = p->stream;
    (void)data, (void)n;

    stream_give(s, &second_events, &second);
    stream_close(s, ATR_EREFUSED);
    return 0;
}

/* A consumer that closes at once is not offered what was left. */
static void upgrade_to_one_that_closes(void **state)
{
    struct pair p;
    (void)state;

    second = (struct pair){ 0 };
    pair_open(&p, 0);
    p.use = give_and_close;
    pair_say(&p, "abc", 3);
    pair_turn();
    assert_int_equal(second.closes, 1);
    assert_int_equal(second.datas, 0);
    assert_int_equal(p.closes, 0);
    p.stream = NULL;
    pair_close(&p);
}

/* --- Passing on --- */

/* epoll takes no such files. */
static int open_unwatchable(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static size_t take_and_pause(struct pair *p, uint8_t *data, size_t n)
{
    size_t used = n < wanted ? n : wanted;

    buf_append(&p->got, data, used);
    wanted -= used;
    if (wanted == 0)
        stream_pause(p->stream);
    return used;
}

/* Detaches p's stream and goes on with its descriptor. The first may be all that is taken. */
static void pass_on(struct pair *p, struct buf *unread)
{
    int fd;

    assert_int_equal(fcntl(p->stream->watch.fd, F_GETFD), FD_CLOEXEC);
    fd = stream_detach(p->stream, unread, NULL);
    assert_true(fd >= 0);
    p->use = NULL;
    p->stream = stream_new(&loop, fd, &pair_events, p);
    stream_preload(p->stream, buf_str(unread));
}

/* Whatever was used, kept, or not even read: the next owner of the descriptor sees all the rest. */
static void no_byte_is_lost_in_passing(void **state)
{
    static const char text[] = "0123456789abcdef";
    size_t n = sizeof text - 1;
    (void)state;

    for (size_t used = 1; used <= n; used++) {
        for (size_t read = used; read <= n; read++) {
            struct buf unread = { 0 };
            struct pair p;

            pair_open(&p, 0);
            p.use = take_and_pause;
            wanted = used;
            pair_say(&p, text, read);
            pair_turn();
            if (read < n)
                pair_say(&p, text + read, n - read);
            pass_on(&p, &unread);
            assert_int_equal(unread.len, read - used);
            pair_turn();
            pair_turn();
            assert_str(buf_str(&p.got), text);
            assert_int_equal(p.closes, 0);
            pair_close(&p);
            buf_free(&unread);
        }
    }
}

/* What was to be offered is not: it goes with the descriptor. So it does when what was preloaded is
 * passed on again. */
static void passing_on_twice(void **state)
{
    struct buf unread = { 0 };
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    p.use = take_and_pause;
    wanted = 1;
    pair_say(&p, "abcdef", 6);
    pair_turn();
    stream_resume(p.stream); /* the offer waits for the jobs */
    stream_pause(p.stream);
    pass_on(&p, &unread);
    stream_pause(p.stream);
    buf_clear(&unread);
    pass_on(&p, &unread);
    assert_str(buf_str(&unread), "bcdef");
    stream_write(p.stream, STR("answer"));
    pair_turn();
    assert_str(buf_str(&p.got), "abcdef");
    char heard[8];
    assert_int_equal(pair_hear(&p, heard, sizeof heard), 6);
    pair_close(&p);
    buf_free(&unread);
}

/* Bytes that come in the same moment stand behind those of before. */
static void preloaded_bytes_come_first(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    stream_preload(p.stream, STR("first,"));
    pair_say(&p, "second", 6);
    pair_turn();
    pair_turn();
    assert_str(buf_str(&p.got), "first,second");
    pair_close(&p);
}

static void passing_on_counts_and_faults(void **state)
{
    struct buf unread = { 0 };
    uint64_t open = 2;
    struct pair p;
    int fd = open_unwatchable();
    (void)state;

    pair_open(&p, 0);
    p.stream->counted = &open;
    stream_pause(p.stream);
    int own = stream_detach(p.stream, &unread, NULL);
    assert_int_equal(open, 1);
    close(own);
    p.stream = stream_new(&loop, fd, &pair_events, &p);
    stream_pause(p.stream);
    assert_int_equal(stream_detach(p.stream, &unread, NULL), -EPERM);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    p.stream = NULL;
    pair_turn();
    assert_int_equal(p.closes, 0);
    pair_close(&p);
}

/* What the kernel does not take is given out, in order, also the rest of a message half written. */
static void what_is_not_written_comes_along(void **state)
{
    enum { EACH = 3000, COUNT = 200 };
    struct buf unread = { 0 }, unsent = { 0 }, heard = { 0 };
    char piece[EACH];
    struct pair p;
    int fd;
    (void)state;

    pair_open(&p, 4096);
    for (int i = 0; i < COUNT; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        stream_write(p.stream, str_n(piece, sizeof piece));
    }
    pair_turn();
    stream_pause(p.stream);
    fd = stream_detach(p.stream, &unread, &unsent);
    assert_true(fd >= 0);
    assert_int_equal(stream_stats.queued_bytes, 0);
    assert_in_range(unsent.len, 1, EACH * COUNT - 1);
    buf_extend(&heard, EACH * COUNT);
    heard.len = pair_hear(&p, heard.data, EACH * COUNT);
    buf_add(&heard, buf_str(&unsent));
    assert_int_equal(heard.len, EACH * COUNT);
    for (size_t i = 0; i < heard.len; i++)
        assert_int_equal(heard.data[i], 'a' + (int)(i / EACH) % 26);
    p.stream = NULL;
    close(fd);
    pair_close(&p);
    buf_free(&unsent);
    buf_free(&heard);
}

/* --- Trouble --- */

static void unwatchable_descriptor_closes_from_the_loop(void **state)
{
    struct pair p = { .peer = -1 };
    char peer[64];
    uint16_t port;
    int fd = open_unwatchable();
    (void)state;

    p.stream = stream_new(&loop, fd, &pair_events, &p);
    assert_non_null(p.stream);
    stream_write(p.stream, STR("ignored"));
    stream_pause(p.stream);
    stream_resume(p.stream);
    stream_peer(p.stream, peer, &port);
    assert_string_equal(peer, "");
    stream_end(p.stream);
    assert_int_equal(p.closes, 0);
    pair_turn();
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, -EPERM);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    pair_close(&p);
}

TEST_MAIN(PAIR_TEST(bytes_arrive), PAIR_TEST(unused_bytes_are_offered_again),
          PAIR_TEST(one_byte_at_a_time), PAIR_TEST(large_items_grow_geometrically),
          PAIR_TEST(pausing_keeps_and_resuming_offers), PAIR_TEST(paused_input_does_not_spin),
          PAIR_TEST(resuming_within_on_data), PAIR_TEST(half_close_is_noticed_while_paused),
          PAIR_TEST(half_close_behind_unread_input_is_noticed),
          PAIR_TEST(vanishing_is_noticed_while_paused), PAIR_TEST(last_bytes_come_before_the_end),
          PAIR_TEST(closing_at_the_end), PAIR_TEST(closing_within_on_data),
          PAIR_TEST(closing_twice_tells_once), PAIR_TEST(upgrade_hands_the_rest_over),
          PAIR_TEST(upgrade_to_one_that_closes), PAIR_TEST(no_byte_is_lost_in_passing),
          PAIR_TEST(passing_on_twice), PAIR_TEST(preloaded_bytes_come_first),
          PAIR_TEST(what_is_not_written_comes_along),
          PAIR_TEST(passing_on_counts_and_faults),
          PAIR_TEST(unwatchable_descriptor_closes_from_the_loop))
