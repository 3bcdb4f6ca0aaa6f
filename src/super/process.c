/* super/process.c - see process.h. Start reading at process_spawn() and look(). What a worker says
 * is in worker_link.c, how a process is ended in leave.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "super/apps_file.h"
#include "super/fields.h"
#include "super/node_ipc.h"
#include "super/proc.h"
#include "super/service.h"
#include "super/spawn.h"
#include "super/state.h"
#include "super/supervisor.h"
#include "super/worker_link.h"

static struct supervisor *supervisor_of(const struct process *p)
{
    return p->service->supervisor;
}

bool process_is_atrium(const struct process *p)
{
    return p->socket != NULL;
}

uint64_t process_uptime_ms(const struct process *p)
{
    return supervisor_of(p)->loop.now_ms - p->spawned_ms;
}

/* --- The end --- */

static void reap(struct loop_job *job)
{
    struct process *p = container_of(job, struct process, reaper);

    mem_free(p->socket);
    mem_free(p->complaint);
    mem_free(p);
}

/* Takes it out of everything; the memory lives until the end of the iteration. */
static void detach(struct process *p)
{
    struct loop *l = &supervisor_of(p)->loop;
    int fd = p->pidfd.fd;

    p->phase = PROCESS_GONE;
    loop_timer_stop(l, &p->deadline);
    if (fd >= 0) {
        loop_unwatch(l, &p->pidfd);
        close(fd);
    }
    if (p->link)
        link_close(p->link, 0);
    node_ipc_close(&p->ipc, l);
    if (p->socket)
        (void)unlink(p->socket);
    list_remove(&p->in_service);
    loop_doom(l, &p->reaper);
}

/* What a child of ours ended with. Its descendants go with it: as long as it is not reaped, its
 * process group is nobody else's. */
static void take_status(struct process *p, struct exit_fact *f, int *signal)
{
    bool tree = spec_number(&p->service->spec, SPEC_KEY_treekill);
    siginfo_t info = { 0 };

    if (tree)
        (void)kill(-p->pid, SIGKILL);
    if (!p->child || waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return;
    f->known = true;
    f->code = info.si_code == CLD_EXITED ? info.si_status : -1;
    *signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
}

static void gone(struct process *p)
{
    struct exit_fact f = { .uptime_ms = process_uptime_ms(p), .code = -1 };
    struct service *service = p->service;
    struct instance *i = p->instance;
    int signal = 0;

    take_status(p, &f, &signal);
    log_event(p->phase == PROCESS_LEAVING ? LOG_INFO : LOG_WARN, "process-ended",
              "app=%s instance=%u pid=%d code=%d signal=%d known=%s uptime_ms=%llu cause=%s",
              service_name(service), p->number, (int)p->pid, f.code, signal, f.known ? "yes" : "no",
              (unsigned long long)f.uptime_ms,
              p->killed_for                 ? p->killed_for
              : p->phase == PROCESS_LEAVING ? "asked"
                                            : "itself");
    detach(p);
    if (i)
        instance_process_gone(i, p, &f, signal);
    service_go_on(service);
}

void process_look(struct process *p)
{
    siginfo_t info = { 0 };
    struct proc_facts facts;

    if (p->phase == PROCESS_GONE)
        return;
    if (p->child ? waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                       info.si_pid == p->pid
                 : proc_read(p->pid, &facts) < 0 || facts.start_ticks != p->start_ticks ||
                       facts.state == 'Z')
        gone(p);
}

static void on_pidfd(struct watch *w, uint32_t events)
{
    (void)events;
    process_look(container_of(w, struct process, pidfd));
}

/* --- The beginning --- */

static void on_deadline(struct timer *t)
{
    struct process *p = container_of(t, struct process, deadline);

    if (p->phase == PROCESS_LAUNCHING)
        instance_process_unready(p->instance, p);
    else
        process_next_step(p);
}

static struct process *new_process(struct service *s, struct instance *i, unsigned number)
{
    struct process *p = mem_zalloc(sizeof *p);

    p->service = s;
    p->instance = i;
    p->number = number;
    p->pidfd = (struct watch){ .fd = -1, .on_events = on_pidfd };
    p->ipc.watch.fd = -1;
    timer_init(&p->deadline, on_deadline);
    loop_job_init(&p->reaper, reap);
    p->spawned_ms = s->supervisor->loop.now_ms;
    p->spawned_wall_ms = clock_wall_ms();
    list_append(&s->processes, &p->in_service);
    return p;
}

static int watch_pidfd(struct process *p, int fd, char *why)
{
    int err = loop_watch(&supervisor_of(p)->loop, &p->pidfd, fd, EPOLLIN);

    if (err == 0)
        return 0;
    close(fd);
    return err_why(why, err, "cannot watch a process: %s", err_text(err));
}

/* Where an Atrium worker is to listen, without the pid and the ending. */
static void socket_prefix(const struct instance *i, char *out)
{
    char clean[32], name[64];

    home_clean_name(service_name(i->service), clean, sizeof clean - 7);
    (void)snprintf(name, sizeof name, "run/%s.%u", clean, i->number);
    (void)home_file(&i->service->supervisor->home, name, out);
}

/* Runs between the two steps of starting: from here on the next supervisor would know of it. */
static int note(struct process *p, const struct spawned *s, char *why)
{
    struct proc_facts facts;
    int err;

    p->pid = s->pid;
    p->child = true;
    if ((err = proc_read(p->pid, &facts)) < 0)
        return err_why(why, err, "cannot read /proc/%d/stat", (int)p->pid);
    p->start_ticks = facts.start_ticks;
    return state_save(supervisor_of(p), why);
}

struct starting {
    char **argv, **envp;
    const char *program;
    char prefix[HOME_PATH_MAX];
    int out[2], ipc; /* ours to close once it runs */
    struct spawn spawn;
};

static int prepare(struct process *p, struct starting *s, char *why)
{
    struct instance *i = p->instance;
    bool atrium = spec_is_atrium(&p->service->spec);
    bool talks = !atrium && node_ipc_wanted(&p->service->spec);
    int err;

    *s = (struct starting){ .out = { -1, -1 }, .ipc = -1 };
    s->argv = service_arguments(p->service, i->number, &s->program);
    s->envp = service_environment(p->service, i->number);
    socket_prefix(i, s->prefix);
    if ((err = logs_open(&supervisor_of(p)->logs, p->service, i->number, s->out, why)) < 0)
        return err;
    if (talks && (err = node_ipc_open(p, &s->ipc)) < 0)
        return err_why(why, err, "cannot make a channel: %s", err_text(err));
    if (talks)
        s->envp = node_ipc_environment(s->envp);
    s->spawn = (struct spawn){ .program = s->program,
                               .argv = s->argv,
                               .envp = s->envp,
                               .cwd = spec_text(&p->service->spec, SPEC_KEY_cwd),
                               .out_fd = s->out[0],
                               .err_fd = s->out[1],
                               .channel_fd = s->ipc,
                               .socket = atrium ? s->prefix : NULL };
    return 0;
}

static void finish(struct starting *s)
{
    words_free(s->argv);
    words_free(s->envp);
    for (int i = 0; i < 2; i++)
        if (s->out[i] >= 0)
            close(s->out[i]);
    if (s->ipc >= 0)
        close(s->ipc);
}

static int run(struct process *p, struct starting *s, char *why)
{
    struct spawned spawned;
    char path[HOME_PATH_MAX + 32];
    int err, noted;

    if ((err = spawn_begin(&s->spawn, &spawned, why)) < 0)
        return err;
    if (s->spawn.socket) {
        (void)snprintf(path, sizeof path, "%s.%d.sock", s->prefix, (int)spawned.pid);
        p->socket = str_dup(str_of(path));
    }
    if ((noted = note(p, &spawned, why)) < 0) { /* without a "go" it ends */
        spawn_cancel(&spawned);
        return noted;
    }
    if ((err = spawn_finish(&spawned, why)) < 0)
        return err;
    if ((err = watch_pidfd(p, spawned.pidfd, why)) < 0)
        (void)kill(p->pid, SIGKILL);
    return err;
}

static void launch(struct process *p)
{
    struct spec *spec = &p->service->spec;

    log_event(LOG_INFO, "process-started", "app=%s instance=%u pid=%d", service_name(p->service),
              p->number, (int)p->pid);
    if (p->socket)
        worker_link_open(p);
    if (!p->socket && !spec_number(spec, SPEC_KEY_wait_ready))
        instance_process_ready(p->instance, p);
    else
        loop_timer(&supervisor_of(p)->loop, &p->deadline,
                   (uint64_t)spec_number(spec, SPEC_KEY_listen_timeout));
}

struct process *process_spawn(struct instance *i, char *why)
{
    struct process *p = new_process(i->service, i, i->number);
    struct process **place = i->now ? &i->next : &i->now;
    struct starting s;
    int err;

    ASSERT(!i->next);
    *place = p;
    if ((err = prepare(p, &s, why)) == 0)
        err = run(p, &s, why);
    finish(&s);
    if (err < 0) {
        *place = NULL;
        detach(p);
        return NULL;
    }
    launch(p);
    return p;
}

/* --- Adoption --- */

struct process *process_adopt(struct service *s, struct instance *i, str record)
{
    pid_t pid = (pid_t)field_get_number(record, "pid", 0);
    struct proc_facts facts;
    char why[ATR_WHY_MAX];
    int fd;

    if (pid <= 0 || (fd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0)
        return NULL;
    /* Looked at once the descriptor is held: from now on the pid cannot become another's. */
    if (proc_read(pid, &facts) < 0 || facts.state == 'Z' ||
        facts.start_ticks != (uint64_t)field_get_number(record, "start", 0)) {
        close(fd);
        return NULL;
    }
    struct process *p =
        new_process(s, i, (unsigned)field_get_number(record, "number", i ? i->number : 0));
    int64_t age_ms = p->spawned_wall_ms - field_get_number(record, "spawned", p->spawned_wall_ms);

    p->pid = pid;
    p->start_ticks = facts.start_ticks;
    p->spawned_wall_ms -= age_ms > 0 ? age_ms : 0;
    p->spawned_ms -= age_ms > 0 && (uint64_t)age_ms < p->spawned_ms ? (uint64_t)age_ms : 0;
    p->phase = field_get_number(record, "phase", PROCESS_LAUNCHING) == PROCESS_ONLINE
                   ? PROCESS_ONLINE
                   : PROCESS_LAUNCHING;
    p->ready_once = p->phase == PROCESS_ONLINE;
    p->socket = field_get_text(record, "socket");
    if (watch_pidfd(p, fd, why) < 0) {
        log_event(LOG_ERROR, "adoption-failed", "pid=%d %s", (int)pid, why);
        detach(p);
        return NULL;
    }
    if (p->socket)
        worker_link_open(p);
    if (p->phase == PROCESS_LAUNCHING && i)
        loop_timer(&s->supervisor->loop, &p->deadline,
                   (uint64_t)spec_number(&s->spec, SPEC_KEY_listen_timeout));
    s->supervisor->adopted++;
    log_event(LOG_INFO, "process-adopted", "app=%s instance=%u pid=%d", service_name(s), p->number,
              (int)pid);
    return p;
}

void process_write(const struct process *p, struct buf *out)
{
    buf_byte(out, '{');
    field_number(out, "pid", p->pid);
    field_number(out, "start", (int64_t)p->start_ticks);
    field_number(out, "spawned", p->spawned_wall_ms);
    field_number(out, "number", p->number);
    field_number(out, "phase", p->phase);
    if (p->socket)
        field_text(out, "socket", p->socket);
    buf_byte(out, '}');
}

/* --- Watching --- */

static void sample(struct process *p)
{
    uint64_t now = supervisor_of(p)->loop.now_ms, spent_ms = now - p->sampled_ms;
    struct proc_facts f;

    if (proc_read(p->pid, &f) < 0)
        return;
    if (p->sampled_ms && spent_ms)
        p->cpu_permille = (unsigned)((f.cpu_ticks - p->cpu_ticks) * 1000000 /
                                     (uint64_t)sysconf(_SC_CLK_TCK) / spent_ms);
    p->cpu_ticks = f.cpu_ticks;
    p->rss_bytes = f.rss_bytes;
    p->sampled_ms = now;
}

static void check_memory(struct process *p)
{
    int64_t max = spec_number(&p->service->spec, SPEC_KEY_max_memory_restart);

    if (max && p->phase == PROCESS_ONLINE && p->instance && p->instance->now == p &&
        p->rss_bytes > (uint64_t)max)
        instance_over_memory(p->instance);
}

static void check_silence(struct process *p)
{
    uint64_t max = (uint64_t)spec_number(&p->service->spec, SPEC_KEY_hang_timeout);
    uint64_t now = supervisor_of(p)->loop.now_ms;

    /* While it is launching its loop does not turn yet; listen_timeout bounds that. */
    if (!max || !p->socket || !p->ready_once || now - p->heard_ms <= max || p->step == STEP_KILL)
        return;
    log_event(LOG_ERROR, "process-hangs", "app=%s instance=%u pid=%d silent_ms=%llu",
              service_name(p->service), p->number, (int)p->pid,
              (unsigned long long)(now - p->heard_ms));
    if (p->instance)
        p->instance->hangs++;
    p->killed_for = "hang";
    process_kill(p);
}

void process_tick(struct process *p, bool judge_silence)
{
    sample(p);
    if (p->socket && !p->link)
        worker_link_open(p);
    if (!judge_silence)
        p->heard_ms = p->heard_ms ? supervisor_of(p)->loop.now_ms : 0;
    check_silence(p);
    check_memory(p);
}

struct process *process_find(struct supervisor *s, pid_t pid)
{
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        struct service *service = container_of(at, struct service, in_supervisor);

        for (struct list *in = service->processes.next; in != &service->processes; in = in->next) {
            struct process *p = container_of(in, struct process, in_service);
            if (p->pid == pid)
                return p;
        }
    }
    return NULL;
}
