/* tests/unit/api/world.h - a real server on a loopback port, real sockets as clients, one thread
 * that does both in turn.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_API_WORLD_H
#define UNIT_API_WORLD_H

#include "test.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "atrium/atrium.h"
#include "base/mem.h"

enum { CLIENTS_MAX = 200 };

struct world {
    atr_app *app;
    uint16_t port;
    int fds[CLIENTS_MAX];
    int count;
    int connected;
};

static inline void turn(struct world *w)
{
    assert_true(atr_app_turn(w->app, 0) >= 0);
}

static inline int teardown(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < w->count; i++)
        close(w->fds[i]);
    atr_app_free(w->app);
    mem_free(w);
    return 0;
}

/* Sends a masked text frame (key zero, so the payload stands as it is). */
static inline void send_frame(int fd, const char *payload)
{
    uint8_t frame[256] = { 0x81 };
    size_t n = strlen(payload);

    assert_true(n < 126);
    frame[1] = (uint8_t)(0x80 | n);
    memcpy(frame + 6, payload, n);
    assert_int_equal(send(fd, frame, 6 + n, MSG_NOSIGNAL), (ssize_t)(6 + n));
}

/* Turns the server until `wanted` bytes have come to fd, and reads them. */
static inline size_t receive(struct world *w, int fd, char *out, size_t size, size_t wanted)
{
    size_t n = 0;

    for (int tries = 0; n < wanted && tries < 10000; tries++) {
        turn(w);
        ssize_t got = recv(fd, out + n, size - n, MSG_DONTWAIT);
        if (got > 0)
            n += (size_t)got;
        else
            (void)poll(NULL, 0, 0);
    }
    assert_true(n >= wanted);
    return n;
}

static inline void connect_client(struct world *w)
{
    static const char upgrade[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n";
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), before = w->connected;
    char in[4096];

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
    assert_int_equal(send(fd, upgrade, sizeof upgrade - 1, 0), (ssize_t)sizeof upgrade - 1);
    (void)receive(w, fd, in, sizeof in, 150); /* the 101 and the open packet */
    send_frame(fd, "40");
    while (w->connected == before)
        turn(w);
    for (int i = 0; i < 3; i++)
        turn(w);
    while (recv(fd, in, sizeof in, MSG_DONTWAIT) > 0)
        ;
    w->fds[w->count++] = fd;
}

#endif
