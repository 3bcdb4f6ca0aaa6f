/* super/control.c - see control.h. The requests themselves are in requests.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/control.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/call.h"
#include "super/fields.h"
#include "super/report.h"
#include "super/supervisor.h"

/* A connection stays until its other end has read the answer and closes it. */
struct control_conn {
    struct list in_control;
    struct control *control;
    struct link *link;
    struct call *call; /* NULL: not asked yet, or answered */
    bool asked;
};

static void free_call(struct call *c)
{
    list_remove(&c->in_control);
    if (c->conn)
        c->conn->call = NULL;
    mem_free(c->ids);
    mem_free(c);
}

static void send_answer(struct call *c, struct buf *b)
{
    if (c->conn)
        (void)link_send(c->conn->link, buf_str(b), NULL, 0);
}

void call_answer(struct call *c, str members)
{
    struct buf b = { 0 };

    buf_format(&b, "{\"v\":%d,\"ok\":true", SUPER_PROTOCOL);
    if (members.n) {
        buf_byte(&b, ',');
        buf_add(&b, members);
    }
    buf_byte(&b, '}');
    send_answer(c, &b);
    buf_free(&b);
    free_call(c);
}

void call_refuse(struct call *c, const char *why)
{
    struct buf b = { 0 };

    buf_format(&b, "{\"v\":%d,\"ok\":false", SUPER_PROTOCOL);
    field_text(&b, "error", why);
    buf_byte(&b, '}');
    if (!c->conn)
        log_event(LOG_ERROR, "request-failed", "%s", why);
    send_answer(c, &b);
    buf_free(&b);
    free_call(c);
}

void call_wait(struct call *c, const struct targets *t)
{
    c->ids = mem_alloc((t->count + 1) * sizeof *c->ids);
    c->id_count = t->count;
    for (size_t i = 0; i < t->count; i++)
        c->ids[i] = t->list[i]->id;
    control_changed(c->control);
}

/* --- Waiting --- */

static struct instance *find_instance(struct supervisor *s, uint32_t id)
{
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        struct service *service = container_of(at, struct service, in_supervisor);
        for (struct list *in = service->instances.next; in != &service->instances; in = in->next) {
            struct instance *i = container_of(in, struct instance, in_service);
            if (i->id == id)
                return i;
        }
    }
    return NULL;
}

/* What to say of an instance that is not as was asked for. */
static bool failed(const struct call *c, const struct instance *i)
{
    if (c->reloads && i->reload_failed)
        return true;
    if (i->state == INSTANCE_STOPPED) /* ended well, or was not to be started */
        return c->judges && (i->exit_code > 0 || i->exit_signal);
    return c->judges && i->state != INSTANCE_ONLINE;
}

static void finish(struct call *c)
{
    struct supervisor *s = c->control->supervisor;
    struct buf members = { 0 }, why = { 0 };

    for (size_t n = 0; n < c->id_count; n++) {
        struct instance *i = find_instance(s, c->ids[n]);

        if (!i || !failed(c, i))
            continue;
        buf_format(&why, "%s%s %u: %s", why.len ? "; " : "", service_name(i->service), i->number,
                   i->trouble ? i->trouble : instance_state_name(i->state));
    }
    if (why.len) {
        buf_byte(&why, 0);
        call_refuse(c, (const char *)why.data);
    } else {
        field_key(&members, "list");
        report_all(s, &members);
        call_answer(c, buf_str(&members));
    }
    buf_free(&members);
    buf_free(&why);
}

static bool settled(struct call *c)
{
    for (size_t n = 0; n < c->id_count; n++) {
        struct instance *i = find_instance(c->control->supervisor, c->ids[n]);
        if (i && !instance_settled(i))
            return false;
    }
    return true;
}

static void look(struct loop_job *job)
{
    struct control *c = container_of(job, struct control, look);
    struct list *at, *after;

    list_each(at, after, &c->calls)
    {
        struct call *call = container_of(at, struct call, in_control);
        if (call->ids && settled(call))
            finish(call);
    }
}

void control_changed(struct control *c)
{
    loop_defer(&c->supervisor->loop, &c->look);
}

/* --- Connections --- */

static struct call *new_call(struct control *c, struct control_conn *conn)
{
    struct call *call = mem_zalloc(sizeof *call);

    call->control = c;
    call->conn = conn;
    if (conn)
        conn->call = call;
    list_append(&c->calls, &call->in_control);
    return call;
}

static void run(struct call *c, str request)
{
    if (json_check(request, JSON_DEPTH) < 0 || json_type_of(request) != JSON_OBJECT)
        call_refuse(c, "the request is not a JSON object");
    else if (field_get_number(request, "v", 0) != SUPER_PROTOCOL)
        call_refuse(c, "the supervisor is of another version: stop it with the atrium it was "
                       "started with, or end its process; the applications go on, and the next "
                       "supervisor adopts them");
    else
        request_run(c, c->control->supervisor, request);
}

static void on_message(struct link *l, str request, const int *fds, size_t count)
{
    struct control_conn *conn = l->owner;

    while (count)
        close(fds[--count]);
    if (conn->asked) /* one request per connection */
        return;
    conn->asked = true;
    char *copy = str_dup(request); /* it lies in the loop's buffer, which others use too */
    run(new_call(conn->control, conn), str_of(copy));
    mem_free(copy);
}

/* Nobody waits for the answer any more; what was asked for goes on. */
static void on_close(struct link *l, int err)
{
    struct control_conn *conn = l->owner;

    (void)err;
    if (conn->call)
        conn->call->conn = NULL;
    list_remove(&conn->in_control);
    mem_free(conn);
}

static const struct link_events events = { .on_message = on_message, .on_close = on_close };

static void on_accept(struct watch *w, uint32_t what)
{
    struct control *c = container_of(w, struct control, watch);
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)what;
    if (fd < 0)
        return;
    if (!home_peer_allowed(fd)) {
        close(fd);
        return;
    }
    struct control_conn *conn = mem_zalloc(sizeof *conn);
    conn->control = c;
    if (!(conn->link = link_new(&c->supervisor->loop, fd, &events, conn))) {
        mem_free(conn);
        return;
    }
    list_append(&c->conns, &conn->in_control);
}

void control_do(struct control *c, str request)
{
    run(new_call(c, NULL), request);
}

int control_open(struct control *c, struct supervisor *s, char *why)
{
    char path[HOME_PATH_MAX];
    int fd, err;

    *c = (struct control){ .supervisor = s, .watch = { .fd = -1, .on_events = on_accept } };
    list_init(&c->conns);
    list_init(&c->calls);
    loop_job_init(&c->look, look);
    if ((fd = home_listen(home_file(&s->home, "super.sock", path),
                          SOCK_SEQPACKET | SOCK_NONBLOCK)) < 0)
        return err_why(why, fd, "cannot listen on %s: %s", path, err_text(fd));
    if ((err = loop_watch(&s->loop, &c->watch, fd, EPOLLIN)) < 0) {
        close(fd);
        return err_why(why, err, "cannot listen on %s: %s", path, err_text(err));
    }
    return 0;
}

void control_close(struct control *c)
{
    char path[HOME_PATH_MAX];
    int fd = c->watch.fd;

    while (!list_empty(&c->calls)) {
        struct call *call = container_of(c->calls.next, struct call, in_control);

        if (call->last)
            call_answer(call, (str){ 0 });
        else
            call_refuse(call, "the supervisor ends");
    }
    while (!list_empty(&c->conns))
        link_close(container_of(c->conns.next, struct control_conn, in_control)->link, 0);
    if (fd < 0)
        return;
    loop_unwatch(&c->supervisor->loop, &c->watch);
    close(fd);
    (void)unlink(home_file(&c->supervisor->home, "super.sock", path));
}
