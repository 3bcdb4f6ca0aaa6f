/* tests/unit/proto/test_ws_frame.c - headers at every split, both directions, and the key.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "proto/ws_frame.h"

static const struct ws_rules server = { .len_max = 1 << 20, .server = true };
static const struct ws_rules client = { .len_max = 1 << 20 };
static const uint8_t mask[4] = { 0x11, 0x22, 0x33, 0x44 };

static enum parse parse(const void *in, size_t n, const struct ws_rules *rules, struct ws_frame *f,
                        enum ws_bad *bad)
{
    return ws_frame_parse(in, n, rules, f, bad);
}

/* Bytes arrive in any split: every strict prefix asks for more and changes nothing. */
static void header_is_restartable(void **state)
{
    static const uint64_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 1 << 20 };
    uint8_t in[WS_HEAD_MAX];
    enum ws_bad bad;
    (void)state;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct ws_frame f = { .len = 77 };
        size_t n = ws_frame_head_masked(in, WS_BINARY, true, lengths[i], mask);
        assert_int_equal(n, ws_frame_head_size(lengths[i]) + 4);
        for (size_t at = 0; at < n; at++) {
            assert_int_equal(parse(in, at, &server, &f, &bad), PARSE_MORE);
            assert_int_equal(f.len, 77);
        }
        assert_int_equal(parse(in, n, &server, &f, &bad), PARSE_DONE);
        assert_int_equal(f.head, n);
        assert_int_equal(f.len, lengths[i]);
        assert_int_equal(f.op, WS_BINARY);
        assert_true(f.fin && f.masked && !f.rsv1);
        assert_memory_equal(f.mask, mask, 4);
    }
}

static void reads_what_a_server_writes(void **state)
{
    static const uint64_t lengths[] = { 0, 125, 126, 65535, 65536 };
    uint8_t in[WS_SERVER_HEAD_MAX];
    struct ws_frame f;
    enum ws_bad bad;
    (void)state;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t n = ws_frame_head(in, WS_TEXT, false, lengths[i]);
        assert_int_equal(n, ws_frame_head_size(lengths[i]));
        assert_int_equal(parse(in, n, &client, &f, &bad), PARSE_DONE);
        assert_int_equal(f.len, lengths[i]);
        assert_true(!f.fin && !f.masked && f.op == WS_TEXT);
    }
}

static void bad(const void *in, size_t n, const struct ws_rules *rules, enum ws_bad why)
{
    struct ws_frame f = { .len = 77 };
    enum ws_bad got = 0;

    assert_int_equal(parse(in, n, rules, &f, &got), PARSE_BAD);
    assert_int_equal(got, why);
    assert_int_equal(f.len, 77);
}

#define BAD(rules, why, literal) bad(literal, sizeof(literal) - 1, rules, why)

static void refuses_by_the_first_wrong_byte(void **state)
{
    (void)state;

    BAD(&server, WS_BAD_PROTOCOL, "\xa1"); /* RSV2 */
    BAD(&server, WS_BAD_PROTOCOL, "\x91"); /* RSV3 */
    BAD(&server, WS_BAD_PROTOCOL, "\xc1"); /* RSV1 without an extension */
    BAD(&server, WS_BAD_PROTOCOL, "\x83"); /* reserved opcodes */
    BAD(&server, WS_BAD_PROTOCOL, "\x8b");
    BAD(&server, WS_BAD_PROTOCOL, "\x09");             /* a fragmented ping */
    BAD(&server, WS_BAD_PROTOCOL, "\x81\x05");         /* not masked */
    BAD(&client, WS_BAD_PROTOCOL, "\x81\x85");         /* masked */
    BAD(&server, WS_BAD_PROTOCOL, "\x89\xfe");         /* a ping of more than 125 bytes */
    BAD(&server, WS_BAD_PROTOCOL, "\x81\xfe\x00\x7d"); /* 125 in two bytes */
    BAD(&server, WS_BAD_PROTOCOL, "\x81\xff\0\0\0\0\0\0\xff\xff"); /* 65535 in eight */
    BAD(&server, WS_BAD_PROTOCOL, "\x81\xff\x80\0\0\0\0\0\0\0");   /* the highest bit */
    BAD(&server, WS_BAD_TOO_BIG, "\x81\xff\x7f\0\0\0\0\0\0\0");
    BAD(&server, WS_BAD_TOO_BIG, "\x81\xff\0\0\0\0\0\x10\0\x01"); /* 1 MiB and 1 */
}

static void rsv1_marks_compressed_messages_only(void **state)
{
    struct ws_rules deflate = { .len_max = 100, .server = true, .rsv1 = true };
    struct ws_frame f;
    enum ws_bad why;
    (void)state;

    assert_int_equal(parse("\xc1\x80\0\0\0\0", 6, &deflate, &f, &why), PARSE_DONE);
    assert_true(f.rsv1);
    BAD(&deflate, WS_BAD_PROTOCOL, "\xc0"); /* a continuation (RFC 7692 6.1) */
    BAD(&deflate, WS_BAD_PROTOCOL, "\xc9"); /* a ping */
}

/* Word-wise or not, at any alignment and offset: the same bytes; and twice is nothing. */
static void unmasks_anywhere(void **state)
{
    uint8_t plain[80], work[80 + 8];
    (void)state;

    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 7);
    for (size_t shift = 0; shift < 8; shift++)
        for (size_t n = 0; n <= sizeof plain; n++)
            for (uint64_t at = 0; at < 5; at++) {
                uint8_t *p = work + shift;
                memset(work, 0xee, sizeof work);
                memcpy(p, plain, n);
                ws_unmask(p, n, mask, at);
                for (size_t i = 0; i < n; i++)
                    assert_int_equal(p[i], plain[i] ^ mask[(at + i) % 4]);
                for (size_t i = shift + n; i < sizeof work; i++)
                    assert_int_equal(work[i], 0xee);
                ws_unmask(p, n, mask, at);
                assert_memory_equal(p, plain, n);
            }
}

static void knows_close_codes(void **state)
{
    static const unsigned good[] = { 1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4999 };
    static const unsigned wrong[] = { 0, 999, 1004, 1005, 1006, 1015, 1100, 2999, 5000, 65535 };
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(ws_close_code_valid(good[i]));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(ws_close_code_valid(wrong[i]));
}

static void answers_the_key_of_the_standard(void **state)
{
    char out[28];
    (void)state;

    ws_accept_key(out, STR("dGhlIHNhbXBsZSBub25jZQ==")); /* RFC 6455 1.3 */
    assert_str(str_n(out, sizeof out), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void knows_keys(void **state)
{
    (void)state;

    assert_true(ws_key_valid(STR("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_true(ws_key_valid(STR("++++//////////AZaz09+/==")));
    assert_false(ws_key_valid(STR("")));
    assert_false(ws_key_valid(STR("dGhlIHNhbXBsZSBub25jZQ=")));
    assert_false(ws_key_valid(STR("dGhlIHNhbXBsZSBub25jZQ===")));
    assert_false(ws_key_valid(STR("dGhlIHNhbXBsZSBub25jZQ=A")));
    assert_false(ws_key_valid(STR("dGhlIHNhbXBsZSBub25j-Q==")));
    assert_false(ws_key_valid(STR("dGhlIHNhbXBsZSBub25jZ\0==")));
}

TEST_MAIN(cmocka_unit_test(header_is_restartable), cmocka_unit_test(reads_what_a_server_writes),
          cmocka_unit_test(refuses_by_the_first_wrong_byte),
          cmocka_unit_test(rsv1_marks_compressed_messages_only), cmocka_unit_test(unmasks_anywhere),
          cmocka_unit_test(knows_close_codes), cmocka_unit_test(answers_the_key_of_the_standard),
          cmocka_unit_test(knows_keys))
