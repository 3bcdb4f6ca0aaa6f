/* tests/unit/cluster/test_ring.c - one order for all, whatever the readers do and whoever dies.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/board.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rng.h"
#include "test.h"

static struct board board;

static int open_board(void **state)
{
    char why[ATR_WHY_MAX];
    int fd = board_create(&(struct board_options){ 64 * 1024, 4096, 8192 }, why);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(board_open(&board, fd, why), 0);
    return 0;
}

static int close_board(void **state)
{
    (void)state;
    board_close(&board);
    return 0;
}

static uint64_t publish(uint16_t origin, const void *p, size_t n)
{
    uint64_t number;

    str part = { p, n };
    struct ring_note note = {
        .origin = origin, .to = RING_TO_ALL, .parts = &part, .part_count = 1
    };

    assert_int_equal(ring_publish(&board.ring, &note, &number), 0);
    return number;
}

/* Copies the next entry; the return value of ring_next(), RING_MISSED also when it went meanwhile.
 */
static enum ring_next read_one(uint64_t *cursor, uint8_t *out, size_t *n, uint16_t *origin)
{
    const struct ring_entry *e;
    uint64_t missed;
    enum ring_next what = ring_next(&board.ring, cursor, &e, &missed);

    if (what != RING_ENTRY)
        return what;
    str data = ring_data(&board.ring, e);
    memcpy(out, data.p, data.n);
    *n = data.n;
    *origin = e->origin;
    return ring_holds(&board.ring, *cursor) ? RING_ENTRY : RING_MISSED;
}

static void test_reads_what_was_written(void **state)
{
    uint64_t cursor = 0;
    uint8_t got[8192];
    uint16_t origin;
    size_t n;

    (void)state;
    assert_int_equal(read_one(&cursor, got, &n, &origin), RING_EMPTY);
    assert_int_equal(publish(3, "one", 3), 1);
    assert_int_equal(publish(4, "", 0), 2);
    assert_int_equal(read_one(&cursor, got, &n, &origin), RING_ENTRY);
    assert_int_equal(cursor, 1);
    assert_int_equal(n, 3);
    assert_int_equal(origin, 3);
    assert_memory_equal(got, "one", 3);
    assert_int_equal(read_one(&cursor, got, &n, &origin), RING_ENTRY);
    assert_int_equal(n, 0);
    assert_int_equal(read_one(&cursor, got, &n, &origin), RING_EMPTY);
}

static void test_parts_are_joined(void **state)
{
    str parts[] = { STR("ab"), STR(""), STR("cde") };
    uint64_t number;

    (void)state;
    struct ring_note note = { .kind = 7, .parts = parts, .part_count = 3 };
    assert_int_equal(ring_publish(&board.ring, &note, &number), 0);
    const struct ring_entry *e = ring_at(&board.ring, number);
    assert_non_null(e);
    assert_str(ring_data(&board.ring, e), "abcde");
    assert_int_equal(e->kind, 7);
    assert_null(ring_at(&board.ring, number + 1));
    assert_null(ring_at(&board.ring, 0));
}

static void stamp(uint8_t *at, uint64_t number)
{
    *at = (uint8_t)('0' + number);
}

static void test_entries_know_their_numbers(void **state)
{
    str parts[] = { STR("ab"), STR("c?e") };
    struct ring_note note = { .parts = parts, .part_count = 2, .stamp = stamp, .stamp_at = 3 };
    uint64_t number;

    (void)state;
    publish(0, "first", 5);
    assert_int_equal(ring_publish(&board.ring, &note, &number), 0);
    assert_str(ring_data(&board.ring, ring_at(&board.ring, number)), "abc2e");
}

static void test_too_large(void **state)
{
    static uint8_t big[64 * 1024];
    size_t most = ring_data_max(&board.ring);
    uint64_t number = 99;

    (void)state;
    str part = { (char *)big, most + 1 };
    struct ring_note note = { .parts = &part, .part_count = 1 };
    assert_int_equal(ring_publish(&board.ring, &note, &number), ATR_ELIMIT);
    assert_int_equal(number, 99);
    assert_int_equal(publish(0, big, most), 1);
}

/* Entries of any size, many times round, against a model. Readers that keep up see all; one that
 * does not learns exactly how much it missed. */
static void test_goes_round(void **state)
{
    struct rng rng = { 42 };
    uint64_t fast = 0, slow = 0, sizes[4096];
    uint8_t out[8192], got[8192];
    uint16_t origin;
    size_t n;

    (void)state;
    for (uint64_t i = 1; i <= 20000; i++) {
        size_t size = rng_below(&rng, rng_below(&rng, 20) ? 200 : ring_data_max(&board.ring));
        memset(out, (int)(i & 0xff), size);
        sizes[i % 4096] = size;
        assert_int_equal(publish((uint16_t)i, out, size), i);
        assert_int_equal(read_one(&fast, got, &n, &origin), RING_ENTRY);
        assert_int_equal(fast, i);
        assert_int_equal(n, size);
        assert_int_equal(origin, (uint16_t)i);
        assert_memory_equal(got, out, size);
        if (rng_below(&rng, 3))
            continue;
        const struct ring_entry *e;
        uint64_t missed, before = slow;
        enum ring_next what = ring_next(&board.ring, &slow, &e, &missed);
        if (what == RING_MISSED) {
            assert_int_equal(slow, before + missed);
            assert_int_equal(slow + 1, ring_first(&board.ring));
        } else if (what == RING_ENTRY) {
            assert_int_equal(slow, before + 1);
            assert_int_equal(e->data_n, sizes[slow % 4096]);
        }
    }
    assert_true(ring_first(&board.ring) > 19000);
}

/* Numbers run out of places in the index before bytes run out. */
static void test_many_small(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++)
        publish(0, "", 0);
    assert_true(ring_last(&board.ring) - ring_first(&board.ring) < 4096);
    assert_non_null(ring_at(&board.ring, ring_first(&board.ring)));
}

/* --- Several processes --- */

enum { WRITERS = 4, EACH = 5000 };

static void write_many(uint16_t who)
{
    for (uint32_t i = 0; i < EACH; i++) {
        uint64_t number;
        uint32_t body[8] = { i, i, i, i, i, i, i, who };
        str part = { (char *)body, sizeof body };
        struct ring_note note = { .origin = who, .parts = &part, .part_count = 1 };
        if (ring_publish(&board.ring, &note, &number) != 0)
            _exit(1);
    }
    _exit(0);
}

/* Whoever reads while all write: each writer's own entries come in order and whole, also when some
 * were missed. */
static void test_writers_at_once(void **state)
{
    uint32_t next[WRITERS] = { 0 }, body[8];
    uint64_t cursor = 0, seen = 0, lost = 0, missed;
    const struct ring_entry *e;
    pid_t pids[WRITERS];

    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        if ((pids[i] = fork()) == 0)
            write_many((uint16_t)i);
    }
    while (seen + lost < WRITERS * EACH) {
        enum ring_next what = ring_next(&board.ring, &cursor, &e, &missed);
        lost += missed;
        if (what != RING_ENTRY)
            continue;
        memcpy(body, e->data, sizeof body);
        uint16_t who = e->origin;
        if (!ring_holds(&board.ring, cursor)) {
            lost++;
            continue;
        }
        seen++;
        assert_true(who < WRITERS);
        assert_int_equal(body[7], who);
        for (int i = 1; i < 7; i++)
            assert_int_equal(body[i], body[0]);
        assert_true(body[0] >= next[who]);
        next[who] = body[0] + 1;
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(ring_last(&board.ring), WRITERS * EACH);
}

/* A writer that is killed before its step-th instruction of a publish. Returns false when it came
 * to the end of the publish before. */
static bool killed_at(unsigned step)
{
    static const char text[] = "written by one who may not live to see it";
    uint64_t number;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        str part = { text, sizeof text };
        struct ring_note note = { .origin = 1, .parts = &part, .part_count = 1 };
        (void)!ring_publish(&board.ring, &note, &number);
        raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    for (unsigned i = 0; i < step; i++) {
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return false;
        }
        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return true;
}

/* Killed anywhere, it has written its entry whole or not at all, and the next writer goes on. */
static void test_death_at_any_instruction(void **state)
{
    uint64_t whole = 0, nothing = 0;
    unsigned step = 0, stride = 1;

    (void)state;
    for (int i = 0; i < 600; i++) /* so that room must be made */
        publish(0,
                "some more than a hundred bytes, so that the ring is full before the test begins "
                "and each entry drops one",
                104);
    for (; killed_at(step); step += stride) {
        uint64_t last = ring_last(&board.ring);
        uint64_t next = publish(2, "alive", 5);
        assert_int_equal(next, last + 1);
        assert_str(ring_data(&board.ring, ring_at(&board.ring, next)), "alive");
        const struct ring_entry *before = ring_at(&board.ring, last);
        assert_non_null(before);
        if (before->origin == 1) {
            whole++;
            assert_int_equal(before->data_n, 42);
        } else {
            nothing++;
        }
        stride = step / 64 + 1; /* under sanitizers a publish is many instructions */
    }
    assert_true(nothing > 10);
    assert_true(whole > 0);
    assert_true(atomic_load(&board.ring.head->repairs) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_what_was_written, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_parts_are_joined, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_entries_know_their_numbers, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_too_large, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_goes_round, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_many_small, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_writers_at_once, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_death_at_any_instruction, open_board, close_board),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
