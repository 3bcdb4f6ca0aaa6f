/* app/store.c - see store.h.
 *
 * Whoever finds no centre starts one, in the background: not the supervisor, which workers outlive.
 * Several at once are no harm, since one has the file and the others end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/store.h"
#include "base/assert.h"
#include "base/log.h"
#include "super/home.h"
#include "super/proc.h"

#define LINGER_S "60" /* how long a centre that nobody uses stays */
enum { REAP_MS = 500 };

static char place_name[129];
static pid_t starter; /* the process that goes to the background; 0: none */
static struct timer reaper;
static struct loop *loop;

static int socket_path(void *user, char out[STORE_PATH_MAX], char *why)
{
    struct home home;
    int err;

    (void)user;
    if ((err = home_open(&home, why)) < 0)
        return err;
    static_assert((int)STORE_PATH_MAX == (int)HOME_PATH_MAX, "home_file() writes that much");
    (void)home_file(&home, "centre/centre.sock", out);
    return 0;
}

/* What a centre in the background says. */
static int open_log(char *why)
{
    char path[HOME_PATH_MAX];
    struct home home;
    int err, fd;

    if ((err = home_open(&home, why)) < 0)
        return err;
    if (mkdir(home_file(&home, "centre", path), 0700) < 0 && errno != EEXIST)
        return err_why(why, -errno, "cannot make %s: %s", path, err_text(-errno));
    fd = open(home_file(&home, "centre/centre.log", path),
              O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : err_why(why, -errno, "cannot open %s: %s", path, err_text(-errno));
}

static int spawn_centre(int log_fd)
{
    static char *const argv[] = { "atrium", "centre", "--background", "--linger", LINGER_S, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    int err;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, log_fd, 1);
    posix_spawn_file_actions_adddup2(&files, log_fd, 2);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    err = posix_spawn(&starter, proc_own_program(), &files, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return -err;
}

static void on_reap(struct timer *t)
{
    if (waitpid(starter, NULL, WNOHANG) == 0)
        loop_timer(loop, t, REAP_MS);
    else
        starter = 0;
}

static void start(void *user)
{
    char why[ATR_WHY_MAX] = "";
    int err, fd;

    (void)user;
    if (starter) /* the last one has not even begun */
        return;
    if ((fd = open_log(why)) < 0) {
        log_event(LOG_ERROR, "centre-failed", "%s", why);
        return;
    }
    if ((err = spawn_centre(fd)) < 0) {
        starter = 0;
        log_event(LOG_ERROR, "centre-failed", "error=%s", err_name(err));
    } else {
        log_event(LOG_INFO, "centre-started", "pid=%d", (int)starter);
        loop_timer(loop, &reaper, REAP_MS);
    }
    close(fd);
}

/* "chat" of "apps/chat.lua": as the supervisor names it. */
static void name_of(const char *file)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    const char *dot = strrchr(base, '.');

    snprintf(place_name, sizeof place_name, "%.*s", dot && dot > base ? (int)(dot - base) : 128,
             base);
}

void store_place(atr_app *app, const char *name, const char *file, bool shared)
{
    loop = &app->loop;
    timer_init(&reaper, on_reap);
    if (name)
        snprintf(place_name, sizeof place_name, "%s", name);
    else
        name_of(file);
    app_place_store(app, &(struct app_store_place){ .name = place_name,
                                                    .shared = shared,
                                                    .path = socket_path,
                                                    .start = start });
}
