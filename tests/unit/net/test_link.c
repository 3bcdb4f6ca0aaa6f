/* tests/unit/net/test_link.c - messages and descriptors between processes, whole and in order.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slab.h"
#include "test.h"

static struct loop loop;
static char folder[64], path[128];

/* What a side has heard. */
struct side {
    struct link *link;
    struct buf heard; /* messages, each followed by a '|' */
    size_t messages, drains;
    int fds[64];
    size_t fd_count;
    int closed; /* the code; 1: not closed */
    bool close_on_message;
};
static struct side a, b;
static int accepted;

static void on_message(struct link *l, str data, const int *fds, size_t n)
{
    struct side *s = l->owner;

    buf_add(&s->heard, data);
    buf_byte(&s->heard, '|');
    s->messages++;
    for (size_t i = 0; i < n; i++)
        s->fds[s->fd_count++] = fds[i];
    if (s->close_on_message)
        link_close(l, 0);
}

static void on_close(struct link *l, int err)
{
    struct side *s = l->owner;

    assert_int_equal(s->closed, 1);
    s->closed = err;
    s->link = NULL;
}

static void on_drain(struct link *l)
{
    ((struct side *)l->owner)->drains++;
}

static const struct link_events events = { on_message, on_close, on_drain };

static size_t open_fds(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 512; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static size_t fds_before;

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    fds_before = open_fds();
    assert_int_equal(loop_init(&loop), 0);
    assert_int_equal(link_pair(fds), 0);
    a = (struct side){ .closed = 1 };
    b = (struct side){ .closed = 1 };
    assert_non_null(a.link = link_new(&loop, fds[0], &events, &a));
    assert_non_null(b.link = link_new(&loop, fds[1], &events, &b));
    strcpy(folder, "/tmp/atrium-link-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static void turns(int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(loop_turn(&loop, 20), 0);
}

static int tear_down(void **state)
{
    (void)state;
    if (a.link)
        link_close(a.link, 0);
    if (b.link)
        link_close(b.link, 0);
    for (size_t i = 0; i < a.fd_count; i++)
        close(a.fds[i]);
    for (size_t i = 0; i < b.fd_count; i++)
        close(b.fds[i]);
    buf_free(&a.heard);
    buf_free(&b.heard);
    turns(1);
    loop_fini(&loop);
    slab_trim();
    rmdir(folder);
    assert_int_equal(open_fds(), fds_before);
    return 0;
}

static void test_messages_both_ways(void **state)
{
    (void)state;
    assert_int_equal(link_send(a.link, STR("one"), NULL, 0), 0);
    assert_int_equal(link_send(a.link, STR(""), NULL, 0), 0);
    assert_int_equal(link_send(b.link, STR("back"), NULL, 0), 0);
    assert_int_equal(link_send(a.link, STR("three"), NULL, 0), 0);
    turns(3);
    assert_str(buf_str(&b.heard), "one||three|");
    assert_str(buf_str(&a.heard), "back|");
}

/* Sizes around the packet's, and one of many packets. */
/* The loop's buffer may be in use by whoever waits. */
static void test_waiting_outside_of_the_loop(void **state)
{
    (void)state;
    memset(loop.read_buffer, 'x', 16);
    assert_false(link_wait(b.link, 0));
    assert_int_equal(link_send(a.link, STR("one"), NULL, 0), 0);
    assert_int_equal(link_send(a.link, STR("two"), NULL, 0), 0);
    assert_true(link_wait(b.link, 1000));
    assert_str(buf_str(&b.heard), "one|two|");
    assert_memory_equal(loop.read_buffer, "xxxxxxxxxxxxxxxx", 16);
    link_close(a.link, 0);
    assert_true(link_wait(b.link, 1000));
    assert_int_equal(b.closed, ATR_ECLOSED);
}

static void test_large_messages_come_whole(void **state)
{
    static const size_t sizes[] = { LINK_PACKET_BYTES - 1, LINK_PACKET_BYTES, LINK_PACKET_BYTES + 1,
                                    3 * LINK_PACKET_BYTES, 5000000 };
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        char *big = mem_alloc(sizes[i]);
        memset(big, 'a' + (int)i, sizes[i]);
        assert_int_equal(link_send(a.link, str_n(big, sizes[i]), NULL, 0), 0);
        mem_free(big);
    }
    for (int i = 0; i < 2000 && b.messages < 5; i++)
        turns(1);
    assert_int_equal(b.messages, 5);
    for (size_t i = 0; i < 5; at += sizes[i] + 1, i++) {
        for (size_t k = 0; k < sizes[i]; k += 997)
            assert_int_equal(b.heard.data[at + k], 'a' + i);
        assert_int_equal(b.heard.data[at + sizes[i]], '|');
    }
    assert_int_equal(a.drains, 1);
    assert_int_equal(a.link->queued_bytes, 0);
}

static void test_descriptors_travel(void **state)
{
    static char big[3 * LINK_PACKET_BYTES];
    int pipes[2];
    char text[8];

    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    memset(big, 'x', sizeof big);
    assert_int_equal(link_send(a.link, STR("take"), pipes, 2), 0);
    assert_int_equal(link_send(a.link, str_n(big, sizeof big), pipes, 1), 0);
    close(pipes[0]);
    close(pipes[1]);
    for (int i = 0; i < 100 && b.messages < 2; i++)
        turns(1);
    assert_int_equal(b.fd_count, 3);
    assert_int_equal(write(b.fds[1], "through", 7), 7);
    assert_int_equal(read(b.fds[2], text, sizeof text), 7);
    assert_true(fcntl(b.fds[0], F_GETFD) & FD_CLOEXEC);
}

/* What waits holds descriptors of its own; they are not lost with the link. */
static void test_a_full_queue_refuses_and_holds(void **state)
{
    static char big[LINK_PACKET_BYTES];
    int err = 0, nul = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    a.link->queued_bytes_max = 1 << 20;
    for (int i = 0; i < 1000 && err == 0; i++)
        err = link_send(a.link, str_n(big, sizeof big), &nul, 1);
    assert_int_equal(err, ATR_ELIMIT);
    assert_true(a.link->queued_bytes <= 1 << 20);
    assert_true(a.link->queued_bytes > 0);
    close(nul);
    link_close(b.link, 0);
    turns(3);
    assert_int_equal(a.closed, ATR_ECLOSED);
    assert_null(a.link);
}

/* Packets cost what they take in memory, however little they say. */
static void test_many_little_ones_are_too_many(void **state)
{
    int err = 0, sent = 0;

    (void)state;
    a.link->queued_bytes_max = 64 << 10;
    while (err == 0 && sent < 20000 && (err = link_send(a.link, STR("x"), NULL, 0)) == 0)
        sent++;
    assert_int_equal(err, ATR_ELIMIT);
    assert_true(sent < 10000);
}

/* One that found the queue empty may be larger than the queue; then nothing more fits. */
static void test_a_large_one_fills_the_queue(void **state)
{
    static char big[4 << 20];

    (void)state;
    a.link->queued_bytes_max = 64 << 10;
    assert_int_equal(link_send(a.link, str_n(big, sizeof big), NULL, 0), 0);
    assert_true(a.link->queued_bytes > 64 << 10);
    assert_int_equal(link_send(a.link, STR("x"), NULL, 0), ATR_ELIMIT);
    for (int i = 0; i < 1000 && b.messages < 1; i++)
        turns(1);
    assert_int_equal(a.link->queued_bytes, 0);
    assert_int_equal(link_send(a.link, STR("x"), NULL, 0), 0);
}

static void test_the_peer_dies(void **state)
{
    (void)state;
    assert_int_equal(link_send(a.link, STR("last"), NULL, 0), 0);
    link_close(a.link, 0);
    turns(2);
    assert_str(buf_str(&b.heard), "last|");
    assert_int_equal(b.closed, ATR_ECLOSED);
    assert_int_equal(a.closed, 0);
}

static void test_closing_inside_a_message(void **state)
{
    (void)state;
    b.close_on_message = true;
    assert_int_equal(link_send(a.link, STR("one"), NULL, 0), 0);
    assert_int_equal(link_send(a.link, STR("two"), NULL, 0), 0);
    turns(2);
    assert_int_equal(b.messages, 1);
    assert_int_equal(b.closed, 0);
    assert_int_equal(a.closed, ATR_ECLOSED);
}

static void test_nonsense_closes(void **state)
{
    (void)state;
    assert_int_equal(send(a.link->watch.fd, "\x07hello", 6, 0), 6);
    turns(2);
    assert_int_equal(b.closed, ATR_ESYNTAX);
    assert_int_equal(b.messages, 0);
}

static void on_accept(struct link_listener *l, int fd)
{
    (void)l;
    accepted++;
    close(fd);
}

static void test_listens_on_a_path(void **state)
{
    struct link_listener first = { .on_accept = on_accept }, second = { .on_accept = on_accept };
    struct side c = { .closed = 1 };
    char why[ATR_WHY_MAX];
    struct stat st;
    int err = 0;

    (void)state;
    accepted = 0;
    assert_int_equal(link_listen(&first, &loop, path, why), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(link_listen(&second, &loop, path, why), -EADDRINUSE);
    assert_non_null(strstr(why, path));
    assert_non_null(c.link = link_connect(&loop, path, &events, &c, &err));
    pid_t pid;
    uid_t uid;
    assert_int_equal(link_peer(c.link, &pid, &uid), 0);
    assert_int_equal(pid, getpid());
    turns(3);
    assert_true(accepted >= 1); /* the attempt to listen knocked, too */
    assert_int_equal(c.closed, ATR_ECLOSED);
    link_listener_close(&first);
    link_listener_close(&first);
    assert_int_equal(stat(path, &st), -1);
    assert_null(link_connect(&loop, path, &events, &c, &err));
    assert_int_equal(err, -ENOENT);
}

/* One that was killed leaves its path behind. */
static void test_replaces_a_dead_listener(void **state)
{
    struct link_listener l = { .on_accept = on_accept };
    char why[ATR_WHY_MAX];
    int err = 0;

    (void)state;
    assert_int_equal(link_listen(&l, &loop, path, why), 0);
    link_listener_abandon(&l);
    assert_null(link_connect(&loop, path, &events, &a, &err));
    assert_int_equal(err, -ECONNREFUSED);
    assert_int_equal(link_listen(&l, &loop, path, why), 0);
    link_listener_close(&l);
    char long_path[300];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    assert_int_equal(link_listen(&l, &loop, long_path, why), -ENAMETOOLONG);
}

/* Without descriptors it waits a while instead of spinning, and who connects waits with it. */
static void test_rests_without_descriptors(void **state)
{
    struct link_listener l = { .on_accept = on_accept };
    struct side c = { .closed = 1 };
    struct rlimit old, tight;
    char why[ATR_WHY_MAX];
    uint64_t iterations;
    int err = 0, probe;

    (void)state;
    accepted = 0;
    assert_int_equal(link_listen(&l, &loop, path, why), 0);
    assert_non_null(c.link = link_connect(&loop, path, &events, &c, &err));
    probe = dup(0);
    close(probe);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)probe;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    iterations = loop.stats.iterations;
    while (l.rests < 3)
        assert_int_equal(loop_turn(&loop, -1), 0);
    assert_true(loop.stats.iterations - iterations <= 20);
    assert_int_equal(accepted, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    while (!accepted)
        assert_int_equal(loop_turn(&loop, -1), 0);
    link_listener_close(&l);
    if (c.link)
        link_close(c.link, 0);
    turns(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiting_outside_of_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_messages_come_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_descriptors_travel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_queue_refuses_and_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_little_ones_are_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_one_fills_the_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_peer_dies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_inside_a_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nonsense_closes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rests_without_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_listens_on_a_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replaces_a_dead_listener, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
