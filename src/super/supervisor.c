/* super/supervisor.c - see supervisor.h. Start reading at supervisor_run().
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "super/date_format.h"
#include "super/service.h"
#include "super/state.h"

enum { TICK_MS = 1000, STALL_MS = 3000, LOG_BYTES_MAX = 10 << 20, LAST_LINES_MS = 2000 };
enum { TAKE_OVER_MS = 10000, TAKE_OVER_LOOK_MS = 20 };

/* --- Its own log: super.log, or standard error in the foreground --- */

static void sink(void *user, enum log_level level, const char *line)
{
    struct buf b = { 0 };

    (void)user, (void)level;
    date_format(&b, "YYYY-MM-DDTHH:mm:ss.SSSZ ", clock_wall_ms());
    buf_add(&b, str_of(line));
    buf_byte(&b, '\n');
    (void)!write(2, b.data, b.len); /* there is nowhere to complain */
    buf_free(&b);
}

static void open_log(const struct home *h)
{
    char path[HOME_PATH_MAX];
    int fd = open(home_file(h, "super.log", path),
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0)
        return;
    (void)dup2(fd, 1);
    (void)dup2(fd, 2);
    close(fd);
}

static void limit_log(struct supervisor *s)
{
    char path[HOME_PATH_MAX], aside[HOME_PATH_MAX];
    struct stat st;

    if (s->foreground || fstat(2, &st) < 0 || st.st_size < LOG_BYTES_MAX)
        return;
    (void)rename(home_file(&s->home, "super.log", path), home_file(&s->home, "super.log.1", aside));
    open_log(&s->home);
}

void supervisor_reopen_logs(struct supervisor *s)
{
    if (!s->foreground)
        open_log(&s->home);
    logs_reopen(&s->logs);
}

/* --- Watching --- */

static void on_tick(struct timer *t)
{
    struct supervisor *s = container_of(t, struct supervisor, tick);
    uint64_t now = s->loop.now_ms;
    /* If we were stopped ourselves, what workers said meanwhile has not been read yet. */
    bool judge = now - s->ticked_ms < STALL_MS;
    struct list *at, *after, *in, *next;

    s->ticked_ms = now;
    list_each(at, after, &s->services)
    {
        struct service *service = container_of(at, struct service, in_supervisor);
        list_each(in, next, &service->processes)
        {
            process_tick(container_of(in, struct process, in_service), judge);
        }
        renewal_tick(&service->renewal);
    }
    limit_log(s);
    loop_timer(&s->loop, t, TICK_MS);
}

/* --- The end --- */

static bool all_gone(const struct supervisor *s)
{
    for (struct list *at = s->services.next; at != &s->services; at = at->next)
        if (!list_empty(&container_of(at, struct service, in_supervisor)->processes))
            return false;
    return true;
}

static bool nothing_wanted(const struct supervisor *s)
{
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        const struct service *service = container_of(at, struct service, in_supervisor);
        for (struct list *in = service->instances.next; in != &service->instances; in = in->next)
            if (container_of(in, struct instance, in_service)->wanted)
                return false;
    }
    return true;
}

/* Ends when everything has, once that is wanted: by a command, or in the foreground because there
 * is nothing left to do. */
static void look_for_end(struct supervisor *s)
{
    bool idle = s->foreground && !list_empty(&s->services) && nothing_wanted(s);

    if ((s->ending || idle) && all_gone(s))
        loop_stop(&s->loop);
}

static bool all_settled(const struct supervisor *s)
{
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        const struct service *service = container_of(at, struct service, in_supervisor);
        for (struct list *in = service->instances.next; in != &service->instances; in = in->next)
            if (!instance_settled(container_of(in, struct instance, in_service)))
                return false;
    }
    return true;
}

/* What follows from changes of this iteration, once. */
static void settle(struct loop_job *job)
{
    struct supervisor *s = container_of(job, struct supervisor, settle);
    char why[ATR_WHY_MAX] = "";

    if (state_save(s, why) < 0) {
        s->saves_failed++;
        log_event(LOG_ERROR, "state-not-saved", "%s", why);
    }
    if (!s->notify.ready && all_settled(s))
        notify_ready(&s->notify);
    look_for_end(s);
}

void supervisor_changed(struct supervisor *s)
{
    loop_defer(&s->loop, &s->settle);
    control_changed(&s->control);
}

void supervisor_end(struct supervisor *s)
{
    struct list *at, *after, *in, *next;

    s->ending = true;
    notify_stopping(&s->notify);
    list_each(at, after, &s->services)
    {
        struct service *service = container_of(at, struct service, in_supervisor);
        list_each(in, next, &service->instances)
        {
            instance_stop(container_of(in, struct instance, in_service));
        }
    }
    supervisor_changed(s);
}

/* --- Signals --- */

/* Children of ours, and in a container those of others that were left to us. */
static void reap_children(struct supervisor *s)
{
    siginfo_t info = { 0 };
    struct process *p;

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
        if ((p = process_find(s, info.si_pid)))
            process_look(p);
        /* Reaped already, or nobody we know. */
        (void)waitid(P_PID, (id_t)info.si_pid, &(siginfo_t){ 0 }, WEXITED | WNOHANG);
        info.si_pid = 0;
    }
}

static void forward(struct supervisor *s, int signal)
{
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        struct service *service = container_of(at, struct service, in_supervisor);
        for (struct list *in = service->processes.next; in != &service->processes; in = in->next)
            process_signal(container_of(in, struct process, in_service), signal);
    }
}

/* Ends as if it had died: applications go on, and the next supervisor adopts them. */
static void leave(struct supervisor *s)
{
    char why[ATR_WHY_MAX] = "";

    if (state_save(s, why) < 0)
        log_event(LOG_ERROR, "state-not-saved", "%s", why);
    log_event(LOG_INFO, "supervisor-left", "pid=%d", (int)getpid());
    notify_stopping(&s->notify);
    _exit(0);
}

static void on_signal(struct watch *w, uint32_t events)
{
    struct supervisor *s = container_of(w, struct supervisor, signals);
    struct signalfd_siginfo info;

    (void)events;
    while (w->fd >= 0 && read(w->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int signal = (int)info.ssi_signo;

        if (signal == SIGCHLD) {
            reap_children(s);
        } else if (signal == SIGUSR1) {
            log_event(LOG_INFO, "logs-reopened", "cause=signal");
            supervisor_reopen_logs(s);
        } else if (signal == SIGTERM || signal == SIGINT) {
            log_event(LOG_INFO, "ending", "signal=%d", signal);
            supervisor_end(s);
        } else if (signal == SIGQUIT) {
            leave(s);
        } else {
            forward(s, signal);
        }
    }
}

static int watch_signals(struct supervisor *s)
{
    static const int watched[] = { SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT };
    sigset_t set;
    int fd;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaddset(&set, watched[i]);
    signal(SIGPIPE, SIG_IGN);
    s->signals = (struct watch){ .fd = -1, .on_events = on_signal };
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
        (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return -errno;
    return loop_watch(&s->loop, &s->signals, fd, EPOLLIN);
}

/* --- One per folder --- */

int supervisor_lock(const struct home *h, char *why)
{
    char path[HOME_PATH_MAX], pid[32];
    int fd = open(home_file(h, "super.pid", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0)
        return err_why(why, -errno, "cannot write %s: %s", path, err_text(-errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        n = read(fd, pid, sizeof pid - 1);
        pid[n > 0 ? n : 0] = 0;
        pid[strcspn(pid, "\n")] = 0;
        close(fd);
        return err_why(why, ATR_EEXISTS, "a supervisor runs already in %s (pid %s)", h->path, pid);
    }
    n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || write(fd, pid, (size_t)n) != n) {
        int err = -errno;
        close(fd);
        return err_why(why, err, "cannot write %s: %s", path, err_text(err));
    }
    return fd;
}

/* Instead of one that runs: it is told to leave its applications alone, and they are adopted. */
static int take_over(const struct home *h, char *why)
{
    const struct timespec pause = { .tv_nsec = TAKE_OVER_LOOK_MS * 1000000 };
    uint64_t deadline = clock_mono_ms() + TAKE_OVER_MS;
    char path[HOME_PATH_MAX];
    struct buf text = { 0 };
    uint64_t pid = 0;
    int lock = supervisor_lock(h, why);

    if (lock != ATR_EEXISTS)
        return lock;
    if (home_read(home_file(h, "super.pid", path), &text) == 0 &&
        str_to_u64(str_n(text.data, text.len ? text.len - 1 : 0), INT32_MAX, &pid) == 0 && pid > 1)
        (void)kill((pid_t)pid, SIGQUIT);
    buf_free(&text);
    while (lock == ATR_EEXISTS && clock_mono_ms() < deadline) {
        (void)nanosleep(&pause, NULL);
        lock = supervisor_lock(h, why);
    }
    return lock;
}

/* Sockets of processes that are no more; those that live answer. Pipes that nobody told of. And
 * folders of workers' sockets, when there are no workers. */
static void remove_stale(struct supervisor *s)
{
    char folder[HOME_PATH_MAX], path[HOME_PATH_MAX], name[300];
    DIR *d = opendir(home_file(&s->home, "run", folder));
    struct dirent *entry;

    while (d && (entry = readdir(d))) {
        str own = str_of(entry->d_name);

        (void)snprintf(name, sizeof name, "run/%s", entry->d_name);
        (void)home_file(&s->home, name, path);
        if ((str_ends(own, STR(".out")) || str_ends(own, STR(".err"))) &&
            !logs_know(&s->logs, path))
            (void)unlink(path);
        if (str_ends(own, STR(".peers")) && !s->adopted)
            home_remove(path);
        if (!str_ends(own, STR(".sock")))
            continue;
        int fd = home_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK);
        if (fd >= 0)
            close(fd);
        else if (fd == -ECONNREFUSED)
            (void)unlink(path);
    }
    if (d)
        closedir(d);
}

/* --- Life --- */

static int open_all(struct supervisor *s, char *why)
{
    int err;

    list_init(&s->services);
    timer_init(&s->tick, on_tick);
    loop_job_init(&s->settle, settle);
    s->started_wall_ms = clock_wall_ms();
    if ((err = loop_init(&s->loop)) < 0 || (err = watch_signals(s)) < 0)
        return err_why(why, err, "cannot start: %s", err_text(err));
    notify_open(&s->notify, &s->loop);
    logs_init(&s->logs, s);
    if ((err = control_open(&s->control, s, why)) < 0)
        return err;
    /* Children of programs that end before them: nobody else would reap them in a container. */
    if (s->foreground)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    s->ticked_ms = s->loop.now_ms;
    loop_timer(&s->loop, &s->tick, TICK_MS);
    state_adopt(s);
    remove_stale(s);
    supervisor_changed(s);
    return 0;
}

/* The last lines of programs that have ended are still in their pipes. */
static void finish_logs(struct supervisor *s)
{
    uint64_t deadline = clock_mono_ms() + LAST_LINES_MS;

    while (!list_empty(&s->logs.streams) && s->logs.link && clock_mono_ms() < deadline)
        (void)loop_turn(&s->loop, 50);
}

static void close_all(struct supervisor *s)
{
    char path[HOME_PATH_MAX];

    finish_logs(s);
    control_close(&s->control);
    logs_close(&s->logs);
    notify_close(&s->notify);
    loop_timer_stop(&s->loop, &s->tick);
    list_remove(&s->settle.link);
    list_remove(&s->control.look.link);
    while (!list_empty(&s->services)) {
        struct service *service = container_of(s->services.next, struct service, in_supervisor);
        while (!list_empty(&service->instances))
            instance_remove(container_of(service->instances.next, struct instance, in_service),
                            HEIR_NOBODY);
        service_free(service);
    }
    list_remove(&s->settle.link);
    list_remove(&s->control.look.link);
    int fd = s->signals.fd;
    loop_unwatch(&s->loop, &s->signals);
    close(fd);
    loop_fini(&s->loop);
    (void)unlink(home_file(&s->home, "run/state.json", path));
}

int supervisor_run(const struct home *home, enum supervisor_mode mode, const char *request)
{
    bool foreground = mode == SUPERVISOR_FOREGROUND, service = mode == SUPERVISOR_SERVICE;
    struct supervisor s = { .home = *home, .foreground = foreground, .service = service };
    char why[ATR_WHY_MAX] = "";
    int lock = service ? take_over(home, why) : supervisor_lock(home, why);

    /* One that was here since the machine started has left what runs, not what was saved. */
    if (service && state_exists(home))
        request = NULL;

    if (lock < 0) {
        fprintf(stderr, "atrium: %s\n", why);
        return lock == ATR_EEXISTS ? SUPER_EXIT_TAKEN : 1;
    }
    if (!foreground)
        open_log(home);
    log_set_sink(sink, NULL);
    if (open_all(&s, why) < 0) {
        fprintf(stderr, "atrium: %s\n", why);
        return 1;
    }
    log_event(LOG_INFO, "supervisor-started", "pid=%d home=%s adopted=%llu", (int)getpid(),
              home->path, (unsigned long long)s.adopted);
    if (request)
        control_do(&s.control, str_of(request));
    bool refused = foreground && request && list_empty(&s.services); /* said already */
    int err = refused ? -1 : loop_run(&s.loop);
    close_all(&s);
    log_event(LOG_INFO, "supervisor-ended", "pid=%d", (int)getpid());
    (void)!ftruncate(lock, 0); /* not removed: another may wait for it */
    close(lock);
    return err < 0 ? 1 : s.ending ? 0 : s.exit_status;
}
