/* tests/unit/super/test_spawn.c - processes that exist before they may run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "super/home.h"
#include "super/proc.h"
#include "super/spawn.h"

static char why[ATR_WHY_MAX];

static struct spawn shell(const char *command, int out, const char *socket)
{
    static char *argv[4] = { "sh", "-c", NULL, NULL }, *envp[] = { "A=b", NULL };

    argv[2] = (char *)(uintptr_t)command;
    return (struct spawn){ .program = "/bin/sh",
                           .argv = argv,
                           .envp = envp,
                           .cwd = "/usr",
                           .out_fd = out,
                           .err_fd = -1,
                           .channel_fd = -1,
                           .socket = socket };
}

static int wait_for(struct spawned *p)
{
    int status;

    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    close(p->pidfd);
    return status;
}

static void it_waits_for_the_word_to_run(void **state)
{
    struct proc_facts before, after;
    struct spawned p;
    int out[2];

    (void)state;
    assert_int_equal(pipe(out), 0);
    struct spawn s = shell("echo $A $PWD; pwd; exit 7", out[1], NULL);
    assert_int_equal(spawn_begin(&s, &p, why), 0);
    assert_int_equal(proc_read(p.pid, &before), 0);
    assert_int_equal(before.parent, getpid());
    assert_int_equal(poll(&(struct pollfd){ .fd = out[0], .events = POLLIN }, 1, 100), 0);
    assert_int_equal(spawn_finish(&p, why), 0);
    close(out[1]);
    char text[64] = "";
    size_t n = 0;
    for (ssize_t got; (got = read(out[0], text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)got;
    close(out[0]);
    assert_string_equal(text, "b /usr\n/usr\n");
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)p.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(proc_read(p.pid, &after), 0);
    assert_int_equal(after.start_ticks, before.start_ticks); /* its name for ever */
    assert_int_equal(after.state, 'Z');
    assert_int_equal(WEXITSTATUS(wait_for(&p)), 7);
    assert_int_equal(proc_read(p.pid, &after), -ESRCH);
}

static void what_cannot_run_says_why(void **state)
{
    struct spawn s = shell("true", -1, NULL);
    struct spawned p;

    (void)state;
    s.program = "/nowhere/program";
    assert_int_equal(spawn_begin(&s, &p, why), 0);
    assert_int_equal(spawn_finish(&p, why), -ENOENT);
    assert_non_null(strstr(why, "run the program"));
    s = shell("true", -1, NULL);
    s.cwd = "/nowhere";
    assert_int_equal(spawn_begin(&s, &p, why), 0);
    assert_int_equal(spawn_finish(&p, why), -ENOENT);
    assert_non_null(strstr(why, "enter its folder"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
}

static void taken_back_it_never_ran(void **state)
{
    char mark[] = "/tmp/atrium-spawn-XXXXXX", command[64];
    struct spawned p;
    int fd = mkstemp(mark);

    (void)state;
    (void)snprintf(command, sizeof command, "rm %s", mark);
    struct spawn s = shell(command, -1, NULL);
    assert_int_equal(spawn_begin(&s, &p, why), 0);
    spawn_cancel(&p);
    assert_int_equal(access(mark, F_OK), 0);
    close(fd);
    unlink(mark);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void its_socket_takes_connections_at_once(void **state)
{
    char folder[] = "/tmp/atrium-spawn-XXXXXX", prefix[64], path[96];
    struct spawned p;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(prefix, sizeof prefix, "%s/worker", folder);
    struct spawn s = shell("test -S /proc/self/fd/3 && read x; exec sleep 100", -1, prefix);
    assert_int_equal(spawn_begin(&s, &p, why), 0);
    assert_int_equal(spawn_finish(&p, why), 0);
    (void)snprintf(path, sizeof path, "%s.%d.sock", prefix, (int)p.pid);
    int fd = home_connect(path, SOCK_SEQPACKET);
    assert_true(fd >= 0);
    assert_true(home_peer_allowed(fd));
    close(fd);
    kill(p.pid, SIGKILL);
    (void)wait_for(&p);
    unlink(path);
    rmdir(folder);
}

static void a_path_too_long_for_an_address(void **state)
{
    char folder[] = "/tmp/atrium-spawn-XXXXXX", path[400];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/%0150d", folder, 0);
    int fd = home_listen(path, SOCK_SEQPACKET);
    assert_int_equal(fd, -ENAMETOOLONG); /* the name itself */
    (void)snprintf(path, sizeof path,
                   "%s/././././././././././././././././././././././././././././"
                   "././././././././././././././a.sock",
                   folder);
    assert_true((fd = home_listen(path, SOCK_SEQPACKET)) >= 0);
    int other = home_connect(path, SOCK_SEQPACKET);
    assert_true(other >= 0);
    close(other);
    close(fd);
    unlink(path);
    rmdir(folder);
}

TEST_MAIN(cmocka_unit_test(it_waits_for_the_word_to_run),
          cmocka_unit_test(what_cannot_run_says_why), cmocka_unit_test(taken_back_it_never_ran),
          cmocka_unit_test(its_socket_takes_connections_at_once),
          cmocka_unit_test(a_path_too_long_for_an_address))
