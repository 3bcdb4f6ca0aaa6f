/* super/log_file.c - see log_file.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

enum { PATH_BYTES = 4200 };

static void say(struct log_file *f, const char *event, int err)
{
    if (!f->failing)
        log_event(LOG_ERROR, event, "file=%s error=%s", f->path, err_name(err));
    f->failing = true;
}

static void open_file(struct log_file *f)
{
    struct stat st;

    f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (f->fd < 0) {
        say(f, "log-not-opened", -errno);
        return;
    }
    f->bytes = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static void close_file(struct log_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

struct log_file *log_file_use(struct list *files, const char *path)
{
    struct log_file *f;

    for (struct list *at = files->next; at != files; at = at->next) {
        f = container_of(at, struct log_file, link);
        if (!strcmp(f->path, path)) {
            f->users++;
            return f;
        }
    }
    f = mem_zalloc(sizeof *f);
    f->path = str_dup(str_of(path));
    f->users = 1;
    open_file(f);
    list_append(files, &f->link);
    return f;
}

void log_file_leave(struct log_file *f)
{
    if (--f->users)
        return;
    close_file(f);
    list_remove(&f->link);
    mem_free(f->path);
    mem_free(f);
}

void log_file_reopen(struct log_file *f)
{
    close_file(f);
    f->failing = false;
    open_file(f);
}

void log_file_empty(struct log_file *f)
{
    if (f->fd >= 0 && ftruncate(f->fd, 0) == 0)
        f->bytes = 0;
}

/* FILE.N-1 becomes FILE.N, and so on; FILE becomes FILE.1. */
static void put_aside(struct log_file *f)
{
    char from[PATH_BYTES], to[PATH_BYTES];

    close_file(f);
    for (unsigned n = f->keep; n > 0; n--) {
        (void)snprintf(to, sizeof to, "%s.%u", f->path, n);
        if (n > 1)
            (void)snprintf(from, sizeof from, "%s.%u", f->path, n - 1);
        else
            (void)snprintf(from, sizeof from, "%s", f->path);
        if (rename(from, to) < 0 && errno != ENOENT)
            say(f, "log-not-put-aside", -errno);
    }
    if (!f->keep && truncate(f->path, 0) < 0)
        say(f, "log-not-put-aside", -errno);
    open_file(f);
}

static uint64_t count_lines(str lines)
{
    uint64_t n = 0;

    for (size_t i = 0; i < lines.n; i++)
        n += lines.p[i] == '\n';
    return n;
}

/* As much of the lines as still goes into the file: whole ones, and at least one. */
static str that_fit(const struct log_file *f, str lines)
{
    uint64_t room = f->bytes < f->bytes_max ? f->bytes_max - f->bytes : 0;
    size_t n = room < lines.n ? (size_t)room : lines.n;
    ptrdiff_t first = str_find(lines, '\n');

    if (!f->bytes_max)
        return lines;
    while (n && lines.p[n - 1] != '\n')
        n--;
    return str_n(lines.p, n ? n : first < 0 ? lines.n : (size_t)first + 1);
}

/* Puts the file aside when the next line would make it too large. */
static void make_room(struct log_file *f, str lines)
{
    struct stat st;

    if (!f->bytes_max || f->bytes == 0 || f->bytes + that_fit(f, lines).n <= f->bytes_max)
        return;
    /* Somebody may have emptied it. */
    if (f->fd >= 0 && fstat(f->fd, &st) == 0)
        f->bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    if (f->bytes && f->bytes + that_fit(f, lines).n > f->bytes_max)
        put_aside(f);
}

/* Returns what could not be written. */
static str write_out(struct log_file *f, str lines)
{
    while (lines.n && f->fd >= 0) {
        ssize_t n = write(f->fd, lines.p, lines.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            say(f, "log-not-written", -errno);
            break;
        }
        f->failing = false;
        f->bytes += (uint64_t)n;
        lines = str_n(lines.p + n, lines.n - (size_t)n);
    }
    return lines;
}

void log_file_append(struct log_file *f, str lines)
{
    while (lines.n) {
        make_room(f, lines);
        str part = that_fit(f, lines);

        if (f->fd < 0)
            open_file(f);
        f->dropped += count_lines(write_out(f, part));
        lines = str_n(lines.p + part.n, lines.n - part.n);
    }
}
