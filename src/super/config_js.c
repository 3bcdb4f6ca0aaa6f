/* super/config_js.c - see config_js.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/config_js.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES_MAX = 16 << 20, NOT_FOUND = 127, RESULT_FD = 3 };

/* The result goes to a descriptor of its own: the module may print. */
static const char script[] =
    "import('node:url').then((url) => import(url.pathToFileURL(process.argv[1])))"
    ".then((m) => require('node:fs').writeSync(3, JSON.stringify(m.default ?? { ...m })),"
    " (e) => { console.error(String(e && e.stack || e)); process.exit(1); });";

static void child(const char *path, int out)
{
    (void)dup2(2, 1);
    if (dup2(out, RESULT_FD) >= 0) /* clears close-on-exec */
        (void)execlp("node", "node", "-e", script, path, (char *)NULL);
    _exit(errno == ENOENT ? NOT_FOUND : NOT_FOUND - 1);
}

static int read_all(int fd, struct buf *out)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && out->len + (size_t)n > BYTES_MAX)
            return ATR_ELIMIT;
        buf_append(out, piece, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

int config_js_read(const char *path, struct buf *out, char *why)
{
    size_t before = out->len;
    int fds[2], status = 0, err;

    if (pipe(fds) < 0)
        return err_why(why, -errno, "cannot run node: %s", err_text(-errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child(path, fds[1]);
    }
    close(fds[1]);
    err = pid < 0 ? -errno : read_all(fds[0], out);
    close(fds[0]);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    if (err < 0)
        return err_why(why, err, "cannot read what %s exports: %s", path, err_text(err));
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        return err_why(why, -ENOENT,
                       "%s is a program for Node, and node is not installed; write the same as "
                       "JSON or YAML",
                       path);
    if (status != 0)
        return err_why(why, ATR_ESCRIPT, "%s failed; what it said is above", path);
    if (out->len == before)
        return err_why(why, ATR_ETYPE, "%s exports nothing", path);
    return 0;
}
