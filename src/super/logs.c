/* super/logs.c - see logs.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/proc.h"
#include "super/service.h"
#include "super/spawn.h"
#include "super/supervisor.h"

enum { PIPE_BYTES = 1 << 20, RETRY_MS = 1000 };

extern char **environ;

struct log_stream_end {
    struct list link;
    char *fifo;
    char *message; /* for the logger: JSON */
    int fd;        /* keeps the pipe, when the logger dies */
};

/* --- The logger --- */

static void tell_stream(struct logs *l, const struct log_stream_end *s)
{
    if (l->link)
        (void)link_send(l->link, str_of(s->message), NULL, 0);
}

static void free_stream(struct log_stream_end *s)
{
    list_remove(&s->link);
    close(s->fd);
    mem_free(s->fifo);
    mem_free(s->message);
    mem_free(s);
}

static void on_message(struct link *link, str json, const int *fds, size_t count)
{
    struct logs *l = link->owner;
    struct list *at, *after;

    while (count)
        close(fds[--count]);
    if (json_check(json, JSON_DEPTH) < 0 || !field_is(json, "type", "ended"))
        return;
    list_each(at, after, &l->streams)
    {
        struct log_stream_end *s = container_of(at, struct log_stream_end, link);
        if (field_is(json, "fifo", s->fifo))
            free_stream(s);
    }
    supervisor_changed(l->supervisor);
}

static void on_close(struct link *link, int err)
{
    struct logs *l = link->owner;

    (void)err;
    l->link = NULL;
    loop_timer(&l->supervisor->loop, &l->retry, 0);
}

static const struct link_events events = { .on_message = on_message, .on_close = on_close };

/* Connects to the logger that runs, and names all streams. */
static int connect_logger(struct logs *l)
{
    int fd = home_connect(l->socket, SOCK_SEQPACKET | SOCK_NONBLOCK);

    if (fd < 0)
        return fd;
    if (!(l->link = link_new(&l->supervisor->loop, fd, &events, l)))
        return -ENOMEM;
    for (struct list *at = l->streams.next; at != &l->streams; at = at->next)
        tell_stream(l, container_of(at, struct log_stream_end, link));
    return 0;
}

static void forget_logger(struct logs *l)
{
    int fd = l->pidfd.fd;

    if (fd >= 0) {
        loop_unwatch(&l->supervisor->loop, &l->pidfd);
        close(fd);
    }
    if (l->pid)
        (void)waitid(P_PID, (id_t)l->pid, &(siginfo_t){ 0 }, WEXITED | WNOHANG);
    if (l->socket)
        (void)unlink(l->socket);
    mem_free(l->socket);
    l->socket = NULL;
    l->pid = 0;
}

static int start_logger(struct logs *l, char *why)
{
    static char *argv[] = { "atrium", "logger", NULL };
    char prefix[HOME_PATH_MAX], path[HOME_PATH_MAX + 32];
    struct spawn s = { .program = proc_own_program(),
                       .argv = argv,
                       .envp = environ,
                       .cwd = "/",
                       .out_fd = -1,
                       .err_fd = -1,
                       .channel_fd = -1,
                       .socket = home_file(&l->supervisor->home, "run/logger", prefix) };
    struct proc_facts facts = { 0 };
    struct spawned p;
    int err;

    if ((err = spawn_begin(&s, &p, why)) < 0)
        return err;
    (void)snprintf(path, sizeof path, "%s.%d.sock", prefix, (int)p.pid);
    l->socket = str_dup(str_of(path));
    l->pid = p.pid;
    if (proc_read(p.pid, &facts) == 0)
        l->start_ticks = facts.start_ticks;
    if ((err = spawn_finish(&p, why)) < 0) {
        l->pid = 0;
        return err;
    }
    l->loggers++;
    if ((err = loop_watch(&l->supervisor->loop, &l->pidfd, p.pidfd, EPOLLIN)) < 0)
        close(p.pidfd);
    supervisor_changed(l->supervisor);
    return connect_logger(l);
}

/* One is needed as soon as there is a stream. */
static void ensure_logger(struct logs *l)
{
    char why[ATR_WHY_MAX] = "";
    int err;

    if (l->link || list_empty(&l->streams))
        return;
    if (l->pid && connect_logger(l) == 0)
        return;
    if (l->pid)
        (void)kill(l->pid, SIGKILL);
    forget_logger(l);
    if ((err = start_logger(l, why)) == 0)
        return;
    log_event(LOG_ERROR, "logger-failed", "%s", *why ? why : err_text(err));
    loop_timer(&l->supervisor->loop, &l->retry, RETRY_MS);
}

static void on_retry(struct timer *t)
{
    ensure_logger(container_of(t, struct logs, retry));
}

static void on_logger_gone(struct watch *w, uint32_t what)
{
    struct logs *l = container_of(w, struct logs, pidfd);

    (void)what;
    if (!list_empty(&l->streams))
        log_event(LOG_ERROR, "logger-ended", "pid=%d", (int)l->pid);
    forget_logger(l);
    if (l->link)
        link_close(l->link, 0); /* which starts the next one, if it is needed */
    else
        loop_timer(&l->supervisor->loop, &l->retry, 0);
}

/* --- Streams --- */

/* Beside a file's name when instances do not share it. */
static void with_number(const char *path, unsigned number, char *out, size_t size)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    int stem = dot && dot > slash ? (int)(dot - path) : (int)strlen(path);

    (void)snprintf(out, size, "%.*s-%u%s", stem, path, number, path + stem);
}

void logs_path(const struct service *s, unsigned number, bool error, char *out, size_t size)
{
    const char *given = spec_text(&s->spec, error ? SPEC_KEY_error_file : SPEC_KEY_out_file);
    char clean[128], name[192], path[HOME_PATH_MAX];
    bool alone = spec_number(&s->spec, SPEC_KEY_merge_logs) ||
                 (number == 0 && spec_number(&s->spec, SPEC_KEY_instances) == 1);

    *out = 0;
    if (spec_number(&s->spec, SPEC_KEY_disable_logs) || !strcmp(given, "/dev/null"))
        return;
    home_clean_name(service_name(s), clean, sizeof clean);
    (void)snprintf(name, sizeof name, "logs/%s-%s.log", clean, error ? "error" : "out");
    if (!*given)
        given = home_file(&s->supervisor->home, name, path);
    if (alone || !strncmp(given, "/dev/", 5))
        (void)snprintf(out, size, "%s", given);
    else
        with_number(given, number, out, size);
}

static char *describe(const struct service *s, unsigned number, bool error, const char *fifo)
{
    const struct spec *spec = &s->spec;
    const char *date = spec_text(spec, SPEC_KEY_log_date_format);
    char path[HOME_PATH_MAX + 16];
    struct buf b = { 0 };

    logs_path(s, number, error, path, sizeof path);
    if (!*date && spec_number(spec, SPEC_KEY_time))
        date = "YYYY-MM-DDTHH:mm:ss";
    buf_byte(&b, '{');
    field_text(&b, "type", "stream");
    field_text(&b, "fifo", fifo);
    field_text(&b, "app", service_name(s));
    field_number(&b, "instance", number);
    field_bool(&b, "error", error);
    field_bool(&b, "json", *spec_text(spec, SPEC_KEY_log_type));
    field_bool(&b, "echo", s->supervisor->foreground);
    field_text(&b, "date", date);
    field_text(&b, "file", path);
    field_number(&b, "max", spec_number(spec, SPEC_KEY_log_max_size));
    field_number(&b, "keep", spec_number(spec, SPEC_KEY_log_keep));
    buf_byte(&b, '}');
    char *message = str_dup(buf_str(&b));
    buf_free(&b);
    return message;
}

/* Keeps a pipe that has a name already. */
static int keep(struct logs *l, const char *fifo, const char *message)
{
    int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct log_stream_end *s;

    if (fd < 0)
        return -errno;
    s = mem_zalloc(sizeof *s);
    s->fifo = str_dup(str_of(fifo));
    s->message = str_dup(str_of(message));
    s->fd = fd;
    list_append(&l->streams, &s->link);
    return 0;
}

static int open_stream(struct logs *l, const struct service *s, unsigned number, bool error)
{
    char clean[32], name[96], fifo[HOME_PATH_MAX];
    int fd, err;

    home_clean_name(service_name(s), clean, sizeof clean);
    (void)snprintf(name, sizeof name, "run/%s.%u.%d.%llu.%s", clean, number, (int)getpid(),
                   (unsigned long long)++l->serial, error ? "err" : "out");
    (void)home_file(&l->supervisor->home, name, fifo);
    (void)unlink(fifo);
    if (mkfifo(fifo, 0600) < 0)
        return -errno;
    char *message = describe(s, number, error, fifo);
    if ((err = keep(l, fifo, message)) < 0)
        (void)unlink(fifo);
    mem_free(message);
    if (err < 0)
        return err;
    struct log_stream_end *mine = container_of(l->streams.prev, struct log_stream_end, link);
    if ((fd = open(fifo, O_WRONLY | O_CLOEXEC)) < 0) {
        err = -errno;
        (void)unlink(fifo);
        free_stream(mine);
        return err;
    }
    /* Room for when the logger is busy; less will do. */
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    tell_stream(l, mine);
    return fd;
}

int logs_open(struct logs *l, const struct service *s, unsigned number, int out[2], char *why)
{
    for (int i = 0; i < 2; i++)
        if ((out[i] = open_stream(l, s, number, i == 1)) < 0)
            return err_why(why, out[i], "cannot make a pipe for its logs: %s", err_text(out[i]));
    ensure_logger(l);
    return 0;
}

bool logs_know(const struct logs *l, const char *fifo)
{
    for (struct list *at = l->streams.next; at != &l->streams; at = at->next)
        if (!strcmp(container_of(at, struct log_stream_end, link)->fifo, fifo))
            return true;
    return false;
}

void logs_reopen(struct logs *l)
{
    if (l->link)
        (void)link_send(l->link, STR("{\"type\":\"reopen\"}"), NULL, 0);
}

void logs_flush(struct logs *l, const char *path)
{
    struct buf b = { 0 };

    (void)!truncate(path, 0); /* also what nobody writes to now */
    buf_byte(&b, '{');
    field_text(&b, "type", "flush");
    field_text(&b, "file", path);
    buf_byte(&b, '}');
    if (l->link)
        (void)link_send(l->link, buf_str(&b), NULL, 0);
    buf_free(&b);
}

/* --- Life --- */

void logs_init(struct logs *l, struct supervisor *s)
{
    *l = (struct logs){ .supervisor = s, .pidfd = { .fd = -1, .on_events = on_logger_gone } };
    list_init(&l->streams);
    timer_init(&l->retry, on_retry);
}

void logs_close(struct logs *l)
{
    struct list *at, *after;

    list_each(at, after, &l->streams)
    {
        free_stream(container_of(at, struct log_stream_end, link));
    }
    if (l->link)
        link_close(l->link, 0);
    loop_timer_stop(&l->supervisor->loop, &l->retry);
    if (l->pidfd.fd >= 0) {
        int fd = l->pidfd.fd;
        loop_unwatch(&l->supervisor->loop, &l->pidfd);
        close(fd);
    }
    mem_free(l->socket);
    l->socket = NULL;
}

void logs_write(const struct logs *l, struct buf *out)
{
    buf_byte(out, '{');
    field_number(out, "pid", l->pid);
    field_number(out, "start", (int64_t)l->start_ticks);
    field_number(out, "serial", (int64_t)l->serial);
    if (l->socket)
        field_text(out, "socket", l->socket);
    field_key(out, "streams");
    buf_byte(out, '[');
    for (struct list *at = l->streams.next; at != &l->streams; at = at->next) {
        field_comma(out);
        buf_add(out, str_of(container_of(at, struct log_stream_end, link)->message));
    }
    buf_add(out, STR("]}"));
}

static void adopt_logger(struct logs *l, str record)
{
    pid_t pid = (pid_t)field_get_number(record, "pid", 0);
    struct proc_facts facts;
    int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

    if (fd < 0)
        return;
    if (proc_read(pid, &facts) < 0 || facts.state == 'Z' ||
        facts.start_ticks != (uint64_t)field_get_number(record, "start", 0) ||
        loop_watch(&l->supervisor->loop, &l->pidfd, fd, EPOLLIN) < 0) {
        close(fd);
        return;
    }
    l->pid = pid;
    l->start_ticks = facts.start_ticks;
    l->socket = field_get_text(record, "socket");
    if (!l->socket || connect_logger(l) < 0) {
        log_event(LOG_ERROR, "logger-unreachable", "pid=%d", (int)pid);
        (void)kill(pid, SIGKILL); /* its end starts another */
    }
}

void logs_adopt(struct logs *l, str record)
{
    struct json_iter it;

    l->serial = (uint64_t)field_get_number(record, "serial", 0);
    json_iter_init(&it, json_get(record, STR("streams")));
    while (json_iter_next(&it)) {
        char *fifo = field_get_text(it.value, "fifo"), *message = str_dup(it.value);
        if (fifo)
            (void)keep(l, fifo, message); /* ended and gone when it fails */
        mem_free(fifo);
        mem_free(message);
    }
    adopt_logger(l, record);
    ensure_logger(l);
}
