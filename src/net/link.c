/* net/link.c - see link.h.
 *
 * On the wire a packet is one byte, 1 when more of the message follows and else 0, and a part of
 * the message. Descriptors come with the first packet of their message.
 *
 * Start reading at link_send() and on_events().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

enum {
    READ_BATCH = 64, /* packets per event: others have their turn too */
    BACKLOG = 128,
    REST_MS = 100,
    SOCKET_BUFFER = 1 << 20
};

/* A packet that waits for the kernel. It owns its descriptors. */
struct link_packet {
    struct link_packet *next;
    size_t n;
    int fds[LINK_FDS_MAX];
    size_t fd_count;
    uint8_t more;
    uint8_t data[];
};

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

/* --- Sending --- */

/* 0, or a negated errno; -EAGAIN: the peer takes nothing now. */
static int transmit(int fd, uint8_t more, const void *data, size_t n, const int *fds,
                    size_t fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * LINK_FDS_MAX)];
    } control = { 0 };
    struct iovec parts[2] = { { &more, 1 }, { (void *)(uintptr_t)data, n } };
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
    ssize_t sent;

    if (fd_count) {
        m.msg_control = control.room;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    do {
        sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 0;
    return errno == ENOBUFS || errno == ETOOMANYREFS ? -EAGAIN : -errno;
}

static int enqueue(struct link *l, uint8_t more, str part, const int *fds, size_t fd_count)
{
    struct link_packet *p = mem_alloc(sizeof *p + part.n);

    *p = (struct link_packet){ .n = part.n, .more = more };
    if (part.n)
        memcpy(p->data, part.p, part.n);
    for (size_t i = 0; i < fd_count; i++) {
        if ((p->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0)) < 0) {
            int err = -errno;
            close_all(p->fds, i);
            mem_free(p);
            return err;
        }
        p->fd_count++;
    }
    *l->queue_end = p;
    l->queue_end = &p->next;
    l->queued_bytes += sizeof *p + part.n;
    return 0;
}

/* Changing a registration takes no memory: it fails for our mistakes alone. */
static void watch(struct link *l, uint32_t events)
{
    int err = loop_rewatch(l->loop, &l->watch, events);

    ASSERT(err == 0);
}

static bool queue_has_room(const struct link *l, size_t n)
{
    size_t max = l->queued_bytes_max ? l->queued_bytes_max : LINK_MESSAGE_BYTES_MAX;

    n += (n / LINK_PACKET_BYTES + 1) * sizeof(struct link_packet);
    return l->queued_bytes < max && n <= max - l->queued_bytes;
}

int link_send(struct link *l, str data, const int *fds, size_t fd_count)
{
    bool waiting = l->queue != NULL;
    int err = 0;

    ASSERT(fd_count <= LINK_FDS_MAX);
    if (l->closing)
        return ATR_ECLOSED;
    if (data.n > LINK_MESSAGE_BYTES_MAX || (waiting && !queue_has_room(l, data.n)))
        return ATR_ELIMIT;
    do {
        size_t n = data.n < LINK_PACKET_BYTES ? data.n : LINK_PACKET_BYTES;
        uint8_t more = n < data.n;

        err = l->queue ? -EAGAIN : transmit(l->watch.fd, more, data.p, n, fds, fd_count);
        if (err == -EAGAIN)
            err = enqueue(l, more, str_n(data.p, n), fds, fd_count);
        if (err < 0)
            break;
        data = str_n(n ? data.p + n : data.p, data.n - n);
        fd_count = 0;
    } while (data.n);
    if (!waiting && l->queue)
        watch(l, EPOLLIN | EPOLLOUT);
    return err == -EPIPE || err == -ECONNRESET ? ATR_ECLOSED : err;
}

static void packet_free(struct link_packet *p)
{
    close_all(p->fds, p->fd_count);
    mem_free(p);
}

/* Hands the kernel what waits. */
static void write_queue(struct link *l)
{
    struct link_packet *p;
    int err = 0;

    while ((p = l->queue) &&
           (err = transmit(l->watch.fd, p->more, p->data, p->n, p->fds, p->fd_count)) == 0) {
        l->queue = p->next;
        l->queued_bytes -= sizeof *p + p->n;
        packet_free(p);
    }
    if (err < 0 && err != -EAGAIN) {
        link_close(l, err == -EPIPE || err == -ECONNRESET ? ATR_ECLOSED : err);
        return;
    }
    if (l->queue)
        return;
    l->queue_end = &l->queue;
    watch(l, EPOLLIN);
    if (l->events->on_drain)
        l->events->on_drain(l);
}

/* --- Receiving --- */

/* Puts the descriptors of a packet behind those that its message has already. */
static int take_descriptors(struct link *l, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        int fds[LINK_FDS_MAX];
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
        if (n > LINK_FDS_MAX - l->fd_count) {
            close_all(fds, n);
            return ATR_ELIMIT;
        }
        memcpy(l->fds + l->fd_count, fds, n * sizeof(int));
        l->fd_count += n;
    }
    return m->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? ATR_ESYNTAX : 0;
}

static void deliver(struct link *l, str data)
{
    int fds[LINK_FDS_MAX];
    size_t n = l->fd_count;

    memcpy(fds, l->fds, n * sizeof(int));
    l->fd_count = 0;
    l->events->on_message(l, data, fds, n);
}

/* One packet has come. Returns 0 or why the link cannot go on. */
static int take_packet(struct link *l, uint8_t more, const uint8_t *p, size_t n)
{
    if (more > 1)
        return ATR_ESYNTAX;
    if (!more && l->gathered.len == 0) {
        deliver(l, str_n(p, n));
        return 0;
    }
    l->gathered.max = LINK_MESSAGE_BYTES_MAX;
    if (buf_try_append(&l->gathered, p, n) < 0)
        return ATR_ELIMIT;
    if (!more) {
        struct buf whole = l->gathered;
        l->gathered = (struct buf){ 0 };
        deliver(l, buf_str(&whole));
        buf_free(&whole);
    }
    return 0;
}

/* into: LOOP_READ_BYTES of memory. */
static void read_packets(struct link *l, uint8_t *into)
{
    static_assert((int)LINK_PACKET_BYTES <= (int)LOOP_READ_BYTES,
                  "a packet fits into the loop's buffer");
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * LINK_FDS_MAX)];
    } control;
    uint8_t first;

    for (int i = 0; i < READ_BATCH && !l->closing; i++) {
        struct iovec parts[2] = { { &first, 1 }, { into, LOOP_READ_BYTES } };
        struct msghdr m = { .msg_iov = parts,
                            .msg_iovlen = 2,
                            .msg_control = control.room,
                            .msg_controllen = sizeof control.room };
        ssize_t n = recvmsg(l->watch.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        int err;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            link_close(l, n == 0 || errno == ECONNRESET ? ATR_ECLOSED : -errno);
            return;
        }
        if ((err = take_descriptors(l, &m)) < 0 ||
            (err = take_packet(l, first, into, (size_t)n - 1)) < 0)
            link_close(l, err);
    }
}

static void on_events(struct watch *w, uint32_t events)
{
    struct link *l = container_of(w, struct link, watch);

    if (events & EPOLLOUT)
        write_queue(l);
    if (!l->closing && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        read_packets(l, l->loop->read_buffer);
}

bool link_wait(struct link *l, int timeout_ms)
{
    struct pollfd p = { .fd = l->watch.fd, .events = POLLIN };
    uint8_t *own;

    if (l->closing || poll(&p, 1, timeout_ms) <= 0)
        return false;
    own = mem_alloc(LOOP_READ_BYTES);
    read_packets(l, own);
    mem_free(own);
    return true;
}

/* --- Life --- */

static void reap(struct loop_job *job)
{
    mem_free(container_of(job, struct link, reaper));
}

struct link *link_new(struct loop *loop, int fd, const struct link_events *events, void *owner)
{
    struct link *l = mem_zalloc(sizeof *l);

    l->loop = loop;
    l->events = events;
    l->owner = owner;
    l->queue_end = &l->queue;
    l->watch = (struct watch){ .fd = -1, .on_events = on_events };
    loop_job_init(&l->reaper, reap);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ SOCKET_BUFFER }, sizeof(int));
    if (loop_watch(loop, &l->watch, fd, EPOLLIN) < 0) {
        close(fd);
        mem_free(l);
        return NULL;
    }
    return l;
}

static int address_of(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof out->sun_path)
        return -ENAMETOOLONG;
    strcpy(out->sun_path, path);
    return 0;
}

int link_dial(const char *path)
{
    struct sockaddr_un a;
    int err = address_of(path, &a), fd;

    if (err < 0)
        return err;
    if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    err = -errno;
    close(fd);
    return err;
}

struct link *link_connect(struct loop *loop, const char *path, const struct link_events *events,
                          void *owner, int *err)
{
    struct link *l;
    int fd = link_dial(path);

    if (fd < 0) {
        *err = fd;
        return NULL;
    }
    if (!(l = link_new(loop, fd, events, owner)))
        *err = -ENOMEM;
    return l;
}

int link_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

void link_close(struct link *l, int err)
{
    int fd = l->watch.fd;

    if (l->closing)
        return;
    l->closing = true;
    loop_unwatch(l->loop, &l->watch);
    close(fd);
    for (struct link_packet *p = l->queue, *next; p; p = next) {
        next = p->next;
        packet_free(p);
    }
    l->queue = NULL;
    close_all(l->fds, l->fd_count);
    buf_free(&l->gathered);
    loop_doom(l->loop, &l->reaper);
    l->events->on_close(l, err);
}

static int peer_of(int fd, pid_t *pid, uid_t *uid)
{
    struct ucred who;
    socklen_t n = sizeof who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
        return -errno;
    *pid = who.pid;
    *uid = who.uid;
    return 0;
}

int link_peer(const struct link *l, pid_t *pid, uid_t *uid)
{
    return l->closing ? ATR_ECLOSED : peer_of(l->watch.fd, pid, uid);
}

/* --- Listening --- */

static void on_rested(struct timer *t)
{
    struct link_listener *l = container_of(t, struct link_listener, rest);

    if (loop_rewatch(l->loop, &l->watch, EPOLLIN) < 0)
        loop_timer(l->loop, t, REST_MS);
}

/* Those who connect wait meanwhile. */
static void rest(struct link_listener *l)
{
    l->rests++;
    if (loop_rewatch(l->loop, &l->watch, 0) == 0) /* else it is merely woken too early */
        loop_timer(l->loop, &l->rest, REST_MS);
}

static bool out_of_descriptors(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

static void on_connections(struct watch *w, uint32_t events)
{
    struct link_listener *l = container_of(w, struct link_listener, watch);

    (void)events;
    for (int i = 0; i < READ_BATCH && w->fd >= 0; i++) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        pid_t pid;
        uid_t uid = 0;

        if (fd < 0) {
            if (out_of_descriptors(errno))
                rest(l);
            return;
        }
        if (peer_of(fd, &pid, &uid) < 0 || (uid != 0 && uid != geteuid())) {
            l->refused++;
            close(fd);
            continue;
        }
        l->on_accept(l, fd);
    }
}

/* Binds, in place of a socket that nobody serves any more. */
static int bind_path(int fd, const char *path)
{
    struct sockaddr_un a;
    int err = address_of(path, &a), other;

    if (err < 0)
        return err;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    if ((other = link_dial(path)) >= 0) {
        close(other);
        return -EADDRINUSE;
    }
    if (other != -ECONNREFUSED || unlink(path) < 0)
        return -EADDRINUSE;
    return bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
}

int link_listen(struct link_listener *l, struct loop *loop, const char *path, char *why)
{
    int err, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    l->watch = (struct watch){ .fd = -1, .on_events = on_connections };
    l->loop = loop;
    l->path = NULL;
    l->refused = l->rests = 0;
    timer_init(&l->rest, on_rested);
    if (fd < 0)
        return err_why(why, -errno, "cannot make a socket: %s", strerror(errno));
    if ((err = bind_path(fd, path)) < 0)
        goto fail;
    if (chmod(path, 0600) < 0 || listen(fd, BACKLOG) < 0)
        err = -errno;
    else
        err = loop_watch(loop, &l->watch, fd, EPOLLIN);
    if (err == 0) {
        l->path = mem_dup(path, strlen(path) + 1);
        return 0;
    }
    unlink(path);
fail:
    close(fd);
    return err_why(why, err, "cannot listen on %s: %s", path,
                   err == -EADDRINUSE ? "another process does" : strerror(-err));
}

void link_listener_abandon(struct link_listener *l)
{
    int fd = l->watch.fd;

    if (fd < 0)
        return;
    loop_timer_stop(l->loop, &l->rest);
    loop_unwatch(l->loop, &l->watch);
    close(fd);
    mem_free(l->path);
    l->path = NULL;
}

void link_listener_close(struct link_listener *l)
{
    if (l->watch.fd >= 0)
        unlink(l->path);
    link_listener_abandon(l);
}
