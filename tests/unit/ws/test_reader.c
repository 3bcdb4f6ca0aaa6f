/* tests/unit/ws/test_reader.c - frames in, messages out: framing, fragments, UTF-8, control frames.
 *
 * Each case is a list of client frames with what both sides must see, however the bytes are cut.
 * The groups follow the sections of RFC 6455 that they cover.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

struct frame {
    uint8_t first;
    const char *p;
    size_t n;
};

#define F(first, text)                                                                             \
    {                                                                                              \
        (first), (text), sizeof(text) - 1                                                          \
    }
#define LONG_125                                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789"                       \
    "0123456789012345678901234567890123456789012345678901234"

struct exchange {
    struct frame frames[8];
    const char *log, *heard;
};

static const struct exchange framing[] = {
    { { F(FIN | WS_TEXT, "") }, "T()", "" },
    { { F(FIN | WS_BINARY, "") }, "B(0)", "" },
    { { F(FIN | WS_TEXT, "hello") }, "T(hello)", "" },
    { { F(FIN | WS_BINARY, "\0\xff\xfe") }, "B(3)", "" },
    { { F(FIN | WS_TEXT, LONG_125) }, "T(125)", "" },
    { { F(FIN | WS_TEXT, LONG_125 "x") }, "T(126)", "" },
    { { F(FIN | WS_TEXT, LONG_125 "xyz") }, "T(128)", "" },
    { { F(FIN | WS_TEXT, "a"), F(FIN | WS_BINARY, "b"), F(FIN | WS_TEXT, ""),
        F(FIN | WS_TEXT, "c") },
      "T(a) B(1) T() T(c)",
      "" },
};

static const struct exchange pings[] = {
    { { F(FIN | WS_PING, "") }, "", "pong()" },
    { { F(FIN | WS_PING, "hi\xff\0!") }, "", "pong(hi\xff" },
    { { F(FIN | WS_PING, LONG_125) }, "", "pong(125)" },
    { { F(FIN | WS_PING, LONG_125 "x"), F(FIN | WS_TEXT, "a") },
      "C(1002,,ours)",
      "close(1002) end" },
    { { F(FIN | WS_PONG, "alone") }, "P(alone)", "" },
    { { F(FIN | WS_PONG, ""), F(FIN | WS_PING, "x"), F(FIN | WS_PING, "y"), F(FIN | WS_TEXT, "t") },
      "P() T(t)",
      "pong(x) pong(y)" },
};

/* 5.2: reserved bits and opcodes. What came before counts, what comes behind does not. */
static const struct exchange reserved[] = {
    { { F(FIN | 0x40 | WS_TEXT, "a") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | WS_TEXT, "a"), F(FIN | 0x20 | WS_TEXT, "b"), F(FIN | WS_TEXT, "c") },
      "T(a) C(1002,,ours)",
      "close(1002) end" },
    { { F(FIN | 0x10 | WS_BINARY, "") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | 0x70 | WS_PING, "x") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | 0x40 | WS_CLOSE, "") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | 3, "") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | 7, "a"), F(FIN | WS_PING, "") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | WS_TEXT, "a"), F(FIN | 11, "a"), F(FIN | WS_PING, "") },
      "T(a) C(1002,,ours)",
      "close(1002) end" },
    { { F(FIN | 15, "a") }, "C(1002,,ours)", "close(1002) end" },
};

/* 5.4 */
static const struct exchange fragments[] = {
    { { F(WS_TEXT, "one "), F(FIN | WS_CONT, "two") }, "T(one two)", "" },
    { { F(WS_BINARY, "one"), F(WS_CONT, ""), F(WS_CONT, "two"), F(FIN | WS_CONT, "") },
      "B(6)",
      "" },
    { { F(WS_TEXT, ""), F(WS_CONT, ""), F(FIN | WS_CONT, "") }, "T()", "" },
    { { F(WS_TEXT, "one "), F(FIN | WS_PING, "p"), F(WS_CONT, "two "), F(FIN | WS_PONG, "q"),
        F(FIN | WS_CONT, "three"), F(FIN | WS_TEXT, "next") },
      "P(q) T(one two three) T(next)",
      "pong(p)" },
    { { F(WS_PING, "a"), F(FIN | WS_CONT, "b") }, "C(1002,,ours)", "close(1002) end" },
    { { F(WS_PONG, "a") }, "C(1002,,ours)", "close(1002) end" },
    { { F(WS_CLOSE, "") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | WS_CONT, "a"), F(FIN | WS_TEXT, "b") }, "C(1002,,ours)", "close(1002) end" },
    { { F(WS_CONT, "a"), F(FIN | WS_TEXT, "b") }, "C(1002,,ours)", "close(1002) end" },
    { { F(WS_TEXT, "a"), F(FIN | WS_TEXT, "b") }, "C(1002,,ours)", "close(1002) end" },
    { { F(WS_TEXT, "a"), F(WS_TEXT, "b"), F(FIN | WS_CONT, "c") },
      "C(1002,,ours)",
      "close(1002) end" },
    { { F(WS_TEXT, ""), F(FIN | WS_BINARY, "b") }, "C(1002,,ours)", "close(1002) end" },
    { { F(WS_TEXT, "a"), F(FIN | WS_CONT, "b"), F(FIN | WS_CONT, "c") },
      "T(ab) C(1002,,ours)",
      "close(1002) end" },
    { { F(WS_TEXT, "lost"), F(FIN | WS_CLOSE, "\x03\xe8") }, "C(1000,,peer)", "close(1000) end" },
};

/* 8.1 */
static const struct exchange texts[] = {
    { { F(FIN | WS_TEXT, "k\xc3\xb6nig \xe2\x82\xac \xf0\x9f\x98\x80") },
      "T(k\xc3\xb6nig \xe2\x82\xac \xf0\x9f\x98\x80)",
      "" },
    { { F(WS_TEXT, "\xf0"), F(WS_CONT, "\x9f\x98"), F(FIN | WS_CONT, "\x80") },
      "T(\xf0\x9f\x98\x80)",
      "" },
    { { F(WS_TEXT, "\xe2\x82"), F(FIN | WS_PING, "\xff"), F(FIN | WS_CONT, "\xac") },
      "T(\xe2\x82\xac)",
      "pong(\xff)" },
    { { F(FIN | WS_TEXT, "a\xff"
                         "b") },
      "C(1007,,ours)",
      "close(1007) end" },
    { { F(FIN | WS_TEXT, "ok"), F(FIN | WS_TEXT, "\xc0\xaf"), F(FIN | WS_TEXT, "x") },
      "T(ok) C(1007,,ours)",
      "close(1007) end" },
    { { F(FIN | WS_TEXT, "\xed\xa0\x80") }, "C(1007,,ours)", "close(1007) end" },
    { { F(FIN | WS_TEXT, "\xf4\x90\x80\x80") }, "C(1007,,ours)", "close(1007) end" },
    { { F(FIN | WS_TEXT, "ends early \xe2\x82") }, "C(1007,,ours)", "close(1007) end" },
    { { F(WS_TEXT, "ends early \xe2\x82"), F(FIN | WS_CONT, "") },
      "C(1007,,ours)",
      "close(1007) end" },
    { { F(WS_TEXT, "\xe2\x82"), F(FIN | WS_CONT, "a") }, "C(1007,,ours)", "close(1007) end" },
    /* Fail fast: nobody waits for the rest of a text that cannot become valid. */
    { { F(WS_TEXT, "bad \xff") }, "C(1007,,ours)", "close(1007) end" },
    { { F(WS_TEXT, "\xce\xba"), F(WS_CONT, "\xf4\x90") }, "C(1007,,ours)", "close(1007) end" },
    { { F(FIN | WS_BINARY, "\xff\xc0") }, "B(2)", "" }, /* bytes are bytes */
};

/* 5.5.1, 7.4 */
static const struct exchange closes[] = {
    { { F(FIN | WS_CLOSE, "") }, "C(1005,,peer)", "close() end" },
    { { F(FIN | WS_CLOSE, "\x03\xe8") }, "C(1000,,peer)", "close(1000) end" },
    { { F(FIN | WS_CLOSE, "\x03\xe8"
                          "bye") },
      "C(1000,bye,peer)",
      "close(1000) end" },
    { { F(FIN | WS_CLOSE, "\x03\xe9"
                          "k\xc3\xb6") },
      "C(1001,k\xc3\xb6,peer)",
      "close(1001) end" },
    { { F(FIN | WS_CLOSE, "\x0b\xb8") }, "C(3000,,peer)", "close(3000) end" },
    { { F(FIN | WS_CLOSE, "\x13\x87") }, "C(4999,,peer)", "close(4999) end" },
    { { F(FIN | WS_CLOSE, "\x03") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | WS_CLOSE, "\x03\xe7") }, "C(1002,,ours)", "close(1002) end" }, /* 999 */
    { { F(FIN | WS_CLOSE, "\x03\xec") }, "C(1002,,ours)", "close(1002) end" }, /* 1004 */
    { { F(FIN | WS_CLOSE, "\x03\xed") }, "C(1002,,ours)", "close(1002) end" }, /* 1005 */
    { { F(FIN | WS_CLOSE, "\x03\xee") }, "C(1002,,ours)", "close(1002) end" }, /* 1006 */
    { { F(FIN | WS_CLOSE, "\x03\xf7") }, "C(1002,,ours)", "close(1002) end" }, /* 1015 */
    { { F(FIN | WS_CLOSE, "\x13\x88") }, "C(1002,,ours)", "close(1002) end" }, /* 5000 */
    { { F(FIN | WS_CLOSE, "\xff\xff") }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | WS_CLOSE, "\x03\xe8"
                          "\xff") },
      "C(1007,,ours)",
      "close(1007) end" },
    { { F(FIN | WS_CLOSE, "\x03\xe8" LONG_125) }, "C(1002,,ours)", "close(1002) end" },
    { { F(FIN | WS_TEXT, "a"), F(FIN | WS_CLOSE, "\x03\xe8"), F(FIN | WS_TEXT, "b"),
        F(FIN | WS_PING, "p"), F(FIN | WS_CLOSE, "") },
      "T(a) C(1000,,peer)",
      "close(1000) end" },
};

/* Sends the frames, cut at `cut` and `cut2`, or byte by byte when cut2 is 0. */
static void exchange(const struct exchange *x, size_t cut, size_t cut2)
{
    struct client c;
    struct buf b = { 0 };

    client_open(&c, MESSAGE_MAX, 0);
    for (int i = 0; i < 8 && x->frames[i].p; i++)
        put_frame(&b, x->frames[i].first, x->frames[i].p, x->frames[i].n);
    if (cut2 == 0) {
        for (size_t i = 0; i < b.len; i++)
            client_send(&c, &b, i, i + 1);
    } else {
        cut = cut < b.len ? cut : b.len;
        cut2 = cut2 < b.len ? cut2 : b.len;
        client_send(&c, &b, 0, cut);
        client_send(&c, &b, cut, cut2);
        client_send(&c, &b, cut2, b.len);
    }
    settle(&c);
    assert_log(&c, x->log);
    if (strchr(x->heard, '(') && !strchr(x->heard, ')')) /* a zero byte ends what can be written */
        assert_memory_equal(text_of(&c.heard), x->heard, strlen(x->heard));
    else
        assert_heard(&c, x->heard);
    assert_null(c.ws.partial);
    buf_free(&b);
    client_close(&c);
}

static size_t bytes_of(const struct exchange *x)
{
    size_t n = 0;

    for (int i = 0; i < 8 && x->frames[i].p; i++)
        n += x->frames[i].n + 6 + (x->frames[i].n > 125 ? 2 : 0);
    return n;
}

static void run(const struct exchange *group, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = bytes_of(&group[i]);
        exchange(&group[i], n, n);
        exchange(&group[i], 0, 0);
        for (size_t cut = 1; cut < n; cut++)
            exchange(&group[i], cut, cut + 5);
    }
}

#define GROUP(name)                                                                                \
    static void name##_group(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        run(name, sizeof name / sizeof name[0]);                                                   \
    }

GROUP(framing)
GROUP(pings)
GROUP(reserved)
GROUP(fragments)
GROUP(texts)
GROUP(closes)

/* --- Sizes --- */

static struct buf received;

static void keep_message(struct client *c, bool binary, uint8_t *data, size_t n)
{
    (void)c, (void)binary;
    buf_clear(&received);
    buf_append(&received, data, n);
    memset(data, 0, n); /* it may be changed in place */
}

/* Every length form, cut into pieces of several sizes; the bytes arrive as they were. */
static void all_lengths(void **state)
{
    static const size_t lengths[] = { 1, 125, 126, 127, 128, 65535, 65536, 300000, MESSAGE_MAX };
    static const size_t chops[] = { 997, 64 * 1024, 1 << 21 };
    uint8_t *data = malloc(MESSAGE_MAX);
    (void)state;

    for (size_t i = 0; i < MESSAGE_MAX; i++)
        data[i] = (uint8_t)(i * 13 + i / 255) & 0x7f;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t k = 0; k < sizeof chops / sizeof *chops; k++)
            for (int fragmented = 0; fragmented < 2; fragmented++) {
                struct client c;
                struct buf b = { 0 };
                size_t n = lengths[i], half = fragmented ? n / 3 : n;
                client_open(&c, MESSAGE_MAX, 0);
                c.on_message = keep_message;
                put_frame(&b, fragmented ? WS_TEXT : FIN | WS_TEXT, data, half);
                if (fragmented)
                    put_frame(&b, FIN | WS_CONT, data + half, n - half);
                for (size_t at = 0; at < b.len; at += chops[k])
                    client_send(&c, &b, at, at + chops[k] < b.len ? at + chops[k] : b.len);
                settle(&c);
                assert_int_equal(received.len, n);
                assert_memory_equal(received.data, data, n);
                assert_int_equal(ws_stats.protocol_errors, 0);
                buf_free(&b);
                client_close(&c);
            }
    assert_int_equal(ws_stats.messages_in, 9 * 3 * 2);
    buf_free(&received);
    free(data);
}

/* 7.4.1, 1009: a message above the limit is refused with its header, in one frame or in many. */
static void too_big(void **state)
{
    struct client c;
    struct buf b = { 0 };
    char text[101];
    (void)state;

    memset(text, 'x', sizeof text);
    client_open(&c, 100, 0);
    put_frame(&b, FIN | WS_TEXT, text, 100);
    put_frame(&b, FIN | WS_TEXT, text, 101);
    client_send(&c, &b, 0, b.len - 101); /* not one byte of the payload */
    settle(&c);
    assert_log(&c, "T(100) C(1009,,ours)");
    assert_heard(&c, "close(1009) end");
    client_send(&c, &b, b.len - 101, b.len);
    settle(&c);
    client_close(&c);
    buf_clear(&b);

    client_open(&c, 100, 0);
    put_frame(&b, WS_TEXT, text, 60);
    put_frame(&b, FIN | WS_PING, text, 80); /* the limit is for messages */
    put_frame(&b, WS_CONT, text, 40);
    put_frame(&b, WS_CONT, text, 1);
    client_send(&c, &b, 0, b.len);
    settle(&c);
    assert_log(&c, "C(1009,,ours)");
    assert_heard(&c, "pong(80) close(1009) end");
    client_close(&c);
    assert_int_equal(ws_stats.too_big, 2);

    client_open(&c, 100, 0);
    buf_clear(&b);
    buf_append(&b, "\x81\xff\x80\0\0\0\0\0\0\0", 10); /* 5.2: the top bit of a length is 0 */
    client_send(&c, &b, 0, b.len);
    settle(&c);
    assert_log(&c, "C(1002,,ours)");
    client_close(&c);
    buf_free(&b);
}

static void unmasked_is_refused(void **state)
{
    struct client c;
    struct buf b = { 0 };
    (void)state;

    client_open(&c, 100, 0);
    buf_append(&b,
               "\x81\x03"
               "abc",
               5);
    client_send(&c, &b, 0, b.len);
    settle(&c);
    assert_log(&c, "C(1002,,ours)"); /* 5.1 */
    assert_heard(&c, "close(1002) end");
    assert_int_equal(ws_stats.protocol_errors, 1);
    client_close(&c);
    buf_free(&b);
}

/* A huge announced length costs the peer's bytes, not ours. */
static void announced_is_not_reserved(void **state)
{
    struct client c;
    struct buf b = { 0 };
    char *data = calloc(1, MESSAGE_MAX);
    (void)state;

    client_open(&c, MESSAGE_MAX, 0);
    put_frame(&b, FIN | WS_BINARY, data, MESSAGE_MAX);
    client_send(&c, &b, 0, 100);
    turn();
    assert_true(c.ws.partial->cap <= 256);
    client_close(&c);
    buf_free(&b);
    free(data);
}

/* --- What it costs --- */

static void echo(struct client *c, bool binary, uint8_t *data, size_t n)
{
    struct msg *m = ws_msg(binary ? WS_BINARY : WS_TEXT, str_n(data, n));

    ws_conn_send(&c->ws, m);
    msg_unref(m);
}

/* Whole, cut in two, fragmented or pipelined: a warm echo of small messages calls no allocator. */
static void warm_echo_allocates_nothing(void **state)
{
    struct client c;
    struct buf b = { 0 };
    uint64_t before = 0;
    (void)state;

    client_open(&c, MESSAGE_MAX, 0);
    c.on_message = echo;
    put_frame(&b, FIN | WS_TEXT, "hello hello hello hello hello", 29);
    put_frame(&b, WS_TEXT, LONG_125, 125);
    put_frame(&b, FIN | WS_CONT, "end", 3);
    put_frame(&b, FIN | WS_PING, "x", 1);
    put_frame(&b, FIN | WS_TEXT, "hello again", 11);
    for (int i = 0; i < 1000; i++) {
        size_t cut = 1 + (size_t)i % (b.len - 2);
        char out[1024];
        if (i == 300)
            before = mem_count();
        assert_int_equal(send(c.fd, b.data, cut, 0), cut);
        turn();
        assert_int_equal(send(c.fd, b.data + cut, b.len - cut, 0), b.len - cut);
        turn();
        assert_true(recv(c.fd, out, sizeof out, 0) > 0);
        buf_clear(&c.log);
    }
    assert_int_equal(mem_count(), before);
    buf_free(&b);
    client_close(&c);
}

TEST_MAIN(CLIENT_TEST(framing_group), CLIENT_TEST(pings_group), CLIENT_TEST(reserved_group),
          CLIENT_TEST(fragments_group), CLIENT_TEST(texts_group), CLIENT_TEST(closes_group),
          CLIENT_TEST(all_lengths), CLIENT_TEST(too_big), CLIENT_TEST(unmasked_is_refused),
          CLIENT_TEST(announced_is_not_reserved), CLIENT_TEST(warm_echo_allocates_nothing))
