/* super/notify.c - see notify.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

static void say(const struct notify *n, const char *what)
{
    if (n->fd >= 0 && sendto(n->fd, what, strlen(what), MSG_NOSIGNAL | MSG_DONTWAIT,
                             (const struct sockaddr *)&n->to, n->to_bytes) < 0)
        log_event(LOG_WARN, "notify-failed", "what=%s", what);
}

/* "/a/path", or "@name" in the abstract name space. */
static bool read_address(struct notify *n, const char *name)
{
    size_t bytes = name ? strlen(name) : 0;

    if (bytes < 2 || bytes >= sizeof n->to.sun_path || (*name != '/' && *name != '@'))
        return false;
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, bytes);
    if (*name == '@')
        n->to.sun_path[0] = 0;
    n->to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes + (*name == '/'));
    return true;
}

static uint64_t watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t n, whose;

    if (!usec || str_to_u64(str_of(usec), UINT64_MAX, &n) < 0 || n < 2000)
        return 0;
    if (pid && (str_to_u64(str_of(pid), INT32_MAX, &whose) < 0 || whose != (uint64_t)getpid()))
        return 0; /* meant for another process */
    return n / 1000;
}

static void on_ping(struct timer *t)
{
    struct notify *n = container_of(t, struct notify, ping);

    say(n, "WATCHDOG=1");
    loop_timer(n->loop, t, n->every_ms);
}

void notify_open(struct notify *n, struct loop *l)
{
    *n = (struct notify){ .loop = l, .fd = -1 };
    timer_init(&n->ping, on_ping);
    if (read_address(n, getenv("NOTIFY_SOCKET"))) {
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        n->every_ms = watchdog_ms() / 2;
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    if (n->every_ms)
        loop_timer(l, &n->ping, n->every_ms);
}

void notify_close(struct notify *n)
{
    loop_timer_stop(n->loop, &n->ping);
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

void notify_ready(struct notify *n)
{
    char text[64];

    if (n->ready)
        return;
    n->ready = true;
    (void)snprintf(text, sizeof text, "READY=1\nMAINPID=%d", (int)getpid());
    say(n, text);
}

void notify_stopping(struct notify *n)
{
    say(n, "STOPPING=1");
}
