/* super/worker_link.c - what workers say, and what follows from it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/worker_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/service.h"
#include "super/supervisor.h"

enum { QUEUE_BYTES_MAX = 1 << 20 };

static void answer_listen(struct process *p, str json)
{
    char *host = field_get_text(json, "host");
    int64_t port = field_get_number(json, "port", -1);
    char why[ATR_WHY_MAX] = "";
    struct buf b = { 0 };
    int fd = port < 0 || port > 65535
                 ? err_why(why, ATR_ERANGE, "there is no port %lld", (long long)port)
                 : service_lend(p->service, p, host ? host : "", (uint16_t)port, why);

    buf_byte(&b, '{');
    field_text(&b, "type", "listener");
    if (fd < 0) {
        field_number(&b, "code", fd);
        field_text(&b, "error", why);
        mem_free(p->complaint);
        p->complaint = str_dup(str_of(why));
    }
    buf_byte(&b, '}');
    (void)link_send(p->link, buf_str(&b), &fd, fd >= 0);
    buf_free(&b);
    mem_free(host);
}

void worker_link_give_board(struct process *p, int fd, const char *text)
{
    struct buf b = { 0 };

    p->asks_board = false;
    if (!p->link)
        return;
    buf_byte(&b, '{');
    field_text(&b, "type", "board");
    if (fd < 0)
        field_number(&b, "code", fd);
    field_text(&b, fd < 0 ? "error" : "folder", text);
    buf_byte(&b, '}');
    (void)link_send(p->link, buf_str(&b), &fd, fd >= 0);
    buf_free(&b);
}

static void take_status(struct process *p, str json)
{
    bool wait_ready = spec_number(&p->service->spec, SPEC_KEY_wait_ready);

    p->reported = true;
    service_answer_boards(p->service);
    p->listening = field_get_bool(json, "listening");
    if (field_get_number(json, "lingers", 0) > 0)
        process_lingers(p, (uint64_t)field_get_number(json, "lingers", 0));
    if (!field_get_bool(json, wait_ready ? "ready" : "listening"))
        return;
    if (p->phase == PROCESS_LAUNCHING && p->instance)
        instance_process_ready(p->instance, p);
}

static void take_heartbeat(struct process *p, str json)
{
    p->connections = (uint64_t)field_get_number(json, "connections", 0);
    p->lag_ms = (uint64_t)field_get_number(json, "lag", 0);
}

static void take_listener(struct process *p, str json, int fd)
{
    char *host = field_get_text(json, "host");

    service_take_back(p->service, p, host ? host : "", (uint16_t)field_get_number(json, "port", 0),
                      fd);
    mem_free(host);
}

/* With a descriptor it is given back, else asked for. */
static void take_board(struct process *p, int fd)
{
    if (fd >= 0)
        service_take_board(p->service, fd);
    else
        p->asks_board = true;
    service_answer_boards(p->service);
}

static void on_message(struct link *l, str json, const int *fds, size_t count)
{
    struct process *p = l->owner;
    size_t used = 0;

    p->heard_ms = l->loop->now_ms;
    if (json_check(json, JSON_DEPTH) < 0)
        link_close(l, ATR_ESYNTAX);
    else if (field_is(json, "type", "heartbeat"))
        take_heartbeat(p, json);
    else if (field_is(json, "type", "status"))
        take_status(p, json);
    else if (field_is(json, "type", "listen"))
        answer_listen(p, json);
    else if (field_is(json, "type", "board"))
        take_board(p, count ? fds[used++] : -1);
    else if (field_is(json, "type", "listener") && count)
        take_listener(p, json, fds[used++]);
    while (used < count)
        close(fds[used++]);
}

static void on_close(struct link *l, int err)
{
    struct process *p = l->owner;

    (void)err; /* it ends, which its pidfd will tell; else a new connection is made */
    p->link = NULL;
}

static const struct link_events events = { .on_message = on_message, .on_close = on_close };

void worker_link_open(struct process *p)
{
    struct loop *loop = &p->service->supervisor->loop;
    struct buf b = { 0 };
    int fd = home_connect(p->socket, SOCK_SEQPACKET | SOCK_NONBLOCK);

    if (!p->heard_ms)
        p->heard_ms = loop->now_ms; /* from now on silence counts */
    if (fd < 0 || !(p->link = link_new(loop, fd, &events, p))) {
        log_event(LOG_WARN, "worker-unreachable", "app=%s instance=%u pid=%d error=%s",
                  service_name(p->service), p->number, (int)p->pid,
                  err_name(fd < 0 ? fd : -ENOMEM));
        return;
    }
    p->link->queued_bytes_max = QUEUE_BYTES_MAX;
    buf_byte(&b, '{');
    field_text(&b, "type", "hello");
    field_text(&b, "from", "supervisor");
    field_number(&b, "v", SUPER_PROTOCOL);
    field_text(&b, "name", service_name(p->service));
    field_number(&b, "instance", p->number);
    buf_byte(&b, '}');
    (void)link_send(p->link, buf_str(&b), NULL, 0);
    buf_free(&b);
}
