/* tests/conform/store_log.c - logs: bounds, generations, following. See store_suite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_suite.h"

static void test_log(void **state)
{
    char text[16];

    (void)state;
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.r.flags, 0);
    for (int i = 1; i <= 20; i++) {
        snprintf(text, sizeof text, "e%d", i);
        assert_int_equal(append("l", text, NULL), i);
    }
    uint64_t generation = got.r.generation;
    assert_int_equal(read_from("l", generation, 0), 0);
    assert_int_equal(got.count, 20);
    assert_int_equal(got.r.offset, 21);
    assert_int_equal(got.r.first, 1);
    for (uint32_t i = 0; i < 20; i++) {
        struct store_record r = item(&got, i);

        snprintf(text, sizeof text, "e%u", i + 1);
        assert_true(str_eq(r.value, str_of(text)));
        assert_int_equal(r.offset, i + 1);
    }
    assert_int_equal(
        ASK(log_read(s[2], STR("l"), &(struct log_from){ .offset = 5, .count = 3 }, T)), 0);
    assert_int_equal(got.count, 3);
    assert_true(got.r.flags & STORE_MORE);
    assert_int_equal(got.r.offset, 8);
    assert_int_equal(item(&got, 0).offset, 5);
    assert_int_equal(read_from("l", generation, 21), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.r.flags, 0);
}

static void test_log_bounds(void **state)
{
    struct log_terms five = { .entries = 5 }, bytes = { .bytes = 10 };

    (void)state;
    for (int i = 0; i < 12; i++)
        append("l", "x", &five);
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.count, 5);
    assert_int_equal(got.r.first, 8);
    assert_int_equal(got.r.flags, 0); /* nobody asked for the others */
    assert_int_equal(read_from("l", 0, 8), 0);
    assert_int_equal(got.r.flags, 0);
    assert_int_equal(read_from("l", 0, 7), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(item(&got, 0).offset, 8);
    assert_int_equal(got.count, 5);
    append("b", "1234", &bytes);
    append("b", "5678", &bytes);
    append("b", "9abc", &bytes);
    assert_int_equal(read_from("b", 0, 2), 0);
    assert_int_equal(got.count, 2);
    append("b", "longer than the bound", &bytes);
    assert_int_equal(read_from("b", 0, 4), 0);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.r.first, 4);
}

static void test_log_age(void **state)
{
    struct log_terms t = { .age_ms = 1000 };

    (void)state;
    append("l", "1", &t);
    backend_advance(500);
    append("l", "2", &t);
    backend_advance(499);
    assert_int_equal(read_from("l", 0, 1), 0);
    assert_int_equal(got.count, 2);
    assert_int_equal(item(&got, 0).age_ms, 999);
    backend_advance(1);
    assert_int_equal(read_from("l", 0, 1), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(got.count, 1);
    backend_advance(500);
    assert_int_equal(read_from("l", 0, 2), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.r.first, 3);
    assert_int_equal(got.r.offset, 3);
    assert_int_equal(append("l", "3", &t), 3);
}

static void test_log_generations(void **state)
{
    struct log_terms t = { .ttl_ms = 1000 };

    (void)state;
    append("l", "1", NULL);
    append("l", "2", NULL);
    uint64_t old = got.r.generation;
    assert_int_equal(ASK(log_drop(s[0], STR("l"), STR(""), 0, T)), 0);
    assert_int_equal(got.r.number, 1);
    assert_int_equal(ASK(log_drop(s[0], STR("l"), STR(""), 0, T)), 0);
    assert_int_equal(got.r.number, 0);
    assert_int_equal(read_from("l", old, 3), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(append("l", "new", &t), i);
    assert_true(got.r.generation > old);
    assert_int_equal(read_from("l", old, 3), 0);
    assert_int_equal(got.r.flags, LOG_LOST);
    assert_int_equal(got.count, 4);
    backend_advance(999);
    append("l", "keeps it", &t);
    backend_advance(999);
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.count, 5);
    backend_advance(1);
    assert_int_equal(read_from("l", 0, 0), 0);
    assert_int_equal(got.r.generation, 0);
    assert_int_equal(got.count, 0);
}

static void test_log_is_followed(void **state)
{
    struct got tail = { 0 };
    struct log_from from = { .offset = 0, .wait_ms = 60000 };

    (void)state;
    log_read(s[1], STR("l"), &from, take, &tail); /* there is no log yet */
    append("l", "1", NULL);
    wait_for(&tail, 1);
    assert_int_equal(tail.count, 1);
    from.generation = tail.r.generation;
    from.offset = tail.r.offset;
    log_read(s[1], STR("l"), &from, take, &tail);
    assert_int_equal(ASK(kv_get(s[1], STR("x"), T)), ATR_EUNKNOWN);
    assert_int_equal(tail.times, 1);
    append("l", "2", NULL);
    wait_for(&tail, 2);
    assert_int_equal(item(&tail, 0).offset, 2);
    from.generation++;
    log_read(s[1], STR("l"), &from, take, &tail); /* what is lost is told at once */
    wait_for(&tail, 3);
    assert_true(tail.r.flags & LOG_LOST);
    buf_free(&tail.memory);
}

TEST_MAIN(TEST(test_log), TEST(test_log_bounds), TEST(test_log_age), TEST(test_log_generations),
          TEST(test_log_is_followed))
