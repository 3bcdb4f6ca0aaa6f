/* app/centre.c - `atrium centre`: the process that keeps what the applications of a user know
 * together (store/centre_server.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "atrium/app.h"
#include "store/centre_server.h"
#include "super/home.h"

enum { LOOK_MS = 1000, EXIT_TAKEN = 3, LINGER_S_MAX = 7 * 86400 };

struct process {
    struct loop loop;
    struct watch signals;
    struct timer look;
    struct centre *centre;
    uint64_t idle_since_ms, linger_ms; /* linger_ms 0: for ever */
    int status;
};

struct words { /* of the command line */
    const char *path, *listen;
    bool full, background;
    uint64_t linger_s, bytes_max;
};

static void usage(FILE *out)
{
    fprintf(out, "Usage: atrium centre [--path FILE] [--listen SOCKET] [--sync normal|full]\n"
                 "                     [--max-bytes N] [--linger SECONDS] [--background]\n"
                 "Keeps what applications share: keys, leases, logs, rooms (docs/store.md).\n"
                 "Without --path and --listen: centre.db and centre.sock in the folder centre of\n"
                 "ATRIUM_HOME, where applications look for it.\n");
}

/* --- The process --- */

static void on_failed(void *user, int err, const char *why)
{
    struct process *p = user;

    (void)err;
    fprintf(stderr, "atrium: %s\n", why);
    p->status = EXIT_FAILED;
    loop_stop(&p->loop);
}

static void on_signal(struct watch *w, uint32_t events)
{
    struct process *p = container_of(w, struct process, signals);
    struct signalfd_siginfo info;

    (void)events;
    if (read(w->fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop_stop(&p->loop);
}

static int watch_signals(struct process *p, char *why)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* of a terminal that goes */
    p->signals = (struct watch){ .fd = -1, .on_events = on_signal };
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
        (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return err_why(why, -errno, "cannot watch signals: %s", err_text(-errno));
    return loop_watch(&p->loop, &p->signals, fd, EPOLLIN);
}

/* A centre that was started for somebody ends when it has been of use to nobody for a while. */
static void on_look(struct timer *t)
{
    struct process *p = container_of(t, struct process, look);
    struct centre_facts facts;

    centre_facts(p->centre, &facts);
    if (facts.connected)
        p->idle_since_ms = p->loop.now_ms;
    else if (p->loop.now_ms - p->idle_since_ms >= p->linger_ms)
        loop_stop(&p->loop);
    loop_timer(&p->loop, t, LOOK_MS);
}

static int serve(const struct words *w)
{
    static struct process p;
    char why[ATR_WHY_MAX] = "";
    struct centre_options o = { .path = w->path,
                                .listen = w->listen,
                                .full = w->full,
                                .bytes_max = w->bytes_max,
                                .on_failed = on_failed,
                                .user = &p };
    int err;

    if ((err = loop_init(&p.loop)) < 0 || (err = watch_signals(&p, why)) < 0 ||
        (err = centre_open(&p.centre, &p.loop, &o, why)) < 0) {
        fprintf(stderr, "atrium: %s\n", why[0] ? why : err_text(err));
        return err == -EBUSY || err == -EADDRINUSE ? EXIT_TAKEN : EXIT_FAILED;
    }
    printf("Atrium %s keeps %s and is listening on %s\n", atr_version(), w->path, w->listen);
    fflush(stdout);
    timer_init(&p.look, on_look);
    p.linger_ms = w->linger_s * 1000;
    p.idle_since_ms = p.loop.now_ms;
    if (p.linger_ms)
        loop_timer(&p.loop, &p.look, LOOK_MS);
    if ((err = loop_run(&p.loop)) < 0)
        p.status = EXIT_FAILED;
    centre_close(p.centre);
    return p.status;
}

/* --- The command line --- */

static int usual_places(struct words *w, char *why)
{
    static char path[HOME_PATH_MAX], listen[HOME_PATH_MAX], folder[HOME_PATH_MAX];
    struct home home;
    int err;

    if (w->path && w->listen)
        return 0;
    if ((err = home_open(&home, why)) < 0)
        return err;
    if (mkdir(home_file(&home, "centre", folder), 0700) < 0 && errno != EEXIST)
        return err_why(why, -errno, "cannot make %s: %s", folder, err_text(-errno));
    if (!w->path)
        w->path = home_file(&home, "centre/centre.db", path);
    if (!w->listen)
        w->listen = home_file(&home, "centre/centre.sock", listen);
    return 0;
}

static int read_flag(struct words *w, const char *name, const char *value, char *why)
{
    if (!strcmp(name, "--path"))
        w->path = value;
    else if (!strcmp(name, "--listen"))
        w->listen = value;
    else if (!strcmp(name, "--sync") && (!strcmp(value, "full") || !strcmp(value, "normal")))
        w->full = !strcmp(value, "full");
    else if (!strcmp(name, "--sync"))
        return err_why(why, ATR_ERANGE, "--sync is normal or full, not \"%s\"", value);
    else if (!strcmp(name, "--linger")) {
        if (str_to_u64(str_of(value), LINGER_S_MAX, &w->linger_s) < 0)
            return err_why(why, ATR_ERANGE, "--linger is a number of seconds, at most %d",
                           LINGER_S_MAX);
    } else if (!strcmp(name, "--max-bytes")) {
        if (str_to_u64(str_of(value), 1ull << 40, &w->bytes_max) < 0 || w->bytes_max < 1 << 20)
            return err_why(why, ATR_ERANGE, "--max-bytes is a number from 1048576 on");
    } else {
        return err_why(why, ATR_EUNKNOWN, "unknown flag \"%s\"", name);
    }
    return 0;
}

static int read_words(struct words *w, int argc, char **argv, char *why)
{
    int err = 0;

    for (int i = 1; i < argc && !err; i++) {
        char *equals = strchr(argv[i], '=');

        if (!strcmp(argv[i], "--background")) {
            w->background = true;
            continue;
        }
        if (equals)
            *equals = '\0';
        if (!equals && i + 1 >= argc)
            return err_why(why, ATR_ESYNTAX, "\"%s\" wants a value", argv[i]);
        err = read_flag(w, argv[i], equals ? equals + 1 : argv[i + 1], why);
        i += !equals;
    }
    return err;
}

/* Goes on in a process that nobody waits for; its output goes where it went. */
static bool go_to_background(void)
{
    pid_t pid = fork();

    if (pid > 0)
        _exit(EXIT_OK);
    if (pid == 0)
        (void)setsid();
    return pid == 0;
}

int command_centre(int argc, char **argv)
{
    char why[ATR_WHY_MAX] = "";
    struct words w = { 0 };

    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        usage(stdout);
        return EXIT_OK;
    }
    if (read_words(&w, argc, argv, why) < 0) {
        fprintf(stderr, "atrium: %s\n\n", why);
        usage(stderr);
        return EXIT_USAGE;
    }
    if (usual_places(&w, why) < 0) {
        fprintf(stderr, "atrium: %s\n", why);
        return EXIT_FAILED;
    }
    (void)umask(077); /* what is kept is for its user alone */
    if (w.background && !go_to_background()) {
        fprintf(stderr, "atrium: cannot fork: %s\n", err_text(-errno));
        return EXIT_FAILED;
    }
    return serve(&w);
}
