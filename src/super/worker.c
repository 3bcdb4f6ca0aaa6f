/* super/worker.c - see worker.h. Start reading at on_message().
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/home.h"

enum { HEARTBEAT_MS = 1000, ANSWER_MS = 30000, PEERS_MAX = 64, QUEUE_BYTES_MAX = 1 << 20 };

struct peer {
    struct link *link;
    struct list in_worker;
    struct worker *worker;
    bool supervisor; /* said hello as one */
};

struct lent {
    struct list link;
    char *host;
    uint16_t port; /* as it was asked for */
    int fd;
};

/* --- Telling --- */

/* A full queue is that of a supervisor that has not read for long: it will read what fits. */
static void send_to(struct peer *p, const struct buf *message, int fd)
{
    (void)link_send(p->link, buf_str(message), &fd, fd >= 0);
}

static void tell(struct worker *w, const struct buf *message)
{
    for (struct list *at = w->peers.next; at != &w->peers; at = at->next) {
        struct peer *p = container_of(at, struct peer, in_worker);

        if (p->supervisor)
            send_to(p, message, -1);
    }
}

static void begin(struct buf *b, const char *type)
{
    buf_byte(b, '{');
    field_text(b, "type", type);
}

static void write_status(const struct worker *w, struct buf *b)
{
    begin(b, "status");
    field_text(b, "name", w->name);
    field_number(b, "instance", w->instance);
    field_number(b, "pid", getpid());
    field_bool(b, "listening", w->listening);
    field_bool(b, "ready", w->ready);
    field_bool(b, "draining", w->draining);
    if (w->lingers_until_ms > w->loop->now_ms)
        field_number(b, "lingers", (int64_t)(w->lingers_until_ms - w->loop->now_ms));
    buf_byte(b, '}');
}

static void tell_status(struct worker *w)
{
    struct buf b = { 0 };

    write_status(w, &b);
    tell(w, &b);
    buf_free(&b);
}

static void next_heartbeat(struct worker *w)
{
    loop_timer(w->loop, &w->heartbeat, HEARTBEAT_MS);
    w->beat_due_ms = w->heartbeat.at_ms;
}

static void on_heartbeat(struct timer *t)
{
    struct worker *w = container_of(t, struct worker, heartbeat);
    struct buf b = { 0 };

    begin(&b, "heartbeat");
    field_number(&b, "connections", (int64_t)w->connections(w));
    field_number(&b, "lag", (int64_t)(w->loop->now_ms - w->beat_due_ms));
    buf_byte(&b, '}');
    tell(w, &b);
    buf_free(&b);
    next_heartbeat(w);
}

/* The next supervisor gets the listening sockets back. */
static void return_lent(struct worker *w, struct peer *p)
{
    for (struct list *at = w->lent.next; at != &w->lent; at = at->next) {
        struct lent *l = container_of(at, struct lent, link);
        struct buf b = { 0 };

        begin(&b, "listener");
        field_text(&b, "host", l->host);
        field_number(&b, "port", l->port);
        buf_byte(&b, '}');
        send_to(p, &b, l->fd);
        buf_free(&b);
    }
}

static void return_board(struct worker *w, struct peer *p)
{
    struct buf b = { 0 };

    if (w->board < 0)
        return;
    begin(&b, "board");
    buf_byte(&b, '}');
    send_to(p, &b, w->board);
    buf_free(&b);
}

/* --- Being told --- */

static void take_answer(struct worker *w, str json, int fd)
{
    if (!w->asked.len || w->answer || !field_is(json, "type", w->awaits)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (fd >= 0) {
        w->answer = fd;
        if (!w->folder)
            w->folder = field_get_text(json, "folder");
        return;
    }
    char *error = field_get_text(json, "error");
    w->answer = err_why(w->answer_why, (int)field_get_number(json, "code", ATR_EREFUSED), "%s",
                        error ? error : "the supervisor refused");
    mem_free(error);
}

static void take_hello(struct peer *p, str json)
{
    struct worker *w = p->worker;
    struct buf b = { 0 };

    if (!field_is(json, "from", "supervisor"))
        return;
    p->supervisor = true;
    return_board(w, p); /* before the status: who has heard that knows whether there is one */
    write_status(w, &b);
    send_to(p, &b, -1);
    buf_free(&b);
    return_lent(w, p);
    if (w->asked.len && !w->answer)
        send_to(p, &w->asked, -1);
}

static void drop_lent(struct worker *w)
{
    struct list *at, *after;

    list_each(at, after, &w->lent)
    {
        struct lent *l = container_of(at, struct lent, link);

        list_remove(&l->link);
        close(l->fd);
        mem_free(l->host);
        mem_free(l);
    }
}

static void take_drain(struct worker *w, str json)
{
    if (w->draining)
        return;
    w->draining = true;
    drop_lent(w); /* clients must not queue up at a socket that nobody accepts from */
    tell_status(w);
    w->on_drain(w, (uint32_t)field_get_number(json, "ms", 0),
                (pid_t)field_get_number(json, "heir", 0));
}

static void on_message(struct link *l, str json, const int *fds, size_t count)
{
    struct peer *p = l->owner;
    size_t used = 0;

    if (json_check(json, JSON_DEPTH) < 0)
        link_close(l, ATR_ESYNTAX);
    else if (field_is(json, "type", "listener") || field_is(json, "type", "board"))
        take_answer(p->worker, json, count ? fds[used++] : -1);
    else if (field_is(json, "type", "hello"))
        take_hello(p, json);
    else if (field_is(json, "type", "drain"))
        take_drain(p->worker, json);
    while (used < count)
        close(fds[used++]);
}

static void on_close(struct link *l, int err)
{
    struct peer *p = l->owner;

    (void)err;
    list_remove(&p->in_worker);
    p->worker->peer_count--;
    mem_free(p);
}

static const struct link_events events = { .on_message = on_message, .on_close = on_close };

static void on_accept(struct watch *watch, uint32_t what)
{
    struct worker *w = container_of(watch, struct worker, watch);
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)what;
    if (fd < 0)
        return;
    if (w->peer_count >= PEERS_MAX || !home_peer_allowed(fd)) {
        close(fd);
        return;
    }
    struct peer *p = mem_zalloc(sizeof *p);
    p->worker = w;
    if (!(p->link = link_new(w->loop, fd, &events, p))) {
        mem_free(p);
        return;
    }
    p->link->queued_bytes_max = QUEUE_BYTES_MAX;
    list_append(&w->peers, &p->in_worker);
    w->peer_count++;
}

/* --- Asking --- */

static struct lent *find_lent(struct worker *w, const char *host, uint16_t port)
{
    for (struct list *at = w->lent.next; at != &w->lent; at = at->next) {
        struct lent *l = container_of(at, struct lent, link);

        if (l->port == port && !strcmp(l->host, host))
            return l;
    }
    return NULL;
}

/* Looks at every descriptor of ours once, as the loop would. */
static void turn(struct worker *w, int timeout_ms)
{
    struct pollfd polled[PEERS_MAX + 1] = { { .fd = w->watch.fd, .events = POLLIN } };
    struct link *links[PEERS_MAX + 1];
    nfds_t n = 1;

    for (struct list *at = w->peers.next; at != &w->peers && n <= PEERS_MAX; at = at->next) {
        links[n] = container_of(at, struct peer, in_worker)->link;
        polled[n] = (struct pollfd){ .fd = links[n]->watch.fd, .events = POLLIN };
        n++;
    }
    if (poll(polled, n, timeout_ms) <= 0)
        return;
    while (--n) /* one that closes is not freed before the loop turns */
        if (polled[n].revents && !links[n]->closing)
            links[n]->watch.on_events(&links[n]->watch, EPOLLIN);
    if (polled[0].revents)
        on_accept(&w->watch, EPOLLIN);
}

/* The answer to w->asked, which is complete: a descriptor or a negative code. */
static int ask(struct worker *w, const char *awaits, char *why)
{
    uint64_t deadline = clock_mono_ms() + ANSWER_MS, now;

    w->answer = 0;
    w->answer_why = why;
    w->awaits = awaits;
    tell(w, &w->asked);
    while (!w->answer && (now = clock_mono_ms()) < deadline)
        turn(w, (int)(deadline - now));
    buf_free(&w->asked);
    if (!w->answer)
        return err_why(why, ATR_ETIMEOUT, "no supervisor answered within %d s", ANSWER_MS / 1000);
    return w->answer;
}

static int copy_of(int fd, char *why)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    return copy < 0 ? err_why(why, -errno, "cannot copy a descriptor: %s", err_text(-errno)) : copy;
}

int worker_listen(struct worker *w, const char *host, uint16_t port, char *why)
{
    struct lent *l = find_lent(w, host ? host : "", port);
    int fd;

    if (l)
        return copy_of(l->fd, why);
    begin(&w->asked, "listen");
    field_text(&w->asked, "host", host ? host : "");
    field_number(&w->asked, "port", port);
    buf_byte(&w->asked, '}');
    if ((fd = ask(w, "listener", why)) < 0)
        return fd;
    l = mem_zalloc(sizeof *l);
    l->host = str_dup(str_of(host));
    l->port = port;
    l->fd = fd;
    list_append(&w->lent, &l->link);
    return copy_of(fd, why);
}

int worker_board(struct worker *w, const char **folder, char *why)
{
    if (w->board < 0) {
        int fd;

        begin(&w->asked, "board");
        buf_byte(&w->asked, '}');
        if ((fd = ask(w, "board", why)) < 0)
            return fd;
        w->board = fd;
    }
    *folder = w->folder ? w->folder : "";
    return copy_of(w->board, why);
}

void worker_listening(struct worker *w)
{
    w->listening = true;
    tell_status(w);
}

void worker_ready(struct worker *w)
{
    w->ready = true;
    tell_status(w);
}

void worker_lingers(struct worker *w, uint64_t ms)
{
    w->lingers_until_ms = w->loop->now_ms + ms;
    tell_status(w);
}

/* --- Life --- */

int worker_open(struct worker *w, struct loop *l, int fd, const char *name, unsigned instance,
                char *why)
{
    struct sockaddr_un a;
    socklen_t len = sizeof a;
    int err, accepts = 0;

    w->loop = l;
    w->watch = (struct watch){ .fd = -1, .on_events = on_accept };
    w->board = -1;
    list_init(&w->peers);
    list_init(&w->lent);
    timer_init(&w->heartbeat, on_heartbeat);
    w->name = str_dup(str_of(name));
    w->path = NULL;
    w->instance = instance;
    socklen_t size = sizeof accepts;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) < 0 || !accepts ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0 || a.sun_family != AF_UNIX)
        return err_why(why, -ENOTSOCK, "this command is for the supervisor: use atrium start");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        (err = loop_watch(l, &w->watch, fd, EPOLLIN)) < 0)
        return err_why(why, -errno, "cannot watch the worker's socket: %s", err_text(-errno));
    if (len > offsetof(struct sockaddr_un, sun_path) && a.sun_path[0] == '/' &&
        strncmp(a.sun_path, "/proc/", 6) != 0)
        w->path = str_dup(str_n(a.sun_path, strnlen(a.sun_path, sizeof a.sun_path)));
    next_heartbeat(w);
    return 0;
}

void worker_close(struct worker *w)
{
    int fd = w->watch.fd;

    if (!w->name)
        return;
    loop_timer_stop(w->loop, &w->heartbeat);
    if (fd >= 0) {
        loop_unwatch(w->loop, &w->watch);
        close(fd);
    }
    while (!list_empty(&w->peers))
        link_close(container_of(w->peers.next, struct peer, in_worker)->link, 0);
    drop_lent(w);
    if (w->board >= 0)
        close(w->board);
    w->board = -1;
    mem_free(w->folder);
    w->folder = NULL;
    if (w->path)
        (void)unlink(w->path);
    mem_free(w->name);
    mem_free(w->path);
    buf_free(&w->asked);
    w->name = w->path = NULL;
}
