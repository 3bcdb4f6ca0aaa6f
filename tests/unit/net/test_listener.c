/* tests/unit/net/test_listener.c - binding, accepting, running out of descriptors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"

static struct loop loop;
static char why[ATR_WHY_MAX];
static int taken[256], taken_count;
static bool close_on_accept;

static int setup(void **state)
{
    (void)state;
    taken_count = 0;
    close_on_accept = false;
    why[0] = '\0';
    return loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    while (taken_count > 0)
        close(taken[--taken_count]);
    assert_int_equal(loop.timers.count, 0);
    loop_fini(&loop);
    return 0;
}

static void on_accept(struct listener *l, int fd)
{
    assert_true(taken_count < 256);
    taken[taken_count++] = fd;
    if (close_on_accept)
        listener_close(l);
}

static int dial(int family, const char *host, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err;

    if (family == AF_INET) {
        assert_int_equal(inet_pton(family, host, &in.sin_addr), 1);
        err = connect(fd, (struct sockaddr *)&in, sizeof in);
    } else {
        assert_int_equal(inet_pton(family, host, &in6.sin6_addr), 1);
        err = connect(fd, (struct sockaddr *)&in6, sizeof in6);
    }
    if (err < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;

    if (fd >= 0)
        close(fd);
    return yes;
}

static void both_families_by_default(void **state)
{
    static const char *const hosts[] = { NULL, "" };
    (void)state;

    for (int i = 0; i < 2; i++) {
        struct listener l = { .on_accept = on_accept };
        int a, b = -1;
        assert_int_equal(listener_open(&l, &loop, hosts[i], 0, why), 0);
        assert_true(l.port > 0);
        assert_true((a = dial(AF_INET, "127.0.0.1", l.port)) >= 0);
        if (has_ipv6())
            assert_true((b = dial(AF_INET6, "::1", l.port)) >= 0);
        assert_int_equal(loop_turn(&loop, -1), 0);
        assert_int_equal(l.accepted, b < 0 ? 1 : 2);
        listener_close(&l);
        listener_close(&l);
        close(a);
        if (b >= 0)
            close(b);
    }
}

static void accepted_sockets_are_set_up(void **state)
{
    struct listener l = { .on_accept = on_accept };
    int nodelay = 0, fd;
    socklen_t len = sizeof nodelay;
    (void)state;

    assert_int_equal(listener_open(&l, &loop, "127.0.0.1", 0, why), 0);
    fd = dial(AF_INET, "127.0.0.1", l.port);
    assert_int_equal(loop_turn(&loop, -1), 0);
    assert_int_equal(taken_count, 1);
    assert_true(fcntl(taken[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(taken[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(getsockopt(taken[0], IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
    assert_true(nodelay);
    assert_true(fcntl(l.watch.fd, F_GETFD) & FD_CLOEXEC);
    listener_close(&l);
    close(fd);
}

static void taken_port_is_named(void **state)
{
    struct listener a = { .on_accept = on_accept }, b = { .on_accept = on_accept };
    char want[128];
    (void)state;

    assert_int_equal(listener_open(&a, &loop, "127.0.0.1", 0, why), 0);
    assert_int_equal(listener_open(&b, &loop, "127.0.0.1", a.port, why), -EADDRINUSE);
    snprintf(want, sizeof want, "port %d is already in use on 127.0.0.1", a.port);
    assert_string_equal(why, want);
    assert_int_equal(b.watch.fd, -1);
    listener_close(&b); /* failing left nothing open, and this is fine */
    assert_int_equal(listener_open(&b, &loop, NULL, a.port, why), -EADDRINUSE);
    snprintf(want, sizeof want, "port %d is already in use on %s", a.port,
             has_ipv6() ? "::" : "0.0.0.0");
    assert_string_equal(why, want);
    listener_close(&a);
    /* A port that was in use a moment ago can be had again. */
    assert_int_equal(listener_open(&b, &loop, "127.0.0.1", a.port, why), 0);
    listener_close(&b);
}

static void bad_hosts_are_named(void **state)
{
    struct listener l = { .on_accept = on_accept };
    (void)state;

    assert_int_equal(listener_open(&l, &loop, "203.0.113.1", 0, why), -EADDRNOTAVAIL);
    assert_string_equal(why, "203.0.113.1 is not an address of this machine");
    assert_int_equal(listener_open(&l, &loop, "no such host", 0, why), ATR_EUNKNOWN);
    assert_non_null(strstr(why, "cannot resolve host 'no such host'"));
    assert_int_equal(listener_open(&l, &loop, "no such host", 0, NULL), ATR_EUNKNOWN);
    assert_int_equal(l.watch.fd, -1);
}

/* More connections than one batch: all are accepted, in several turns. */
static void batches(void **state)
{
    struct listener l = { .on_accept = on_accept };
    int fds[150];
    (void)state;

    assert_int_equal(listener_open(&l, &loop, "127.0.0.1", 0, why), 0);
    for (int i = 0; i < 150; i++)
        assert_true((fds[i] = dial(AF_INET, "127.0.0.1", l.port)) >= 0);
    assert_int_equal(loop_turn(&loop, -1), 0);
    assert_int_equal(taken_count, 64);
    while (taken_count < 150)
        assert_int_equal(loop_turn(&loop, -1), 0);
    listener_close(&l);
    for (int i = 0; i < 150; i++)
        close(fds[i]);
}

static void closing_within_on_accept(void **state)
{
    struct listener l = { .on_accept = on_accept };
    int a, b;
    (void)state;

    close_on_accept = true;
    assert_int_equal(listener_open(&l, &loop, "127.0.0.1", 0, why), 0);
    a = dial(AF_INET, "127.0.0.1", l.port);
    b = dial(AF_INET, "127.0.0.1", l.port);
    assert_int_equal(loop_turn(&loop, -1), 0);
    assert_int_equal(taken_count, 1);
    close(a);
    close(b);
}

/* Without descriptors the listener rests instead of spinning, and goes on later. */
static void rests_when_descriptors_run_out(void **state)
{
    struct listener l = { .on_accept = on_accept };
    struct rlimit old, tight;
    uint64_t turns;
    int fd, probe;
    (void)state;

    assert_int_equal(listener_open(&l, &loop, "127.0.0.1", 0, why), 0);
    fd = dial(AF_INET, "127.0.0.1", l.port);
    probe = dup(fd);
    close(probe);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)probe;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(loop_turn(&loop, -1), 0);
    assert_int_equal(l.refused, 1);
    assert_int_equal(taken_count, 0);
    turns = loop.stats.iterations;
    while (l.refused < 3)
        assert_int_equal(loop_turn(&loop, -1), 0);
    assert_true(loop.stats.iterations - turns <= 20);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    while (taken_count == 0)
        assert_int_equal(loop_turn(&loop, -1), 0);
    assert_int_equal(l.accepted, 1);
    listener_close(&l);
    close(fd);
}

static void closing_while_resting(void **state)
{
    struct listener l = { .on_accept = on_accept };
    struct rlimit old, tight;
    int fd, probe;
    (void)state;

    assert_int_equal(listener_open(&l, &loop, "127.0.0.1", 0, why), 0);
    fd = dial(AF_INET, "127.0.0.1", l.port);
    probe = dup(fd);
    close(probe);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)probe;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(loop_turn(&loop, -1), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(loop.timers.count, 1);
    listener_close(&l);
    assert_int_equal(loop.timers.count, 0);
    close(fd);
}

/* --- Sockets of another process --- */

static int lent_fd, lent_times;

static int lend(void *lender, const char *host, uint16_t port, char *text)
{
    (void)host;
    assert_ptr_equal(lender, &lent_times);
    lent_times++;
    return port == 1 ? err_why(text, ATR_EREFUSED, "not to you")
                     : fcntl(lent_fd, F_DUPFD_CLOEXEC, 0);
}

static void a_socket_may_be_lent(void **state)
{
    struct listener one = { .on_accept = on_accept }, two = { .on_accept = on_accept };

    (void)state;
    lent_times = 0;
    assert_true((lent_fd = listener_bind("127.0.0.1", 0, why)) >= 0);
    loop.lend_listener = lend;
    loop.lender = &lent_times;
    assert_int_equal(listener_open(&one, &loop, "127.0.0.1", 1, why), ATR_EREFUSED);
    assert_string_equal(why, "not to you");
    listener_close(&one); /* was never open */
    assert_int_equal(listener_open(&one, &loop, NULL, 0, why), 0);
    assert_int_equal(listener_open(&two, &loop, NULL, 0, why), 0);
    assert_int_equal(lent_times, 3);
    assert_true(one.port != 0);
    assert_int_equal(one.port, two.port);
    listener_close(&one); /* the other one goes on */
    int fd = dial(AF_INET, "127.0.0.1", two.port);
    for (int i = 0; i < 100 && !taken_count; i++)
        assert_int_equal(loop_turn(&loop, 100), 0);
    assert_int_equal(taken_count, 1);
    assert_int_equal(two.accepted, 1);
    close(fd);
    listener_close(&two);
    close(lent_fd);
    loop.lend_listener = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TEST_MAIN(TEST(both_families_by_default), TEST(accepted_sockets_are_set_up),
          TEST(taken_port_is_named), TEST(bad_hosts_are_named), TEST(batches),
          TEST(closing_within_on_accept), TEST(rests_when_descriptors_run_out),
          TEST(closing_while_resting), TEST(a_socket_may_be_lent))
