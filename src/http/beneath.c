/* http/beneath.c - the kernel resolves paths; it is told not to leave the folder.
 *
 * Checking a path first and opening it afterwards would race with whoever may change links in
 * between, so the open itself has to refuse.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: opening a FIFO that somebody put there must not hang the worker. */
enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

int beneath_walk(int folder, const char *path)
{
    int at = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[256];

    while (at >= 0) {
        size_t n = strcspn(path, "/");
        int next = -1, err = 0;
        bool last = path[n] == '\0';

        if (n >= sizeof name)
            err = ENAMETOOLONG;
        memcpy(name, path, err ? 0 : n);
        name[err ? 0 : n] = '\0';
        if (strcmp(name, "..") == 0)
            err = EXDEV;
        if (err == 0) {
            next = openat(at, n ? name : ".",
                          O_NOFOLLOW | (last ? FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC));
            err = errno;
        }
        close(at);
        if (next < 0)
            return -err;
        if (last)
            return next;
        at = next;
        path += n + 1;
    }
    return -errno;
}

int beneath_open(int folder, const char *path)
{
    struct open_how how = { .flags = FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long fd;
    int tries = 3;

    do /* EAGAIN: something was renamed on the way, so that the kernel could not be sure */
        fd = syscall(SYS_openat2, folder, *path ? path : ".", &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && --tries > 0);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return beneath_walk(folder, path);
    return fd < 0 ? -errno : (int)fd;
}
