/* tests/unit/cluster/test_board.c - slots, homes, sleeping.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/board.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct board board;

static int open_board(void **state)
{
    char why[ATR_WHY_MAX];
    int fd = board_create(&(struct board_options){ 4096, 4096, 8192 }, why);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(board_open(&board, fd, why), 0);
    return 0;
}

static int close_board(void **state)
{
    (void)state;
    board_close(&board);
    board_close(&board);
    return 0;
}

static void test_refuses_what_is_no_board(void **state)
{
    struct board b;
    char why[ATR_WHY_MAX];
    int fd = memfd_create("other", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(board_open(&b, fd, why), ATR_ETYPE);
    assert_string_equal(why, "this is no board");
    assert_int_equal(b.fd, -1);
    fd = fcntl(board.fd, F_DUPFD_CLOEXEC, 0);
    uint64_t version = 99;
    assert_int_equal(pwrite(board.fd, &version, 8, 8), 8);
    assert_int_equal(board_open(&b, fd, why), ATR_ETYPE);
    assert_non_null(strstr(why, "version 99"));
}

static void test_slots_are_taken_and_given_back(void **state)
{
    int a, b;

    (void)state;
    assert_int_equal(a = board_take(&board, 0, 5), 0);
    assert_int_equal(b = board_take(&board, 1, 5), 1);
    uint32_t generation = atomic_load(&board.slots[a].generation);
    assert_true(board_is(&board, 0, generation));
    board_leave(&board, (unsigned)a);
    assert_false(board_is(&board, 0, generation));
    assert_int_equal(board_take(&board, 2, 5), 0);
    assert_false(board_is(&board, 0, generation));
    assert_true(board_is(&board, 0, atomic_load(&board.slots[0].generation)));
    for (int i = 2; i < BOARD_SLOTS; i++)
        assert_int_equal(board_take(&board, 0, 5), i);
    assert_int_equal(board_take(&board, 0, 5), ATR_ELIMIT);
    (void)b;
}

/* A process that died is buried once, and its homes are nobody's. */
static void test_the_dead_are_buried_once(void **state)
{
    int status, slot = 0;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        slot = board_take(&board, 0, 5);
        _exit(slot == 0 && board_settle(&board, 0) >= 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(atomic_load(&board.slots[0].pid), pid);
    assert_int_equal(board_take(&board, 1, 5), 1);
    assert_true(board_dead(&board, 0, (uint32_t)pid));
    assert_false(board_dead(&board, 1, (uint32_t)getpid()));
    assert_true(board_claim(&board, 0, (uint32_t)pid));
    assert_false(board_claim(&board, 0, (uint32_t)pid));
    board_free(&board, 0);
    for (unsigned i = 0; i < BOARD_HOMES; i++)
        assert_int_equal(board_home(&board, i), BOARD_NO_SLOT);
    assert_int_equal(board_take(&board, 2, 5), 0);
    assert_false(board_claim(&board, 0, (uint32_t)pid));
    assert_int_equal(atomic_load(&board.slots[0].pid), getpid());
}

static void test_homes_move(void **state)
{
    int a = board_take(&board, 0, 5), b = board_take(&board, 1, 5);
    int first = board_settle(&board, (unsigned)a), second = board_settle(&board, (unsigned)a);

    (void)state;
    assert_true(first >= 0 && second >= 0 && first != second);
    assert_int_equal(board_home(&board, (unsigned)first), a);
    board_move_homes(&board, (unsigned)a, (unsigned)b);
    assert_int_equal(board_home(&board, (unsigned)first), b);
    assert_int_equal(board_home(&board, (unsigned)second), b);
    board_leave(&board, (unsigned)a);
    assert_int_equal(board_home(&board, (unsigned)first), b);
    board_leave(&board, (unsigned)b);
    assert_int_equal(board_home(&board, (unsigned)first), BOARD_NO_SLOT);
    assert_int_equal(board_home(&board, 1 << 20), BOARD_NO_SLOT);
}

static void test_load(void **state)
{
    unsigned a = (unsigned)board_take(&board, 0, 5);

    (void)state;
    assert_int_equal(board_load(&board, a), 0);
    atomic_store(&board.slots[a].sessions, 3);
    atomic_store(&board.slots[a].coming, 2);
    assert_int_equal(board_load(&board, a), 5);
    board_came(&board, a);
    board_came(&board, a);
    board_came(&board, a); /* one more than was said */
    assert_int_equal(board_load(&board, a), 3);
    board_leave(&board, a);
    assert_int_equal(board_take(&board, 1, 5), a);
    assert_int_equal(board_load(&board, a), 0);
}

static void test_nobody_sleeps_through_an_entry(void **state)
{
    unsigned slot = (unsigned)board_take(&board, 0, 5);
    uint64_t number;

    (void)state;
    assert_false(board_rouse(&board, slot)); /* awake */
    assert_true(board_sleep(&board, slot, 0));
    assert_true(board_rouse(&board, slot));
    assert_false(board_rouse(&board, slot)); /* one bell is enough */
    assert_int_equal(ring_publish(&board.ring, &(struct ring_note){ 0 }, &number), 0);
    assert_false(board_sleep(&board, slot, 0)); /* it came in between */
    assert_false(board_rouse(&board, slot));
    assert_true(board_sleep(&board, slot, number));
    board_wake(&board, slot);
    assert_false(board_rouse(&board, slot));
}

static void test_journals_are_apart(void **state)
{
    uint8_t *a = board_map_journal(&board, 0), *b = board_map_journal(&board, BOARD_SLOTS - 1);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    memset(a, 0xaa, board_journal_bytes(&board));
    memset(b, 0xbb, board_journal_bytes(&board));
    assert_int_equal(a[board_journal_bytes(&board) - 1], 0xaa);
    assert_int_equal(b[0], 0xbb);
    uint8_t *again = board_map_journal(&board, 0);
    assert_memory_equal(again, a, board_journal_bytes(&board));
    board_unmap_journal(&board, a);
    board_unmap_journal(&board, b);
    board_unmap_journal(&board, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_board, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_slots_are_taken_and_given_back, open_board,
                                        close_board),
        cmocka_unit_test_setup_teardown(test_the_dead_are_buried_once, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_homes_move, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_load, open_board, close_board),
        cmocka_unit_test_setup_teardown(test_nobody_sleeps_through_an_entry, open_board,
                                        close_board),
        cmocka_unit_test_setup_teardown(test_journals_are_apart, open_board, close_board),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
