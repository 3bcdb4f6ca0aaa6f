/* fuzz/fuzz_sio_thaw.c - any bytes as a client that another server has handed over.
 *
 * The first byte says whether a connection comes along. However it goes: a client is there, or the
 * descriptor is closed; its sockets are told to the owner from the loop, not before; it can be
 * written down again and read once more; and when it has gone nothing of it is left.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/exchange.h"
#include "fuzz.h"
#include "proto/http1_kept.h"
#include "socketio/client.h"
#include "socketio/cluster.h"
#include "socketio/handover.h"

/* --- A bus with one other node, which says nothing --- */

static const struct bus_node other = { 1, 1 };

static int publish(struct bus *b, const struct bus_note *n, uint64_t *number)
{
    (void)b, (void)n;
    *number = 0;
    return 0;
}

static int tell(struct bus *b, const struct bus_note *n)
{
    (void)b, (void)n;
    return 0;
}

static struct bus_node self(const struct bus *b)
{
    (void)b;
    return (struct bus_node){ 0, 1 };
}

static void nodes(const struct bus *b, bool (*fn)(void *arg, struct bus_node node), void *arg)
{
    (void)b;
    (void)fn(arg, other);
}

static uint64_t none(struct bus *b)
{
    (void)b;
    return 0;
}

static uint64_t no_epoch(const struct bus *b)
{
    (void)b;
    return 0;
}

static void range(const struct bus *b, uint64_t *first, uint64_t *last)
{
    (void)b;
    *first = 1;
    *last = 0;
}

static bool read_none(struct bus *b, uint64_t number,
                      bool (*want)(void *arg, const struct bus_message *m),
                      void (*on_body)(void *arg, const struct bus_message *m, struct msg *body),
                      void *arg)
{
    (void)b, (void)number, (void)want, (void)on_body, (void)arg;
    return false;
}

static void no_close(struct bus *b)
{
    (void)b;
}

static const struct bus_ops ops = { .name = "none",
                                    .publish = publish,
                                    .tell = tell,
                                    .self = self,
                                    .nodes = nodes,
                                    .catch_up = none,
                                    .epoch = no_epoch,
                                    .range = range,
                                    .read = read_none,
                                    .close = no_close };

/* --- A server whose owner does nothing --- */

static struct bus bus = { .ops = &ops };
static struct exchange exchange;
static struct loop loop;
static struct sio_server io;
static unsigned here;

static void on_connection(struct sio_socket *s)
{
    ASSERT(s->handed_over && s->recovered);
    (void)http1_kept_header(sio_socket_handshake(s)->head, STR("host"));
    here++;
}

static void on_event(struct sio_socket *s, str event, const struct sio_data *data, int64_t ack)
{
    (void)s, (void)event, (void)data, (void)ack;
}

static void on_leave(struct sio_socket *s, const char *reason, const char *description)
{
    (void)s, (void)reason, (void)description;
}

static void on_disconnect(struct sio_socket *s, const char *reason, const char *description)
{
    on_leave(s, reason, description);
    here--;
}

static void on_moved(struct sio_socket *s)
{
    (void)s;
    here--;
}

static const struct sio_events events = { .on_connection = on_connection,
                                          .on_event = on_event,
                                          .on_disconnecting = on_leave,
                                          .on_disconnect = on_disconnect,
                                          .on_moved = on_moved };

static void start(void)
{
    struct sio_options o;

    if (exchange.bus)
        return;
    sio_options_default(&o);
    o.recovery.enabled = true;
    ASSERT(loop_init(&loop) == 0);
    sio_server_init(&io, &loop, &o, &events, NULL);
    (void)sio_server_of(&io, STR("/"));
    (void)sio_server_of_matching(&io, NULL);
    io.options.cleanup_empty_child_namespaces = true;
    exchange_init(&exchange, &loop);
    exchange_use(&exchange, &bus);
    sio_cluster_open(&io, &exchange);
}

static void turn(void)
{
    ASSERT(loop_turn(&loop, 0) == 0);
}

static struct eio_session *first(void)
{
    struct list *at = io.engine.all.next;

    return at == &io.engine.all ? NULL : container_of(at, struct eio_session, link);
}

/* From hand to hand. */
static void again(void)
{
    struct eio_session *s = first();
    struct buf map = { 0 };
    int fd, err;

    if (!s || s->state != EIO_STATE_OPEN)
        return;
    err = sio_client_freeze(container_of(s, struct sio_client, session), &map, &fd);
    sio_server_tail_end(&io); /* nobody comes back before */
    if (err == 0) {
        ASSERT(sio_server_thaw(&io, buf_str(&map), fd, other) == 0);
        turn();
        turn();
    } else {
        ASSERT(map.len == 0);
    }
    buf_free(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy;
    int pair[2] = { -1, -1 };

    if (n == 0)
        return 0;
    start();
    copy = fuzz_copy(data + 1, n - 1);
    if (data[0] & 1)
        ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    if (sio_server_thaw(&io, str_n(copy, n - 1), pair[0], other) == 0) {
        ASSERT(here == 0);
        turn();
        turn();
        again();
    } else {
        turn();
        ASSERT(!first());
    }
    free(copy);
    close(pair[1]);
    sio_server_tail_end(&io);
    for (struct eio_session *s; (s = first());) {
        if (s->state == EIO_STATE_OPEN)
            eio_session_close(s, EIO_TRANSPORT_CLOSE, true);
        turn();
    }
    turn();
    ASSERT(here == 0 && io.sockets.count == 0 && io.acks.count == 0 && io.stats.sockets_open == 0);
    return 0;
}
