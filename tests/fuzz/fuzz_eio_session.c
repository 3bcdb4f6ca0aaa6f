/* fuzz/fuzz_eio_session.c - any bytes as the state of a session that comes from another process.
 *
 * The first byte says whether a descriptor comes along. What thaws is a session like any other: it
 * is let read, written to, frozen again, and what that gave thaws to the same. What does not has
 * left nothing behind, its descriptor neither.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engineio/handover.h"
#include "fuzz.h"

static struct loop loop;
static struct eio_server server;
static unsigned closed;

static void on_message(struct eio_session *s, bool binary, uint8_t *data, size_t n)
{
    struct msg *m = ws_msg(binary ? WS_BINARY : WS_TEXT, str_n((char *)data, n));

    (void)eio_session_send(s, &m, 1);
    msg_unref(m);
}

static void on_close(struct eio_session *s, enum eio_reason reason, const char *description)
{
    (void)s, (void)reason, (void)description;
    closed++;
}

static void turn(void)
{
    ASSERT(loop_turn(&loop, 0) == 0);
}

static void begin(void)
{
    static const struct eio_events events = {
        .session_bytes = sizeof(struct eio_session),
        .on_message = on_message,
        .on_close = on_close,
    };
    struct eio_options o;

    if (server.loop)
        return;
    eio_options_default(&o);
    o.message_bytes_max = 1000;
    ASSERT(loop_init(&loop) == 0);
    eio_server_init(&server, &loop, &o, &events, NULL);
}

static uint64_t open_now(void)
{
    ASSERT(server.sessions.count == server.stats.polling_open + server.stats.websocket_open);
    return server.sessions.count;
}

/* Reads, writes, moves once more. NULL: it came to its end on the way. */
static struct eio_session *live(struct eio_session *s)
{
    struct buf map = { 0 };
    struct eio_session *again;
    size_t used;
    int fd;

    eio_session_release(s);
    (void)eio_session_send(s, &server.ping, 1);
    turn();
    turn();
    if (!open_now())
        return NULL;
    if (eio_session_freeze(s, &map, &fd) < 0)
        return s;
    eio_session_bury(s);
    again = eio_session_thaw(&server, buf_str(&map), &used, fd);
    ASSERT(again && used == map.len);
    buf_free(&map);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct eio_session *s;
    int fds[2] = { -1, -1 };
    size_t used;

    begin();
    if (n == 0)
        return 0;
    if (data[0] & 1)
        ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    str in = { fuzz_copy(data + 1, n - 1), n - 1 };
    s = eio_session_thaw(&server, in, &used, fds[0]);
    free((void *)(uintptr_t)in.p);
    if (s) {
        ASSERT(used <= n - 1 && open_now() == 1);
        s = live(s);
    } else {
        ASSERT(open_now() == 0);
        ASSERT(fds[0] < 0 || fcntl(fds[0], F_GETFD) < 0);
    }
    if (s)
        eio_session_close(s, EIO_FORCED_CLOSE, true);
    if (fds[1] >= 0)
        close(fds[1]);
    turn();
    turn();
    ASSERT(open_now() == 0 && list_empty(&server.all));
    return 0;
}
