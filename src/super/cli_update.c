/* super/cli_update.c - `atrium update`: everything goes on in this version of the program.
 *
 * The supervisor that runs leaves its processes running, one of this version adopts them, and then
 * each application of ours is reloaded: its connections move to workers of this version.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/json.h"
#include "super/cli.h"
#include "super/client.h"
#include "super/fields.h"

enum { LEAVE_MS = 30000 }; /* for the old supervisor to write down what runs, and to end */

/* Has the supervisor end alone. */
static int end_supervisor(pid_t pid, char *why)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), err;
    struct pollfd p = { .fd = fd, .events = POLLIN };

    if (fd < 0)
        return errno == ESRCH ? 0 : err_why(why, -errno, "cannot watch process %d", (int)pid);
    if (kill(pid, SIGQUIT) < 0)
        err = err_why(why, -errno, "cannot tell process %d to end: %s", (int)pid, err_text(-errno));
    else if (poll(&p, 1, LEAVE_MS) <= 0)
        err = err_why(why, ATR_ETIMEOUT, "the supervisor (process %d) did not end within %d s",
                      (int)pid, LEAVE_MS / 1000);
    else
        err = 0;
    close(fd);
    return err;
}

static int look(const struct cli *c, pid_t *pid, char *why)
{
    struct buf request = { 0 }, answer = { 0 };
    int err;

    cli_begin(&request, "ping");
    err = cli_ask(c, &request, false, &answer, why);
    *pid = (pid_t)field_get_number(buf_str(&answer), "pid", 0);
    if (err == 0 && field_get_bool(buf_str(&answer), "foreground"))
        err = err_why(why, ATR_ESTATE,
                      "the supervisor runs in the foreground: whoever started it must start it "
                      "anew (systemctl restart; SIGQUIT ends it and leaves workers running); then "
                      "atrium reload all");
    buf_free(&request);
    buf_free(&answer);
    return err;
}

static int reload_all(const struct cli *c, char *why)
{
    struct buf request = { 0 }, answer = { 0 };
    int err;

    cli_begin(&request, "reload");
    field_json(&request, "targets", STR("[\"all\"]"));
    if ((err = cli_ask(c, &request, true, &answer, why)) == 0)
        cli_print_list(c, buf_str(&answer));
    buf_free(&request);
    buf_free(&answer);
    return err;
}

int cli_update(const struct cli *c)
{
    char why[ATR_WHY_MAX] = "";
    pid_t pid;

    if (look(c, &pid, why) < 0 || end_supervisor(pid, why) < 0 ||
        client_ensure(&c->home, why) < 0 || reload_all(c, why) < 0)
        return cli_fail(why);
    return 0;
}
