/* tests/unit/ws/test_msg.c - messages are frames.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

static void frames_parse_back(void **state)
{
    static const size_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 100000 };
    struct ws_rules rules = { .len_max = UINT32_MAX };
    char *data = calloc(1, 100000);
    (void)state;

    memset(data, 'x', 100000);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct msg *m = ws_msg(i % 2 ? WS_BINARY : WS_TEXT, str_n(data, lengths[i]));
        struct ws_frame f;
        enum ws_bad bad;
        assert_int_equal(ws_frame_parse(m->data, m->len, &rules, &f, &bad), PARSE_DONE);
        assert_int_equal(f.head, m->head);
        assert_int_equal(f.len, lengths[i]);
        assert_int_equal(f.op, i % 2 ? WS_BINARY : WS_TEXT);
        assert_int_equal(m->binary, i % 2);
        assert_int_equal(m->len, f.head + f.len);
        assert_true(f.fin);
        assert_true(str_eq(msg_payload(m), str_n(data, lengths[i])));
        msg_unref(m);
    }
    free(data);
}

static void reserved_room_is_the_payload(void **state)
{
    struct msg *m = ws_msg_reserve(WS_TEXT, 5);
    (void)state;

    memcpy(m->data + m->head, "hello", 5);
    assert_str(msg_payload(m), "hello");
    msg_unref(m);
}

/* 5.5: a control frame carries 125 bytes; the reason stays valid UTF-8. */
static void long_reasons_are_cut(void **state)
{
    char reason[200];
    struct msg *m;
    (void)state;

    memset(reason, 'a', sizeof reason);
    m = ws_msg_close(1000, str_n(reason, 123));
    assert_int_equal(msg_payload(m).n, 125);
    msg_unref(m);
    m = ws_msg_close(1000, str_n(reason, 124));
    assert_int_equal(msg_payload(m).n, 125);
    msg_unref(m);
    memcpy(reason + 121, "\xe2\x82\xac", 3);
    m = ws_msg_close(1000, str_n(reason, 200));
    assert_int_equal(msg_payload(m).n, 2 + 121);
    msg_unref(m);
    m = ws_msg_close(0, str_n(reason, 200));
    assert_int_equal(msg_payload(m).n, 0);
    msg_unref(m);
}

TEST_MAIN(cmocka_unit_test(frames_parse_back), cmocka_unit_test(reserved_room_is_the_payload),
          cmocka_unit_test(long_reasons_are_cut))
