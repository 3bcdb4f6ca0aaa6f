/* super/spawn.c - see spawn.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "super/home.h"

enum stage { STAGE_CWD, STAGE_DESCRIPTORS, STAGE_SOCKET, STAGE_EXEC };

struct failure {
    enum stage stage;
    int err;
};

/* --- In the new process: nothing here returns to the caller's code. --- */

static void fail(int report_fd, enum stage stage, int err)
{
    struct failure f = { stage, err };

    (void)!write(report_fd, &f, sizeof f);
    _exit(127);
}

static int open_socket(const char *prefix)
{
    char path[HOME_PATH_MAX];

    if (snprintf(path, sizeof path, "%s.%d.sock", prefix, (int)getpid()) >= HOME_PATH_MAX)
        return -ENAMETOOLONG;
    return home_listen(path, SOCK_SEQPACKET);
}

/* Puts the descriptors where the program expects them. Those above are moved out of the way first:
 * any of them may be 0 to 3. */
static int place(int from, int to)
{
    int above;

    if (from < 0)
        return 0;
    if ((above = fcntl(from, F_DUPFD_CLOEXEC, 10)) < 0 || dup2(above, to) < 0)
        return -errno;
    return 0;
}

static void child(const struct spawn *s, int go_fd, int report_fd)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC), channel = s->channel_fd;
    struct sigaction dflt = { .sa_handler = SIG_DFL };
    sigset_t none;
    char go = 0; /* stays so when the supervisor dies before it has said it */
    int err;

    (void)setsid();
    /* High numbers, so that placing 0 to 3 cannot overwrite them. */
    if ((go_fd = fcntl(go_fd, F_DUPFD_CLOEXEC, 10)) < 0 ||
        (report_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, 10)) < 0)
        _exit(127);
    if (s->socket && (channel = open_socket(s->socket)) < 0)
        fail(report_fd, STAGE_SOCKET, channel);
    while (read(go_fd, &go, 1) < 0 && errno == EINTR)
        ;
    if (go != 'g')
        _exit(127);
    if (s->cwd && chdir(s->cwd) < 0)
        fail(report_fd, STAGE_CWD, -errno);
    int out = fcntl(s->out_fd < 0 ? 1 : s->out_fd, F_DUPFD_CLOEXEC, 10);
    int errors = fcntl(s->err_fd < 0 ? 2 : s->err_fd, F_DUPFD_CLOEXEC, 10);
    if (channel >= 0 && (channel = fcntl(channel, F_DUPFD_CLOEXEC, 10)) < 0)
        fail(report_fd, STAGE_DESCRIPTORS, -errno);
    if ((err = place(in, 0)) < 0 || (err = place(out, 1)) < 0 || (err = place(errors, 2)) < 0 ||
        (err = place(channel, SPAWN_FD)) < 0)
        fail(report_fd, STAGE_DESCRIPTORS, err);
    (void)sigaction(SIGPIPE, &dflt, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve(s->program, s->argv, s->envp);
    fail(report_fd, STAGE_EXEC, -errno);
}

/* --- In the supervisor --- */

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int spawn_begin(const struct spawn *s, struct spawned *p, char *why)
{
    int go[2] = { -1, -1 }, report[2] = { -1, -1 }, err;

    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
        goto fail;
    pid_t pid = fork();
    if (pid < 0)
        goto fail;
    if (pid == 0) {
        close(go[1]);
        close(report[0]);
        child(s, go[0], report[1]);
    }
    close_one(&go[0]);
    close_one(&report[1]);
    *p = (struct spawned){ .pid = pid, .go_fd = go[1], .report_fd = report[0] };
    if ((p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0) {
        err = -errno;
        close(p->go_fd);
        close(p->report_fd);
        (void)waitpid(pid, NULL, 0);
        return err_why(why, err, "cannot watch a process: %s", err_text(err));
    }
    return 0;
fail:
    err = -errno;
    for (int i = 0; i < 2; i++) {
        close_one(&go[i]);
        close_one(&report[i]);
    }
    return err_why(why, err, "cannot start a process: %s", err_text(err));
}

static int explain(const struct failure *f, char *why)
{
    static const char *const what[] = { "enter its folder", "take its descriptors",
                                        "make its socket", "run the program" };

    return err_why(why, f->err, "cannot %s: %s", what[f->stage], err_text(f->err));
}

void spawn_cancel(struct spawned *p)
{
    close_one(&p->go_fd);
    close_one(&p->report_fd);
    (void)kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, 0);
    close_one(&p->pidfd);
}

int spawn_finish(struct spawned *p, char *why)
{
    struct failure f;
    ssize_t n = write(p->go_fd, "g", 1);

    if (n == 1)
        do
            n = read(p->report_fd, &f, sizeof f); /* ends with the exec */
        while (n < 0 && errno == EINTR);
    if (n == 0) {
        close_one(&p->go_fd);
        close_one(&p->report_fd);
        return 0;
    }
    spawn_cancel(p);
    if (n == (ssize_t)sizeof f)
        return explain(&f, why);
    return err_why(why, -ECHILD, "the new process ended before it began");
}
