/* super/notify.h - what a service manager is told: sd_notify(3), spoken by hand.
 *
 * NOTIFY_SOCKET names a datagram socket; without it nothing is said. The manager expects a sign of
 * life within WATCHDOG_USEC, and gets one twice in that time, from the loop: when the loop hangs,
 * it ends. The variables are removed: they are not for the programs that we start.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_NOTIFY_H
#define SUPER_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "net/loop.h"

struct notify {
    struct loop *loop;
    int fd; /* -1: nobody is there */
    struct sockaddr_un to;
    socklen_t to_bytes;
    uint64_t every_ms; /* 0: no watchdog */
    struct timer ping;
    bool ready;
};

void notify_open(struct notify *n, struct loop *l);
void notify_close(struct notify *n);

void notify_ready(struct notify *n); /* once; later calls say nothing */
void notify_stopping(struct notify *n);

#endif
