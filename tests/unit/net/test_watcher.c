/* tests/unit/net/test_watcher.c - real files, really written, renamed and removed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/watcher.h"

static struct loop loop;
static struct watcher *watcher;
static char top[64], heard[4096], said[ATR_WHY_MAX];
static int changes, troubles;

static bool leaves_out(void *owner, const char *path, bool folder)
{
    (void)owner, (void)folder;
    return strstr(path, "/skip") != NULL;
}

static void on_change(void *owner, const char *path)
{
    (void)owner;
    changes++;
    (void)snprintf(heard, sizeof heard, "%s", path);
}

static void on_trouble(void *owner, int err, const char *why)
{
    (void)owner, (void)err;
    troubles++;
    (void)snprintf(said, sizeof said, "%s", why);
}

static const struct watcher_hooks hooks = { .leaves_out = leaves_out,
                                            .on_change = on_change,
                                            .on_trouble = on_trouble };

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static const char *in_top(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", top, name);
    return path;
}

static int setup(void **state)
{
    char why[ATR_WHY_MAX];

    (void)state;
    changes = troubles = 0;
    (void)snprintf(top, sizeof top, "/tmp/atrium-watcher-XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(loop_init(&loop), 0);
    watcher = watcher_new(&loop, &hooks, NULL, why);
    assert_non_null(watcher);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watcher_close(watcher);
    assert_int_equal(loop_turn(&loop, 0), 0);
    loop_fini(&loop);
    return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void add(const char *path)
{
    char why[ATR_WHY_MAX] = "";

    if (watcher_add(watcher, path, why) < 0)
        fail_msg("%s", why);
}

static void write_file(const char *name)
{
    int fd = open(in_top(name), O_WRONLY | O_CREAT | O_APPEND, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

/* What was done is in the queue already: one turn takes all of it. Forgets it afterwards. */
static int heard_of(const char *name)
{
    int n;

    assert_int_equal(loop_turn(&loop, 0), 0);
    n = changes;
    changes = 0;
    if (n && name)
        assert_string_equal(heard, in_top(name));
    return n;
}

static void a_folder_is_watched_with_all_below(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_top("a"), 0700), 0);
    assert_int_equal(mkdir(in_top("a/b"), 0700), 0);
    assert_int_equal(mkdir(in_top("skipped"), 0700), 0);
    add(top);
    write_file("x.lua");
    assert_int_equal(heard_of("x.lua"), 1);
    write_file("a/b/deep.lua");
    assert_int_equal(heard_of("a/b/deep.lua"), 1);
    write_file("skipped/no.lua");
    write_file("a/skip.lua");
    assert_int_equal(heard_of(NULL), 0);
    assert_int_equal(unlink(in_top("x.lua")), 0);
    assert_int_equal(heard_of("x.lua"), 1);
    assert_int_equal(chmod(in_top("a/b/deep.lua"), 0400), 0);
    assert_int_equal(heard_of(NULL), 0);
}

static void new_folders_are_watched_and_an_empty_one_is_no_change(void **state)
{
    (void)state;
    add(top);
    assert_int_equal(mkdir(in_top("new"), 0700), 0);
    assert_int_equal(heard_of(NULL), 0);
    write_file("new/a.lua");
    assert_int_equal(heard_of("new/a.lua"), 1);
    /* Filled before we come to look. */
    assert_int_equal(mkdir(in_top("quick"), 0700), 0);
    assert_int_equal(mkdir(in_top("quick/er"), 0700), 0);
    write_file("quick/er/a.lua");
    assert_int_equal(heard_of("quick"), 1);
    write_file("quick/er/b.lua");
    assert_int_equal(heard_of("quick/er/b.lua"), 1);
}

static void a_file_counts_when_it_is_closed_and_editors_may_rename(void **state)
{
    int fd;

    (void)state;
    write_file("app.lua");
    write_file("other.lua");
    add(in_top("app.lua"));
    write_file("other.lua");
    assert_int_equal(heard_of(NULL), 0);
    fd = open(in_top("app.lua"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "y", 1), 1);
    assert_int_equal(heard_of(NULL), 0); /* half of it may be missing */
    close(fd);
    assert_int_equal(heard_of("app.lua"), 1);
    for (int i = 0; i < 3; i++) { /* a new file each time */
        write_file("app.lua.tmp");
        assert_int_equal(rename(in_top("app.lua.tmp"), in_top("app.lua")), 0);
        assert_int_equal(heard_of("app.lua"), 1);
    }
    assert_int_equal(unlink(in_top("app.lua")), 0);
    assert_int_equal(heard_of("app.lua"), 1);
    write_file("app.lua");
    assert_int_equal(heard_of("app.lua"), 1);
}

static void folders_move_go_and_come_again(void **state)
{
    size_t before;

    (void)state;
    assert_int_equal(mkdir(in_top("src"), 0700), 0);
    assert_int_equal(mkdir(in_top("src/sub"), 0700), 0);
    write_file("src/sub/a.lua");
    add(in_top("src"));
    before = watcher_folders(watcher);
    assert_int_equal(rename(in_top("src/sub"), in_top("away")), 0);
    assert_int_equal(heard_of("src/sub"), 1);
    write_file("away/a.lua");
    assert_int_equal(heard_of(NULL), 0);
    assert_int_equal(watcher_folders(watcher), before - 1);
    assert_int_equal(rename(in_top("away"), in_top("src/again")), 0);
    assert_int_equal(heard_of("src/again"), 1);
    write_file("src/again/a.lua");
    assert_int_equal(heard_of("src/again/a.lua"), 1);
    /* The root itself, as a build does. */
    assert_int_equal(rename(in_top("src"), in_top("old")), 0);
    assert_int_equal(heard_of("src"), 1);
    assert_int_equal(mkdir(in_top("src"), 0700), 0);
    write_file("src/a.lua");
    assert_int_equal(heard_of("src"), 1);
    write_file("src/b.lua");
    write_file("old/again/a.lua");
    assert_int_equal(heard_of("src/b.lua"), 1);
}

static void a_link_is_followed_where_it_was_named_and_when_it_is_turned(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_top("v1"), 0700), 0);
    assert_int_equal(mkdir(in_top("v2"), 0700), 0);
    assert_int_equal(symlink("v1", in_top("current")), 0);
    add(in_top("current"));
    write_file("v1/a.lua");
    assert_int_equal(heard_of("current/a.lua"), 1);
    write_file("v2/a.lua");
    assert_int_equal(heard_of(NULL), 0);
    assert_int_equal(symlink("v2", in_top("next")), 0);
    assert_int_equal(rename(in_top("next"), in_top("current")), 0);
    assert_int_equal(heard_of("current"), 1);
    write_file("v2/a.lua");
    assert_int_equal(heard_of("current/a.lua"), 1);
    write_file("v1/a.lua");
    assert_int_equal(heard_of(NULL), 0);
}

static void what_cannot_be_watched_is_named(void **state)
{
    char why[ATR_WHY_MAX] = "";

    (void)state;
    assert_int_equal(watcher_add(watcher, in_top("no/such.lua"), why), -ENOENT);
    assert_non_null(strstr(why, "/no: "));
    assert_int_equal(watcher_add(watcher, "relative", why), -EINVAL);
    assert_int_equal(heard_of(NULL), 0);
}

/* In a user namespace of its own the limit is ours to set. 77: this machine allows none. */
static int with_five_watches(void)
{
    char name[32];
    int fd;

    if (unshare(CLONE_NEWUSER) < 0 ||
        (fd = open("/proc/sys/user/max_inotify_watches", O_WRONLY)) < 0 || write(fd, "5", 1) != 1)
        return 77;
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        if (mkdir(in_top(name), 0700) < 0)
            return 1;
    }
    struct watcher *w = watcher_new(&loop, &hooks, NULL, said);
    if (!w || watcher_add(w, top, said) < 0 || troubles != 1 || watcher_folders(w) != 5 ||
        !strstr(said, "max_user_watches"))
        return 2;
    write_file("a.lua"); /* what is watched is */
    return loop_turn(&loop, 0) < 0 || changes != 1 ? 3 : 0;
}

static void a_limit_is_told_once(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    if ((pid = fork()) == 0)
        _exit(with_five_watches());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_folder_is_watched_with_all_below),
        T(new_folders_are_watched_and_an_empty_one_is_no_change),
        T(a_file_counts_when_it_is_closed_and_editors_may_rename),
        T(folders_move_go_and_come_again),
        T(a_link_is_followed_where_it_was_named_and_when_it_is_turned),
        T(what_cannot_be_watched_is_named),
        T(a_limit_is_told_once),
    };

    return cmocka_run_group_tests_name("net/watcher", tests, NULL, NULL);
}
