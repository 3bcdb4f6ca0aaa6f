/* tests/unit/cluster/test_peers.c - workers that are processes of their own, and really die.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/peers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slab.h"
#include "test.h"

static struct loop loop;
static struct board board;
static struct peers peers;
static int board_fd;
static char folder[64];
static int came, went, inherited_slot, passed_fd;
static char heard[64];

static void on_peer(void *user, unsigned slot, uint32_t generation, bool here)
{
    (void)user;
    (void)slot;
    (void)generation;
    came += here;
    went += !here;
}

static void on_inherit(void *user, unsigned slot, uint32_t generation)
{
    (void)user;
    assert_true(board_is(&board, slot, generation));
    inherited_slot = (int)slot;
    board_move_homes(&board, slot, peers.slot);
}

static void on_message(void *user, unsigned slot, uint8_t kind, str data, const int *fds, size_t n)
{
    (void)user;
    (void)slot;
    snprintf(heard, sizeof heard, "%u:%.*s", kind, STR_ARG(data));
    if (n)
        passed_fd = fds[0];
}

static const struct peers_events events = { on_peer, on_inherit, on_message };

/* A worker in a process of its own that turns until it is killed: says hello with a descriptor. */
static void be_worker(void)
{
    static const struct peers_events quiet = { on_peer, NULL, on_message };
    static struct loop own_loop;
    static struct board own_board;
    static struct peers own;
    char why[ATR_WHY_MAX];
    int pipes[2];

    if (loop_init(&own_loop) < 0 ||
        board_open(&own_board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why) < 0 ||
        peers_open(&own, &own_loop, &own_board, folder, 1, &quiet, NULL, why) < 0 ||
        pipe(pipes) < 0 || board_settle(&own_board, own.slot) < 0)
        _exit(1);
    came = 0;
    while (!came)
        (void)loop_turn(&own_loop, 100);
    if (write(pipes[1], "inside", 6) != 6 ||
        peers_send(&own, 0, PEERS_KIND_USER, STR("take this"), &pipes[0], 1) < 0)
        _exit(2);
    for (;;)
        (void)loop_turn(&own_loop, -1);
}

static int set_up(void **state)
{
    char why[ATR_WHY_MAX];

    (void)state;
    strcpy(folder, "/tmp/atrium-peers-XXXXXX");
    assert_non_null(mkdtemp(folder));
    came = went = 0;
    inherited_slot = passed_fd = -1;
    heard[0] = 0;
    board_fd = board_create(&(struct board_options){ 4096, 4096, 8192 }, why);
    assert_int_equal(loop_init(&loop), 0);
    assert_int_equal(board_open(&board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why), 0);
    assert_int_equal(peers_open(&peers, &loop, &board, folder, 0, &events, NULL, why), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peers_close(&peers);
    peers_close(&peers);
    (void)loop_turn(&loop, 0);
    board_close(&board);
    close(board_fd);
    loop_fini(&loop);
    slab_trim();
    assert_int_equal(rmdir(folder), 0); /* nothing is left behind */
    return 0;
}

static void turn_until(const int *what, int value)
{
    for (int i = 0; i < 600 && *what != value; i++)
        assert_int_equal(loop_turn(&loop, 50), 0);
    assert_int_equal(*what, value);
}

static void test_meets_and_hands_over(void **state)
{
    char text[8] = "";
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        be_worker();
    turn_until(&came, 1);
    assert_true(peers_here(&peers, 1));
    for (int i = 0; i < 600 && !heard[0]; i++)
        (void)loop_turn(&loop, 50);
    assert_string_equal(heard, "16:take this");
    assert_int_equal(read(passed_fd, text, 6), 6);
    assert_string_equal(text, "inside");
    close(passed_fd);
    assert_int_equal(peers_send(&peers, 7, PEERS_KIND_USER, STR("x"), NULL, 0), ATR_ECLOSED);
    kill(pid, SIGKILL);
    turn_until(&went, 1);
    waitpid(pid, &status, 0);
}

/* What was published before its hello was read rang no bell of it, so its hello does. */
static void test_wakes_who_is_new(void **state)
{
    static const struct peers_events quiet = { on_peer, NULL, on_message };
    static struct loop other_loop;
    static struct board other_board;
    static struct peers other;
    struct pollfd bell = { .events = POLLIN };
    char why[ATR_WHY_MAX];

    (void)state;
    assert_int_equal(loop_init(&other_loop), 0);
    assert_int_equal(board_open(&other_board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why), 0);
    assert_int_equal(peers_open(&other, &other_loop, &other_board, folder, 0, &quiet, NULL, why),
                     0);
    assert_true(board_sleep(&other_board, other.slot, ring_last(&other_board.ring)));
    turn_until(&came, 1);
    bell.fd = other.bell;
    assert_int_equal(poll(&bell, 1, 0), 1);
    assert_int_equal(atomic_load(&board.slots[other.slot].asleep), 0);
    peers_close(&other);
    (void)loop_turn(&other_loop, 0);
    board_close(&other_board);
    loop_fini(&other_loop);
    turn_until(&went, 1);
}

/* Ends every connection between workers of this process. */
static void cut_links(void)
{
    for (int fd = 0; fd < 512; fd++) {
        struct sockaddr_storage peer;
        socklen_t n = sizeof peer, type_n = sizeof(int);
        int type = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_n) == 0 && type == SOCK_SEQPACKET &&
            getpeername(fd, (struct sockaddr *)&peer, &n) == 0)
            assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
    }
}

/* Both live: nobody has gone, and soon they can tell each other something again. */
static void test_a_lost_link_is_made_again(void **state)
{
    static const struct peers_events quiet = { NULL, NULL, on_message };
    static struct loop other_loop;
    static struct board other_board;
    static struct peers other;
    struct peers_events told = quiet;
    char why[ATR_WHY_MAX];

    (void)state;
    told.on_peer = on_peer;
    assert_int_equal(loop_init(&other_loop), 0);
    assert_int_equal(board_open(&other_board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why), 0);
    assert_int_equal(peers_open(&other, &other_loop, &other_board, folder, 0, &told, NULL, why), 0);
    while (came < 2) {
        assert_int_equal(loop_turn(&loop, 10), 0);
        assert_int_equal(loop_turn(&other_loop, 10), 0);
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(peers_send(&peers, other.slot, PEERS_KIND_USER, STR("x"), NULL, 0), 0);
        cut_links();
        for (int i = 0; i < 5; i++) {
            assert_int_equal(loop_turn(&loop, 0), 0);
            assert_int_equal(loop_turn(&other_loop, 0), 0);
        }
        assert_int_equal(peers_send(&peers, other.slot, PEERS_KIND_USER, STR("x"), NULL, 0),
                         ATR_ECLOSED);
        assert_true(peers_here(&peers, other.slot));
        heard[0] = 0;
        while (!heard[0]) {
            assert_int_equal(loop_turn(&loop, 10), 0);
            assert_int_equal(loop_turn(&other_loop, 10), 0);
            (void)peers_send(&other, peers.slot, PEERS_KIND_USER, STR("again"), NULL, 0);
        }
        assert_string_equal(heard, "16:again");
        for (int i = 0; i < 5; i++) {
            assert_int_equal(loop_turn(&loop, 0), 0);
            assert_int_equal(loop_turn(&other_loop, 0), 0);
        }
    }
    assert_int_equal(came, 2);
    assert_int_equal(went, 0);
    peers_close(&other);
    (void)loop_turn(&other_loop, 0);
    board_close(&other_board);
    loop_fini(&other_loop);
    turn_until(&went, 1);
}

/* Its homes are now served by who noticed; its slot is free. */
static void test_the_killed_are_inherited(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        be_worker();
    turn_until(&came, 1);
    for (int i = 0; i < 600 && !heard[0]; i++)
        (void)loop_turn(&loop, 50);
    close(passed_fd);
    kill(pid, SIGKILL);
    turn_until(&inherited_slot, 1);
    assert_int_equal(went, 1);
    assert_int_equal(atomic_load(&board.slots[1].pid), 0);
    int mine = 0;
    for (unsigned i = 0; i < BOARD_HOMES; i++)
        mine += board_home(&board, i) == 0;
    assert_int_equal(mine, 1);
    waitpid(pid, &status, 0);
}

/* Nobody was there to see it die: who comes later looks after it. */
static void test_newcomers_find_the_dead(void **state)
{
    char why[ATR_WHY_MAX];
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        be_worker();
    turn_until(&came, 1);
    peers_close(&peers);
    (void)loop_turn(&loop, 0);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (passed_fd >= 0)
        close(passed_fd);
    assert_int_equal(peers_open(&peers, &loop, &board, folder, 0, &events, NULL, why), 0);
    assert_int_equal(inherited_slot, 1);
    assert_int_equal(peers.inherited, 1);
}

static void test_strangers_are_sent_away(void **state)
{
    char path[128], byte;
    int fd;

    (void)state;
    snprintf(path, sizeof path, "%s/0.%u.peer", folder, peers.generation);
    fd = link_dial(path);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, "\0\1nonsense", 10, 0), 10);
    for (int i = 0; i < 5; i++)
        (void)loop_turn(&loop, 20);
    assert_int_equal(came, 0);
    while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
        ; /* its hello */
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_meets_and_hands_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wakes_who_is_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_link_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_killed_are_inherited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newcomers_find_the_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strangers_are_sent_away, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
