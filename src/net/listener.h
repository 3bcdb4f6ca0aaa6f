/* net/listener.h - accepting TCP connections on host and port, dual stack by default.
 *
 * When descriptors run out the listener rests for a moment instead of spinning, and counts it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/loop.h"

struct listener {
    struct watch watch;
    struct loop *loop;
    struct timer rest; /* while out of descriptors */
    /* fd is non-blocking, close-on-exec, TCP_NODELAY. The callee owns it. */
    void (*on_accept)(struct listener *l, int fd);
    void *owner;
    uint16_t port;              /* bound port, also when 0 was asked for */
    uint64_t accepted, refused; /* refused: no descriptor left */
};

/* host NULL or "": all addresses of both families. A loop with lend_listener gives the socket. On
 * failure the listener is closed and `why` names the address and the reason. */
int listener_open(struct listener *l, struct loop *loop, const char *host, uint16_t port,
                  char *why) MUST_CHECK;
/* The same with a socket that listens already; on failure it is closed. */
int listener_adopt(struct listener *l, struct loop *loop, int fd, char *why) MUST_CHECK;
void listener_close(struct listener *l); /* idempotent */

/* Only the socket: a listening descriptor, or a negative code with the reason in why. */
int listener_bind(const char *host, uint16_t port, char *why) MUST_CHECK;

#endif
