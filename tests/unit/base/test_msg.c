/* tests/unit/base/test_msg.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/msg.h"

#include "base/poison.h"
#include "count.h"
#include "test.h"

static void a_message_holds_its_bytes(void **state)
{
    static const size_t lens[] = { 0, 1, 19, 20, 21, 100, 4083, 4084, 4085, 100000 };

    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct msg *m = msg_new(lens[i]);

        assert_int_equal(m->refs, 1);
        assert_int_equal(m->len, lens[i]);
        assert_int_equal(m->head, 0);
        assert_int_equal(m->binary, 0);
        memset(m->data, 0x5a, m->len);
        msg_unref(m);
    }
    msg_trim();
}

/* Fields of a former message do not shine through. */
static void a_reused_block_starts_afresh(void **state)
{
    struct msg *m = msg_of(STR("hello")), *again;

    (void)state;
    m->head = 2;
    m->binary = 1;
    msg_unref(m);
    again = msg_of(STR("world"));
    assert_ptr_equal(again, m);
    assert_int_equal(again->head, 0);
    assert_int_equal(again->binary, 0);
    assert_str(msg_payload(again), "world");
    msg_unref(again);
    msg_trim();
}

static void the_payload_follows_the_frame_header(void **state)
{
    struct msg *m = msg_of(STR("\x81\x02hi"));

    (void)state;
    m->head = 2;
    assert_str(msg_payload(m), "hi");
    m->head = 4;
    assert_int_equal(msg_payload(m).n, 0);
    msg_unref(m);
    m = msg_of((str){ NULL, 0 });
    assert_int_equal(msg_payload(m).n, 0);
    msg_unref(m);
    msg_trim();
}

static void the_last_reference_frees(void **state)
{
    struct msg *m = msg_of(STR("shared"));

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(msg_ref(m), m);
    for (int i = 0; i < 1000; i++)
        msg_unref(m);
    assert_int_equal(m->refs, 1);
    assert_str(msg_payload(m), "shared");
    msg_unref(m);
    msg_trim();
}

static void a_warm_echo_allocates_nothing(void **state)
{
    (void)state;
    msg_unref(msg_new(48));
    assert_allocs(0, for (int i = 0; i < 100000; i++) msg_unref(msg_new(40 + (size_t)i % 10)));
    msg_trim();
}

/* Sanitized builds see reads behind a message and after its end, although its block is larger. */
static void bounds_are_exact_when_sanitized(void **state)
{
    struct msg *m = msg_new(1);

    (void)state;
    assert_false(is_poisoned(&m->data[0]));
    assert_int_equal(is_poisoned(&m->data[1]), POISON_ENABLED);
    msg_unref(m);
    assert_int_equal(is_poisoned(&m->refs), POISON_ENABLED);
    msg_trim();
}

TEST_MAIN(cmocka_unit_test(a_message_holds_its_bytes),
          cmocka_unit_test(a_reused_block_starts_afresh),
          cmocka_unit_test(the_payload_follows_the_frame_header),
          cmocka_unit_test(the_last_reference_frees),
          cmocka_unit_test(a_warm_echo_allocates_nothing),
          cmocka_unit_test(bounds_are_exact_when_sanitized))
