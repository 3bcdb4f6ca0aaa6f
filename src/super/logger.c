/* super/logger.c - see logger.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/link.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/home.h"
#include "super/log_file.h"
#include "super/log_stream.h"
#include "super/spawn.h"

struct logger {
    struct loop loop;
    struct watch socket, signals;
    struct list streams, files;
    struct link *supervisor; /* the latest; NULL: none */
    bool heard;              /* a supervisor was there once */
};

static void look_for_end(struct logger *g)
{
    if (g->heard && !g->supervisor && list_empty(&g->streams))
        loop_stop(&g->loop);
}

static void reopen_all(struct logger *g)
{
    for (struct list *at = g->files.next; at != &g->files; at = at->next)
        log_file_reopen(container_of(at, struct log_file, link));
}

static void tell_end(struct logger *g, const char *fifo)
{
    struct buf b = { 0 };

    if (!g->supervisor)
        return;
    buf_byte(&b, '{');
    field_text(&b, "type", "ended");
    field_text(&b, "fifo", fifo);
    buf_byte(&b, '}');
    (void)link_send(g->supervisor, buf_str(&b), NULL, 0);
    buf_free(&b);
}

static void on_end(struct log_stream *s)
{
    struct logger *g = s->owner;

    tell_end(g, s->fifo);
    look_for_end(g);
}

static bool known(struct logger *g, str message)
{
    for (struct list *at = g->streams.next; at != &g->streams; at = at->next)
        if (field_is(message, "fifo", container_of(at, struct log_stream, link)->fifo))
            return true;
    return false;
}

/* A supervisor that adopts us names all streams again. */
static void take_stream(struct logger *g, str message)
{
    struct log_stream *s;
    char *fifo;

    if (known(g, message))
        return;
    if (!(s = log_stream_open(&g->loop, &g->files, message))) {
        fifo = field_get_text(message, "fifo");
        tell_end(g, fifo ? fifo : "");
        mem_free(fifo);
        return;
    }
    s->on_end = on_end;
    s->owner = g;
    list_append(&g->streams, &s->link);
    log_stream_read(s); /* it may have been written and closed already */
}

static void empty_file(struct logger *g, str message)
{
    for (struct list *at = g->files.next; at != &g->files; at = at->next) {
        struct log_file *f = container_of(at, struct log_file, link);
        if (field_is(message, "file", f->path))
            log_file_empty(f);
    }
}

static void on_message(struct link *l, str json, const int *fds, size_t count)
{
    struct logger *g = l->owner;

    while (count)
        close(fds[--count]);
    if (json_check(json, JSON_DEPTH) < 0) {
        link_close(l, ATR_ESYNTAX);
        return;
    }
    /* It lies in the loop's buffer, which reading a stream uses too. */
    char *copy = str_dup(json);
    if (field_is(json, "type", "stream"))
        take_stream(g, str_of(copy));
    else if (field_is(json, "type", "reopen"))
        reopen_all(g);
    else if (field_is(json, "type", "flush"))
        empty_file(g, str_of(copy));
    mem_free(copy);
}

static void on_close(struct link *l, int err)
{
    struct logger *g = l->owner;

    (void)err;
    if (g->supervisor == l)
        g->supervisor = NULL;
    look_for_end(g);
}

static const struct link_events events = { .on_message = on_message, .on_close = on_close };

static void on_accept(struct watch *w, uint32_t what)
{
    struct logger *g = container_of(w, struct logger, socket);
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct link *l, *former = g->supervisor;

    (void)what;
    if (fd < 0)
        return;
    if (!home_peer_allowed(fd)) {
        close(fd);
        return;
    }
    if (!(l = link_new(&g->loop, fd, &events, g)))
        return;
    g->supervisor = l;
    g->heard = true;
    if (former)
        link_close(former, 0);
}

static void on_signal(struct watch *w, uint32_t what)
{
    struct logger *g = container_of(w, struct logger, signals);
    struct signalfd_siginfo info;

    (void)what;
    while (w->fd >= 0 && read(w->fd, &info, sizeof info) == (ssize_t)sizeof info)
        reopen_all(g);
}

/* SIGUSR1 is a command; what ends others (a Ctrl-C, a stopped unit) must not end the logs, which
 * end with the last program. */
static int watch_signals(struct logger *g)
{
    sigset_t set;
    int fd;

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
        (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return -errno;
    return loop_watch(&g->loop, &g->signals, fd, EPOLLIN);
}

/* The file of our socket; nobody else may be there to do it. */
static void remove_socket(void)
{
    struct sockaddr_un a;
    socklen_t len = sizeof a;

    if (getsockname(SPAWN_FD, (struct sockaddr *)&a, &len) == 0 && a.sun_path[0] == '/' &&
        strncmp(a.sun_path, "/proc/", 6) != 0)
        (void)unlink(a.sun_path);
}

int logger_run(void)
{
    struct logger g = { .socket = { .fd = -1, .on_events = on_accept },
                        .signals = { .fd = -1, .on_events = on_signal } };
    int err;

    list_init(&g.streams);
    list_init(&g.files);
    if ((err = loop_init(&g.loop)) < 0 || (err = watch_signals(&g)) < 0)
        goto fail;
    if (fcntl(SPAWN_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(SPAWN_FD, F_SETFL, O_NONBLOCK) < 0) {
        err = -errno;
        goto fail;
    }
    if ((err = loop_watch(&g.loop, &g.socket, SPAWN_FD, EPOLLIN)) < 0)
        goto fail;
    err = loop_run(&g.loop);
    if (err == 0) {
        if (g.supervisor)
            link_close(g.supervisor, 0);
        remove_socket();
        loop_fini(&g.loop);
        return 0;
    }
fail:
    fprintf(stderr, "atrium: the logger cannot run: %s\n", err_text(err));
    return 1;
}
