/* super/node_ipc.c - see node_ipc.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/node_ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "super/service.h"
#include "super/spawn.h"
#include "super/supervisor.h"

enum { READ_BYTES = 4096, LINE_BYTES_MAX = 64 * 1024 };

bool node_ipc_wanted(const struct spec *s)
{
    str name = str_of(spec_text(s, SPEC_KEY_interpreter));
    ptrdiff_t slash;

    while ((slash = str_find(name, '/')) >= 0)
        name = str_n(name.p + slash + 1, name.n - (size_t)slash - 1);
    return str_eq(name, STR("node")) || spec_number(s, SPEC_KEY_wait_ready) ||
           spec_number(s, SPEC_KEY_shutdown_with_message);
}

static void take_line(struct process *p, str line)
{
    bool ready = str_eq(str_trim(line), STR("\"ready\""));

    if (ready && p->phase == PROCESS_LAUNCHING && p->instance)
        instance_process_ready(p->instance, p);
}

/* Takes whole lines; one that is too long for us is cut into pieces that mean nothing. */
static void take_lines(struct process *p)
{
    struct buf *in = &p->ipc.input;
    ptrdiff_t end;

    while ((end = str_find(buf_str(in), '\n')) >= 0) {
        take_line(p, str_n(in->data, (size_t)end));
        buf_consume(in, (size_t)end + 1);
    }
    if (in->len > LINE_BYTES_MAX)
        buf_clear(in);
}

static void on_events(struct watch *w, uint32_t events)
{
    struct node_ipc *ipc = container_of(w, struct node_ipc, watch);
    struct process *p = container_of(ipc, struct process, ipc);
    char piece[READ_BYTES];
    ssize_t n = recv(w->fd, piece, sizeof piece, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        node_ipc_close(ipc, &p->service->supervisor->loop);
        return;
    }
    buf_append(&ipc->input, piece, (size_t)n);
    take_lines(p);
}

int node_ipc_open(struct process *p, int *theirs)
{
    int fds[2], err;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    p->ipc.watch = (struct watch){ .fd = -1, .on_events = on_events };
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
        err = -errno;
    else
        err = loop_watch(&p->service->supervisor->loop, &p->ipc.watch, fds[0], EPOLLIN);
    if (err < 0) {
        close(fds[0]);
        close(fds[1]);
        return err;
    }
    *theirs = fds[1];
    return 0;
}

void node_ipc_close(struct node_ipc *ipc, struct loop *l)
{
    int fd = ipc->watch.fd;

    if (fd < 0)
        return;
    loop_unwatch(l, &ipc->watch);
    close(fd);
    buf_free(&ipc->input);
}

int node_ipc_send(struct node_ipc *ipc, str line)
{
    if (ipc->watch.fd < 0)
        return ATR_ECLOSED;
    return send(ipc->watch.fd, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

char **node_ipc_environment(char **words)
{
    char fd[32];
    size_t n = 0;

    while (words[n])
        n++;
    words = mem_realloc(words, (n + 3) * sizeof *words);
    (void)snprintf(fd, sizeof fd, "NODE_CHANNEL_FD=%d", SPAWN_FD);
    words[n++] = str_dup(str_of(fd));
    words[n++] = str_dup(STR("NODE_CHANNEL_SERIALIZATION_MODE=json"));
    words[n] = NULL;
    return words;
}
