/* super/home.c - see home.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 64, READ_BYTES = 1 << 16 };

static int make(const char *path, char *why)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return err_why(why, -errno, "cannot make %s: %s", path, err_text(-errno));
}

/* Refuses a folder that others may write to: they could put sockets of their own there. */
static int check(const char *path, char *why)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_why(why, -errno, "%s: %s", path, err_text(-errno));
    if (!S_ISDIR(st.st_mode))
        return err_why(why, -ENOTDIR, "ATRIUM_HOME %s is not a folder", path);
    if (st.st_uid != geteuid())
        return err_why(why, -EACCES, "ATRIUM_HOME %s belongs to another user", path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return err_why(why, -EACCES, "ATRIUM_HOME %s may be written by others: chmod 700 it", path);
    return 0;
}

int home_open(struct home *h, char *why)
{
    const char *given = getenv("ATRIUM_HOME"), *user = getenv("HOME");
    char here[HOME_PATH_MAX] = "", sub[HOME_PATH_MAX];
    int err, n;

    if (!user || *user != '/') {
        const struct passwd *pw = getpwuid(geteuid());
        user = pw ? pw->pw_dir : "/";
    }
    if (given && *given && *given != '/' && !getcwd(here, sizeof here))
        return err_why(why, -errno, "cannot find the working folder: %s", err_text(-errno));
    if (given && *given)
        n = snprintf(h->path, sizeof h->path, "%s%s%s", here, *here ? "/" : "", given);
    else
        n = snprintf(h->path, sizeof h->path, "%s/.atrium", user);
    if (n + 128 >= HOME_PATH_MAX)
        return err_why(why, -ENAMETOOLONG, "ATRIUM_HOME is too long");
    if ((err = make(h->path, why)) < 0 || (err = check(h->path, why)) < 0 ||
        (err = make(home_file(h, "logs", sub), why)) < 0)
        return err;
    return make(home_file(h, "run", sub), why);
}

const char *home_file(const struct home *h, const char *name, char *out)
{
    (void)snprintf(out, HOME_PATH_MAX, "%.*s/%s", HOME_PATH_MAX - 300, h->path, name);
    return out;
}

int home_address(const char *path, struct sockaddr_un *a, int *folder_fd)
{
    const char *slash = strrchr(path, '/');
    char folder[HOME_PATH_MAX];
    int n;

    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    *folder_fd = -1;
    if (strlen(path) < sizeof a->sun_path) {
        strcpy(a->sun_path, path);
        return 0;
    }
    n = snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (n >= HOME_PATH_MAX || (*folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        return -errno;
    n = snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d%s", *folder_fd, slash);
    if (n < (int)sizeof a->sun_path)
        return 0;
    close(*folder_fd);
    return -ENAMETOOLONG;
}

/* A socket of that type, connected or listening. */
static int open_at(const char *path, int type, bool listening)
{
    struct sockaddr_un a;
    int folder, err = home_address(path, &a, &folder), fd = -1;

    if (err < 0)
        return err;
    if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) < 0) {
        err = -errno;
    } else if (listening) {
        (void)unlink(a.sun_path);
        mode_t mask = umask(0177);
        if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, BACKLOG) < 0)
            err = -errno;
        (void)umask(mask);
    } else if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        err = -errno;
    }
    if (folder >= 0)
        close(folder);
    if (err == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return err;
}

int home_connect(const char *path, int type)
{
    return open_at(path, type, false);
}

int home_listen(const char *path, int type)
{
    return open_at(path, type, true);
}

bool home_peer_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

int home_write(const char *path, str text)
{
    char fresh[HOME_PATH_MAX + 8];
    size_t at = 0;
    int err = 0;

    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    while (err == 0 && at < text.n) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno != EINTR)
            err = -errno;
    }
    if (close(fd) < 0 && err == 0)
        err = -errno;
    if (err == 0 && rename(fresh, path) < 0)
        err = -errno;
    if (err < 0)
        (void)unlink(fresh);
    return err;
}

int home_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    do {
        uint8_t *room = buf_extend(out, READ_BYTES);
        n = read(fd, room, READ_BYTES);
        out->len -= READ_BYTES - (n > 0 ? (size_t)n : 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    int err = n < 0 ? -errno : 0;
    close(fd);
    return err;
}

void home_remove(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    (void)rmdir(path);
}

void home_clean_name(const char *name, char *out, size_t size)
{
    size_t n = 0;

    for (; *name && n + 1 < size; name++) {
        bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                     (*name >= '0' && *name <= '9') || *name == '_' || *name == '-' ||
                     (*name == '.' && n);
        out[n++] = plain ? *name : '-';
    }
    out[n] = 0;
}
