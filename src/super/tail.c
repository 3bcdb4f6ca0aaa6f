/* super/tail.c - see tail.h. Files are looked at five times a second: following must also work for
 * files that do not exist yet, that are put aside, and that are emptied.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/fields.h"

enum { PIECE_BYTES = 16 * 1024, LOOK_MS = 200 };

struct tail {
    char *path, *label, *app;
    int64_t instance;
    bool error;
    int fd; /* -1: not there */
    ino_t inode;
    off_t at;
    struct buf partial;
};

struct tails {
    struct tail *list;
    size_t count;
    const struct tail_options *options;
};

static void print_line(const struct tails *all, const struct tail *t, str line)
{
    struct buf b = { 0 };

    if (all->options->json) {
        buf_add(&b, STR("{\"message\":"));
        json_write_string(&b, line);
        field_text(&b, "type", t->error ? "err" : "out");
        field_number(&b, "process_id", t->instance);
        field_text(&b, "app_name", t->app);
        buf_byte(&b, '}');
    } else {
        if (!all->options->raw)
            buf_format(&b, "%s | ", t->label);
        buf_add(&b, line);
    }
    buf_byte(&b, '\n');
    (void)fwrite(b.data, 1, b.len, stdout);
    buf_free(&b);
}

static void print_lines(const struct tails *all, struct tail *t, bool rest)
{
    size_t used = 0;
    ptrdiff_t end;

    while (t->partial.len) {
        str left = str_n(t->partial.data + used, t->partial.len - used);
        if ((end = str_find(left, '\n')) < 0)
            break;
        print_line(all, t, str_n(left.p, (size_t)end));
        used += (size_t)end + 1;
    }
    buf_consume(&t->partial, used);
    if (rest && t->partial.len) {
        print_line(all, t, buf_str(&t->partial));
        buf_clear(&t->partial);
    }
}

static bool open_tail(struct tail *t)
{
    struct stat st;

    if ((t->fd = open(t->path, O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    t->inode = fstat(t->fd, &st) == 0 ? st.st_ino : 0;
    t->at = 0;
    return true;
}

/* Where the last n lines begin. */
static off_t last_lines(int fd, unsigned n)
{
    off_t at = lseek(fd, 0, SEEK_END);
    char piece[PIECE_BYTES];
    unsigned ends = 0;

    while (at > 0) {
        off_t from = at > (off_t)sizeof piece ? at - (off_t)sizeof piece : 0;
        ssize_t got = pread(fd, piece, (size_t)(at - from), from);
        for (ssize_t i = got - 1; i >= 0; i--)
            if (piece[i] == '\n' && ends++ == n)
                return from + i + 1;
        if (got <= 0)
            return at;
        at = from;
    }
    return 0;
}

void tail_last(const char *path, unsigned n, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end, at;
    ssize_t got = 0;

    if (fd < 0)
        return;
    at = last_lines(fd, n);
    end = lseek(fd, 0, SEEK_END);
    if (end - at > TAIL_BYTES_MAX)
        at = end - TAIL_BYTES_MAX;
    if (end > at)
        got = pread(fd, buf_extend(out, (size_t)(end - at)), (size_t)(end - at), at);
    out->len -= (size_t)(end - at - (got > 0 ? got : 0));
    close(fd);
}

static bool read_more(const struct tails *all, struct tail *t)
{
    char piece[PIECE_BYTES];
    bool some = false;
    ssize_t n;

    while ((n = pread(t->fd, piece, sizeof piece, t->at)) > 0) {
        buf_append(&t->partial, piece, (size_t)n);
        t->at += n;
        some = true;
        print_lines(all, t, false);
    }
    return some;
}

/* What came since; also in a file that took its place. */
static void follow(const struct tails *all, struct tail *t)
{
    struct stat now;

    if (t->fd < 0 && !open_tail(t))
        return;
    (void)read_more(all, t);
    if (stat(t->path, &now) < 0 || now.st_ino != t->inode) { /* put aside, and read to its end */
        close(t->fd);
        t->fd = -1;
        if (open_tail(t))
            (void)read_more(all, t);
    } else if (now.st_size < t->at) { /* emptied */
        t->at = 0;
        (void)read_more(all, t);
    }
}

static void add(struct tails *all, str i, bool error)
{
    str env = json_get(i, STR("pm2_env"));
    char *path = field_get_text(env, error ? "pm_err_log_path" : "pm_out_log_path");
    char *name = field_get_text(i, "name");
    int64_t number = field_get_number(json_get(i, STR("atrium")), "instance", 0);
    struct buf label = { 0 };

    for (size_t n = 0; path && n < all->count; n++)
        if (!strcmp(all->list[n].path, path)) { /* shared by instances */
            mem_free(path);
            path = NULL;
        }
    if (path && *path) {
        all->list = mem_realloc(all->list, (all->count + 1) * sizeof *all->list);
        buf_format(&label, "%s-%lld", name ? name : "", (long long)number);
        all->list[all->count++] = (struct tail){ .path = str_dup(str_of(path)),
                                                 .label = str_dup(buf_str(&label)),
                                                 .app = str_dup(str_of(name)),
                                                 .instance = number,
                                                 .error = error,
                                                 .fd = -1 };
    }
    buf_free(&label);
    mem_free(path);
    mem_free(name);
}

static void free_all(struct tails *all)
{
    for (size_t n = 0; n < all->count; n++) {
        struct tail *t = &all->list[n];
        if (t->fd >= 0)
            close(t->fd);
        mem_free(t->path);
        mem_free(t->label);
        mem_free(t->app);
        buf_free(&t->partial);
    }
    mem_free(all->list);
}

int tail_logs(str list, const struct tail_options *o)
{
    const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
    struct tails all = { .options = o };
    struct json_iter it;

    json_iter_init(&it, list);
    while (json_iter_next(&it)) {
        if (o->out)
            add(&all, it.value, false);
        if (o->error)
            add(&all, it.value, true);
    }
    for (size_t n = 0; n < all.count; n++) {
        struct tail *t = &all.list[n];
        if (!open_tail(t))
            continue;
        t->at = last_lines(t->fd, o->lines);
        (void)read_more(&all, t);
        if (!o->follow)
            print_lines(&all, t, true);
    }
    while (o->follow && fflush(stdout) == 0) { /* until nobody reads any more */
        for (size_t n = 0; n < all.count; n++)
            follow(&all, &all.list[n]);
        (void)nanosleep(&pause, NULL);
    }
    free_all(&all);
    return 0;
}
