/* bench/floor.c - the floor: a bare epoll loop that moves a WebSocket server's bytes and does nothing else.
 *
 * No limits, no timers, no UTF-8, no closing handshake, no fragments, fixed tables: what remains when all
 * that makes a server is taken away. It echoes each text frame; one that begins with "*" goes to everyone.
 * Writes are gathered: one send per connection and iteration, as any good server does.
 *
 * Written once, so that figures measured against it stay comparable.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS = 70000, EVENTS = 512, READ_BYTES = 65536, OUT_BYTES = 65536 };

static struct conn {
    unsigned char *out;      /* bytes gathered for the next send; NULL: none */
    uint32_t out_len;
    uint8_t open, upgraded;
} conns[CONNS];
static int top, dirty[CONNS], dirty_count, epoll_fd;
static unsigned char input[READ_BYTES];
static unsigned char *spare[CONNS];
static int spare_count;

static void flush(int fd)
{
    struct conn *c = &conns[fd];

    if (c->out && c->open && send(fd, c->out, c->out_len, MSG_NOSIGNAL) < 0) {
        close(fd);
        c->open = 0;
    }
    if (c->out)
        spare[spare_count++] = c->out;
    c->out = NULL;
    c->out_len = 0;
}

static void put(int fd, const unsigned char *p, uint32_t n)
{
    struct conn *c = &conns[fd];

    if (!c->out) {
        c->out = spare_count ? spare[--spare_count] : malloc(OUT_BYTES);
        dirty[dirty_count++] = fd;
    }
    if (c->out_len + n > OUT_BYTES)
        return; /* the load generator never has so much in flight */
    memcpy(c->out + c->out_len, p, n);
    c->out_len += n;
}

/* The frame at p, unmasked in place and answered. Returns its length; 0 when it is not whole. */
static size_t frame(int fd, unsigned char *p, size_t n)
{
    unsigned char head[4];
    size_t at = 2, len;

    if (n < 6 || (len = p[1] & 127) > 126)
        return 0;
    if (len == 126) {
        len = (size_t)p[2] << 8 | p[3];
        at = 4;
    }
    if (n < at + 4 + len)
        return 0;
    unsigned char *mask = p + at, *data = mask + 4;
    for (size_t i = 0; i < len; i++)
        data[i] ^= mask[i & 3];
    memcpy(head, p, 4);
    head[1] &= 127;
    memcpy(data - at, head, at); /* the answer's header, right before the data */
    if (len && data[0] == '*') {
        for (int to = 0; to <= top; to++)
            if (conns[to].upgraded && conns[to].open)
                put(to, data - at, (uint32_t)(at + len));
    } else {
        put(fd, data - at, (uint32_t)(at + len));
    }
    return at + 4 + len;
}

static void readable(int fd)
{
    static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    struct conn *c = &conns[fd];
    ssize_t n = recv(fd, input, sizeof input, 0);
    size_t used = 0, one;

    if (n <= 0) {
        close(fd);
        *c = (struct conn){ 0 };
        return;
    }
    if (!c->upgraded) {
        c->upgraded = 1;
        put(fd, (const unsigned char *)hello, sizeof hello - 1);
        return;
    }
    while (used < (size_t)n && (one = frame(fd, input + used, (size_t)n - used)))
        used += one;
}

static void accept_one(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

    if (fd < 0 || fd >= CONNS)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    conns[fd] = (struct conn){ .open = 1 };
    if (fd > top)
        top = fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN, .data.fd = fd });
}

int main(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    struct epoll_event events[EVENTS];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ CONNS, CONNS });
    if (bind(listener, (struct sockaddr *)&a, size) || listen(listener, 4096))
        return 1;
    getsockname(listener, (struct sockaddr *)&a, &size);
    printf("http://127.0.0.1:%d\n", ntohs(a.sin_port));
    fflush(stdout);
    epoll_fd = epoll_create1(0);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &(struct epoll_event){ .events = EPOLLIN, .data.fd = listener });
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            if (events[i].data.fd == listener)
                accept_one(listener);
            else
                readable(events[i].data.fd);
        for (int i = 0; i < dirty_count; i++)
            flush(dirty[i]);
        dirty_count = 0;
    }
}
