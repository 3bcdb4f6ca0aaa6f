/* net/watcher.h - files and folders under watch (inotify): the owner is told when one changed.
 *
 * A folder is watched with everything below it, also what comes later; links in it are not
 * followed. What was named is watched by its name as well, so it may be replaced (as editors do,
 * by renaming) or go and come again. A file has changed when somebody who wrote it has closed it,
 * not while it is being written.
 *
 * The owner hears of a change once per batch of events: to wait until all is quiet is its business.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_WATCHER_H
#define NET_WATCHER_H

#include "net/loop.h"

enum { WATCHER_FOLDERS_MAX = 100000 };

struct watcher_hooks {
    /* Whether the path is of no interest; a folder is then not looked into. */
    bool (*leaves_out)(void *owner, const char *path, bool folder);
    /* One of the paths that changed. May close the watcher. */
    void (*on_change)(void *owner, const char *path);
    /* Something is not watched, and why. Once, however much it is. */
    void (*on_trouble)(void *owner, int err, const char *why);
};

struct watcher;

/* NULL with the reason in why: a user may have so many (fs.inotify.max_user_instances). */
struct watcher *watcher_new(struct loop *l, const struct watcher_hooks *hooks, void *owner,
                            char *why);
/* Adds an absolute path: of a file, a folder, or one that is not there yet. The folder it is in has
 * to be there. */
int watcher_add(struct watcher *w, const char *path, char *why) MUST_CHECK;
void watcher_close(struct watcher *w); /* at any time; no callback follows */
size_t watcher_folders(const struct watcher *w);

#endif
