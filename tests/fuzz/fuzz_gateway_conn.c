/* fuzz/fuzz_gateway_conn.c - any bytes as the state of a plain WebSocket that comes from another
 * process.
 *
 * What thaws is a connection like any other: its owner is told, it is published to, frozen again,
 * and what that gave thaws too. What does not has left nothing behind, its descriptor neither.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "gateway/channel.h"
#include "gateway/handover.h"
#include "proto/http1_kept.h"

static struct loop loop;
static struct gateway gateway;
static struct gateway_endpoint endpoint;
static struct buf left;
static unsigned thawed, gone;

static void on_message(struct gateway_conn *c, bool binary, uint8_t *data, size_t n)
{
    (void)gateway_conn_send(c, str_n(data, n), binary, STR(""));
}

static void on_close(struct gateway_conn *c, unsigned code, str reason)
{
    (void)c, (void)code, (void)reason;
    gone++;
}

static void on_freeze(struct gateway_conn *c, struct buf *state)
{
    (void)c;
    gone++;
    buf_add(state, buf_str(&left));
}

static void on_thaw(struct gateway_conn *c, str state)
{
    str rest = http1_kept_headers(gateway_conn_head(c)), name, value;

    while (http1_kept_next(&rest, &name, &value))
        ASSERT(name.n + value.n <= gateway_conn_head(c).n);
    if (gateway_conn_client(c))
        ASSERT(strlen(gateway_conn_client(c)) < SIZE_MAX);
    buf_clear(&left);
    buf_add(&left, state);
    thawed++;
}

static void turn(void)
{
    ASSERT(loop_turn(&loop, 0) == 0);
}

static void begin(void)
{
    static const struct gateway_events events = {
        .on_message = on_message, .on_close = on_close, .on_freeze = on_freeze, .on_thaw = on_thaw
    };
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;

    if (gateway.loop)
        return;
    o.keep_head = true;
    ASSERT(loop_init(&loop) == 0);
    gateway_init(&gateway, &loop);
    gateway_endpoint_init(&endpoint, &gateway, &o, &events, NULL);
    endpoint.path = STR("/ws");
}

static struct gateway_conn *first(void)
{
    return gateway_conn_next(&gateway, &(uint32_t){ 0 });
}

static int take(str map, int fd)
{
    size_t used;
    int err = gateway_conn_thaw(&gateway, map, &used, fd);

    ASSERT(err < 0 || used <= map.n);
    ASSERT(err == 0 || fcntl(fd, F_GETFD) < 0);
    return err;
}

static void live(void)
{
    struct buf map = { 0 };
    int fd;

    turn();
    (void)gateway_publish(&gateway, STR("news"), STR("x"), false, STR(""), NULL);
    turn();
    if (first() && gateway_conn_freeze(first(), &map, &fd) == 0) {
        ASSERT(!first());
        ASSERT(take(buf_str(&map), fd) == 0);
        turn();
    }
    buf_free(&map);
    if (first())
        gateway_conn_abort(first());
    turn();
    turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = { fuzz_copy(data, n), n };
    int fds[2];

    begin();
    thawed = gone = 0;
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    if (take(in, fds[0]) == 0)
        live();
    free((void *)(uintptr_t)in.p);
    close(fds[1]);
    turn();
    ASSERT(thawed == gone && gateway.conns.count == 0 && endpoint.open == 0);
    return 0;
}
