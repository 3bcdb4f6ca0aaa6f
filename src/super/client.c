/* super/client.c - see client.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/link.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/proc.h"
#include "super/supervisor.h"

enum { START_MS = 30000, LOOK_MS = 20 };

struct ask {
    struct loop loop;
    struct link *link; /* NULL once it has closed */
    struct buf *answer;
    int err; /* of the connection, before there was an answer */
    bool answered;
};

static void on_message(struct link *l, str json, const int *fds, size_t count)
{
    struct ask *a = l->owner;

    while (count)
        close(fds[--count]);
    a->answered = true;
    buf_add(a->answer, json);
    loop_stop(&a->loop);
}

static void on_close(struct link *l, int err)
{
    struct ask *a = l->owner;

    a->link = NULL;
    if (!a->answered)
        a->err = err ? err : ATR_ECLOSED;
    loop_stop(&a->loop);
}

static const struct link_events events = { .on_message = on_message, .on_close = on_close };

static int connect_super(const struct home *h)
{
    char path[HOME_PATH_MAX];
    int fd = home_connect(home_file(h, "super.sock", path), SOCK_SEQPACKET);

    return fd == -ECONNREFUSED ? -ENOENT : fd; /* a socket that somebody left behind */
}

static int judge(str answer, char *why)
{
    char *error;

    if (json_check(answer, JSON_DEPTH) < 0)
        return err_why(why, ATR_EPROTOCOL, "the supervisor's answer is not JSON");
    if (field_get_bool(answer, "ok"))
        return 0;
    error = field_get_text(answer, "error");
    (void)err_why(why, 0, "%s", error ? error : "the supervisor refused");
    mem_free(error);
    return ATR_EREFUSED;
}

int client_ask(const struct home *h, str request, struct buf *answer, char *why)
{
    struct ask a = { .answer = answer };
    int fd = connect_super(h), err;
    size_t before = answer->len;

    if (fd < 0)
        return err_why(why, fd, "no supervisor runs in %s", h->path);
    if ((err = loop_init(&a.loop)) < 0 || !(a.link = link_new(&a.loop, fd, &events, &a)))
        return err_why(why, err < 0 ? err : -ENOMEM, "cannot ask the supervisor");
    if ((err = link_send(a.link, request, NULL, 0)) == 0)
        err = loop_run(&a.loop);
    if (a.link)
        link_close(a.link, 0);
    loop_fini(&a.loop);
    if (a.answered)
        return judge(str_n(answer->data + before, answer->len - before), why);
    return err_why(why, a.err ? a.err : err, "the supervisor ended before it answered");
}

/* --- Starting one --- */

static void become_supervisor(const struct home *h)
{
    int null = open("/dev/null", O_RDONLY);

    (void)setsid();
    (void)dup2(null, 0);
    (void)syscall(SYS_close_range, 3U, ~0U, 0U);
    if (chdir("/") == 0 && setenv("ATRIUM_HOME", h->path, 1) == 0)
        (void)execl(proc_own_program(), "atrium", "supervisor", (char *)NULL);
    _exit(127);
}

int client_ensure(const struct home *h, char *why)
{
    uint64_t deadline = clock_mono_ms() + START_MS;
    const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
    int fd = connect_super(h), status = 0;

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    pid_t pid = fork();
    if (pid < 0)
        return err_why(why, -errno, "cannot start a supervisor: %s", err_text(-errno));
    if (pid == 0)
        become_supervisor(h);
    while ((fd = connect_super(h)) < 0) {
        bool ended = pid && waitpid(pid, &status, WNOHANG) == pid;

        if (ended && WIFEXITED(status) && WEXITSTATUS(status) == SUPER_EXIT_TAKEN)
            pid = 0; /* another one was quicker; it will be there in a moment */
        else if (ended)
            return err_why(why, ATR_EUNKNOWN, "the supervisor ended at once; see %s/super.log",
                           h->path);
        if (clock_mono_ms() > deadline)
            return err_why(why, ATR_ETIMEOUT, "the supervisor does not answer; see %s/super.log",
                           h->path);
        (void)nanosleep(&pause, NULL);
    }
    close(fd);
    return 0;
}
