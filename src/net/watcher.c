/* net/watcher.c - see watcher.h. Start reading at take().
 *
 * The kernel watches folders, each by itself: a spot per folder. One that is `whole` tells of all
 * that happens in it; the others are there for the names of roots alone. What is below a folder is
 * found by reading it after its watch is set, so nothing can come in between unseen.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/watcher.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"

enum { WATCHED = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE };

struct spot {
    struct list in_watcher;
    int wd; /* the key of the map */
    bool whole, read;
    char *path;
};

struct root {
    struct list in_watcher;
    char *path;
};

struct watcher {
    struct watch watch;
    struct loop *loop;
    const struct watcher_hooks *hooks;
    void *owner;
    struct map spots;
    struct list order, roots; /* of struct spot, struct root */
    char *changed;            /* the first of this batch; NULL: none */
    bool troubled;
    struct loop_job reaper;
    bool closing;
};

static str key_of(const struct spot *s)
{
    return str_n(&s->wd, sizeof s->wd);
}

static void trouble(struct watcher *w, int err, const char *path)
{
    char why[ATR_WHY_MAX];

    if (w->troubled)
        return;
    w->troubled = true;
    if (err == -ENOSPC)
        (void)err_why(why, err,
                      "%s and perhaps more is not watched: this user's inotify watches are used "
                      "up (raise fs.inotify.max_user_watches, or leave folders out)",
                      path);
    else if (err == ATR_ELIMIT)
        (void)err_why(why, err, "%s and more is not watched: there are more than %d folders", path,
                      (int)WATCHER_FOLDERS_MAX);
    else
        (void)err_why(why, err, "%s is not watched: %s", path, err_text(err));
    w->hooks->on_trouble(w->owner, err, why);
}

/* --- Spots --- */

static struct spot *add_spot(struct watcher *w, const char *path, bool whole, int *err)
{
    int wd = w->spots.count < WATCHER_FOLDERS_MAX
                 ? inotify_add_watch(w->watch.fd, path, WATCHED | IN_ONLYDIR)
                 : -1;
    struct spot *s;

    if (wd < 0) {
        *err = w->spots.count < WATCHER_FOLDERS_MAX ? -errno : ATR_ELIMIT;
        return NULL;
    }
    if (!(s = map_get(&w->spots, str_n(&wd, sizeof wd)))) {
        s = mem_zalloc(sizeof *s);
        s->wd = wd;
        s->path = str_dup(str_of(path));
        list_append(&w->order, &s->in_watcher);
        (void)map_put(&w->spots, key_of(s), s);
    }
    s->whole |= whole;
    return s;
}

static void drop_spot(struct watcher *w, struct spot *s)
{
    (void)map_remove(&w->spots, key_of(s));
    list_remove(&s->in_watcher);
    mem_free(s->path);
    mem_free(s);
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

/* The folder was moved away: the kernel's watches would go with it. */
static void forget(struct watcher *w, const char *folder)
{
    struct list *at, *after;

    list_each(at, after, &w->order)
    {
        struct spot *s = container_of(at, struct spot, in_watcher);

        if (!s->whole || !is_below(s->path, folder))
            continue;
        (void)inotify_rm_watch(w->watch.fd, s->wd);
        drop_spot(w, s);
    }
}

static bool is_folder(const char *path, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Adds the folders in s. Whether there are files of interest. */
static bool read_spot(struct watcher *w, struct spot *s)
{
    char path[PATH_MAX];
    struct dirent *entry;
    bool files = false;
    DIR *d = opendir(s->path);
    int err;

    s->read = true;
    while (d && (entry = readdir(d))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            snprintf(path, sizeof path, "%s/%s", s->path, entry->d_name) >= (int)sizeof path)
            continue;
        bool folder = is_folder(path, entry);

        if (w->hooks->leaves_out(w->owner, path, folder))
            continue;
        files |= !folder;
        if (folder && !add_spot(w, path, true, &err) && err != -ENOENT && err != -ENOTDIR)
            trouble(w, err, path);
    }
    if (d)
        closedir(d);
    return files;
}

/* Watches the folder and those below it. Whether files of interest were found. A file is none. */
static bool look_into(struct watcher *w, const char *folder)
{
    bool files = false;
    int err;

    if (!add_spot(w, folder, true, &err)) {
        if (err != -ENOENT && err != -ENOTDIR)
            trouble(w, err, folder);
        return false;
    }
    /* New ones are appended, so the walk comes to them. */
    for (struct list *at = w->order.next; at != &w->order; at = at->next) {
        struct spot *s = container_of(at, struct spot, in_watcher);
        if (s->whole && !s->read)
            files |= read_spot(w, s);
    }
    return files;
}

/* --- Roots --- */

static bool is_root(const struct watcher *w, const char *path)
{
    for (struct list *at = w->roots.next; at != &w->roots; at = at->next)
        if (!strcmp(container_of(at, struct root, in_watcher)->path, path))
            return true;
    return false;
}

static int watch_root(struct watcher *w, const struct root *r, bool *files, char *why)
{
    const char *slash = strrchr(r->path, '/');
    char parent[PATH_MAX];
    int err = 0;

    (void)snprintf(parent, sizeof parent, "%.*s", slash > r->path ? (int)(slash - r->path) : 1,
                   r->path);
    if (r->path[1] && !add_spot(w, parent, false, &err))
        return err == -ENOSPC
                   ? err_why(why, err,
                             "cannot watch %s: this user's inotify watches are used up (raise "
                             "fs.inotify.max_user_watches)",
                             r->path)
                   : err_why(why, err, "cannot watch %s: %s: %s", r->path, parent, err_text(err));
    *files |= look_into(w, r->path);
    return 0;
}

/* What may have come or been missed. Whether files were found in what is new. */
static bool look_again(struct watcher *w)
{
    char why[ATR_WHY_MAX];
    bool files = false;

    for (struct list *at = w->roots.next; at != &w->roots; at = at->next)
        (void)watch_root(w, container_of(at, struct root, in_watcher), &files, why);
    return files;
}

int watcher_add(struct watcher *w, const char *path, char *why)
{
    struct root *r;
    bool files = false;

    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return err_why(why, -EINVAL, "cannot watch \"%.100s\": not an absolute path", path);
    r = mem_zalloc(sizeof *r);
    r->path = str_dup(str_of(path));
    list_append(&w->roots, &r->in_watcher);
    return watch_root(w, r, &files, why);
}

/* --- Events --- */

static void changed(struct watcher *w, const char *path)
{
    if (!w->changed)
        w->changed = str_dup(str_of(path));
}

static void take_folder(struct watcher *w, const char *path, uint32_t mask)
{
    if (mask & IN_MOVED_FROM)
        forget(w, path);
    if (mask & (IN_CREATE | IN_MOVED_TO)) {
        bool files = look_into(w, path);
        if (look_again(w) || files)
            changed(w, path);
    } else {
        changed(w, path);
    }
}

/* A file that was made is written next, and closed; but not a link. */
static bool is_complete(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_nlink > 1);
}

static void take(struct watcher *w, const struct inotify_event *e)
{
    struct spot *s = map_get(&w->spots, str_n(&e->wd, sizeof e->wd));
    char path[PATH_MAX];

    if (e->mask & IN_Q_OVERFLOW) { /* whatever it was */
        (void)look_again(w);
        changed(w, "");
        return;
    }
    if (!s)
        return;
    if (e->mask & IN_IGNORED) { /* the folder is no more */
        drop_spot(w, s);
        return;
    }
    if (!e->len || snprintf(path, sizeof path, "%s/%s", s->path[1] ? s->path : "", e->name) >=
                       (int)sizeof path)
        return;
    if ((!s->whole && !is_root(w, path)) ||
        w->hooks->leaves_out(w->owner, path, e->mask & IN_ISDIR))
        return;
    if (e->mask & IN_ISDIR) {
        take_folder(w, path, e->mask);
    } else if (!(e->mask & IN_CREATE) || is_complete(path)) {
        if (is_root(w, path)) { /* perhaps a link that leads to another folder now */
            forget(w, path);
            (void)look_again(w);
        }
        changed(w, path);
    }
}

static void on_events(struct watch *watch, uint32_t events)
{
    struct watcher *w = container_of(watch, struct watcher, watch);
    uint8_t *at = w->loop->read_buffer;
    ssize_t n = read(watch->fd, at, LOOP_READ_BYTES);
    const uint8_t *end = at + (n > 0 ? n : 0);

    (void)events;
    while (at < end) {
        const struct inotify_event *e = (const void *)at;

        take(w, e);
        at += sizeof *e + e->len;
    }
    if (w->changed) {
        char *path = w->changed;

        w->changed = NULL;
        w->hooks->on_change(w->owner, path);
        mem_free(path);
    }
}

/* --- Life --- */

struct watcher *watcher_new(struct loop *l, const struct watcher_hooks *hooks, void *owner,
                            char *why)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), err = -errno;

    if (fd < 0) {
        (void)err_why(why, err, "cannot watch files: %s",
                      err == -EMFILE ? "this user's inotify instances are used up (raise "
                                       "fs.inotify.max_user_instances)"
                                     : err_text(err));
        return NULL;
    }
    struct watcher *w = mem_zalloc(sizeof *w);

    w->loop = l;
    w->hooks = hooks;
    w->owner = owner;
    w->watch = (struct watch){ .fd = -1, .on_events = on_events };
    list_init(&w->order);
    list_init(&w->roots);
    if ((err = loop_watch(l, &w->watch, fd, EPOLLIN)) < 0) {
        (void)err_why(why, err, "cannot watch files: %s", err_text(err));
        close(fd);
        mem_free(w);
        return NULL;
    }
    return w;
}

static void reap(struct loop_job *job)
{
    struct watcher *w = container_of(job, struct watcher, reaper);

    while (!list_empty(&w->order))
        drop_spot(w, container_of(w->order.next, struct spot, in_watcher));
    while (!list_empty(&w->roots)) {
        struct root *r = container_of(w->roots.next, struct root, in_watcher);
        list_remove(&r->in_watcher);
        mem_free(r->path);
        mem_free(r);
    }
    map_free(&w->spots);
    mem_free(w);
}

void watcher_close(struct watcher *w)
{
    int fd;

    if (!w || w->closing)
        return;
    w->closing = true;
    fd = w->watch.fd;
    loop_unwatch(w->loop, &w->watch);
    close(fd);
    loop_job_init(&w->reaper, reap);
    loop_doom(w->loop, &w->reaper);
}

size_t watcher_folders(const struct watcher *w)
{
    return w->spots.count;
}
