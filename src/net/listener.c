/* net/listener.c - opening a listening socket, and accepting from it in batches.
 *
 * Invariants
 *   - listener_close() copes with a half-open listener, so opening has one way to fail;
 *   - no error of accept4() makes the loop spin: either the next connection may be better, or the
 *     listener rests.
 *
 * Start reading at listener_open().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A batch bounds how long others wait for their turn; what is left is reported again. */
enum { LISTENER_BACKLOG = 4096, LISTENER_BATCH = 64, LISTENER_REST_MS = 100 };

/* --- Accepting --- */

static void on_rested(struct timer *t)
{
    struct listener *l = container_of(t, struct listener, rest);

    if (loop_rewatch(l->loop, &l->watch, EPOLLIN) < 0)
        loop_timer(l->loop, t, LISTENER_REST_MS);
}

static void rest(struct listener *l)
{
    l->refused++;
    if (loop_rewatch(l->loop, &l->watch, 0) == 0) /* else it is merely woken too early */
        loop_timer(l->loop, &l->rest, LISTENER_REST_MS);
}

/* Errors of the connection that was about to be accepted, not of the listener: accept(2). */
static bool of_connection(int err)
{
    switch (err) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static void on_events(struct watch *w, uint32_t events)
{
    struct listener *l = container_of(w, struct listener, watch);

    (void)events;
    for (int i = 0; i < LISTENER_BATCH && w->fd >= 0; i++) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accepted++;
            l->on_accept(l, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (!of_connection(errno)) {
            rest(l); /* EMFILE, ENFILE, ENOBUFS, ENOMEM: there is none to be had now */
            return;
        }
    }
}

/* --- Opening --- */

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage storage;
};

struct place {
    union address address;
    socklen_t len;
    const char *host; /* for messages */
    uint16_t port;
    bool dual; /* IPv4 as well */
};

static struct place everywhere(int family, uint16_t port)
{
    struct place p = { .port = port };

    if (family == AF_INET6) {
        p.address.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
        p.len = sizeof p.address.in6;
        p.host = "::";
        p.dual = true;
    } else {
        p.address.in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
        p.len = sizeof p.address.in;
        p.host = "0.0.0.0";
    }
    return p;
}

static int resolve(struct place *p, const char *host, uint16_t port, char *why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
    char service[8];
    int err;

    snprintf(service, sizeof service, "%u", port);
    if ((err = getaddrinfo(host, service, &hints, &found)) != 0)
        return err_why(why, ATR_EUNKNOWN, "cannot resolve host '%s': %s", host, gai_strerror(err));
    *p = (struct place){ .len = found->ai_addrlen, .host = host, .port = port };
    memcpy(&p->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

static int explain(const struct place *p, int err, char *why)
{
    switch (-err) {
    case EADDRINUSE:
        return err_why(why, err, "port %u is already in use on %s", p->port, p->host);
    case EACCES:
        return err_why(why, err, "no permission to listen on port %u of %s", p->port, p->host);
    case EADDRNOTAVAIL:
        return err_why(why, err, "%s is not an address of this machine", p->host);
    default:
        return err_why(why, err, "cannot listen on port %u of %s: %s", p->port, p->host,
                       strerror(-err));
    }
}

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* A listening socket at that place, or a negative errno. */
static int open_socket(const struct place *p)
{
    int fd, err;

    fd = socket(p->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Accepted sockets inherit TCP_NODELAY, which saves a call for each. */
    if ((err = set(fd, SOL_SOCKET, SO_REUSEADDR, 1)) < 0 ||
        (err = set(fd, IPPROTO_TCP, TCP_NODELAY, 1)) < 0)
        goto fail;
    if (p->address.any.sa_family == AF_INET6 &&
        (err = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !p->dual)) < 0)
        goto fail;
    if (bind(fd, &p->address.any, p->len) < 0 || listen(fd, LISTENER_BACKLOG) < 0) {
        err = -errno;
        goto fail;
    }
    return fd;
fail:
    close(fd);
    return err;
}

/* Whether a failure for [::] says that the machine has no IPv6. */
static bool lacks_ipv6(int err)
{
    return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL || err == -EPROTONOSUPPORT ||
           err == -ENOPROTOOPT;
}

static uint16_t bound_port(int fd)
{
    union address a = { 0 };
    socklen_t len = sizeof a;

    if (getsockname(fd, &a.any, &len) < 0)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
}

int listener_bind(const char *host, uint16_t port, char *why)
{
    struct place p;
    int fd, err;

    if (host && *host) {
        if ((err = resolve(&p, host, port, why)) < 0)
            return err;
        fd = open_socket(&p);
    } else {
        p = everywhere(AF_INET6, port);
        if (lacks_ipv6(fd = open_socket(&p))) {
            p = everywhere(AF_INET, port);
            fd = open_socket(&p);
        }
    }
    return fd < 0 ? explain(&p, fd, why) : fd;
}

int listener_adopt(struct listener *l, struct loop *loop, int fd, char *why)
{
    int err;

    l->loop = loop;
    l->watch = (struct watch){ .fd = -1, .on_events = on_events };
    timer_init(&l->rest, on_rested);
    l->accepted = l->refused = 0;
    l->port = bound_port(fd);
    if ((err = loop_watch(loop, &l->watch, fd, EPOLLIN)) < 0) {
        close(fd);
        return err_why(why, err, "cannot watch port %u: %s", l->port, strerror(-err));
    }
    return 0;
}

int listener_open(struct listener *l, struct loop *loop, const char *host, uint16_t port, char *why)
{
    int fd;

    l->watch.fd = -1; /* closing it is fine, whatever happens */
    fd = loop->lend_listener ? loop->lend_listener(loop->lender, host, port, why)
                             : listener_bind(host, port, why);
    return fd < 0 ? fd : listener_adopt(l, loop, fd, why);
}

void listener_close(struct listener *l)
{
    int fd = l->watch.fd;

    if (fd < 0)
        return;
    loop_timer_stop(l->loop, &l->rest);
    loop_unwatch(l->loop, &l->watch);
    close(fd);
}
