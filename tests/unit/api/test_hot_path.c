/* tests/unit/api/test_hot_path.c - what a warm server allocates: nothing per echo, nothing per
 * recipient.
 *
 * A real server on a loopback port, real sockets as clients, one thread that does both in turn.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
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

static void on_connection(void *user, atr_socket *s)
{
    (void)s;
    ((struct world *)user)->connected++;
}

static void on_event(void *user, atr_socket *s, const atr_event *e)
{
    (void)user;
    if (e->name.n == 4)
        assert_int_equal(atr_socket_emit(s, &e->data, 0), 0);
    else if (e->name.n == 3)
        assert_int_equal(atr_socket_emit_text(s, "text", "0123456789abcdef"), 0);
    else
        assert_int_equal(atr_emit(atr_socket_namespace(s), NULL, &e->data), 0);
}

static void turn(struct world *w)
{
    assert_true(atr_app_turn(w->app, 0) >= 0);
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    char why[ATR_WHY_BYTES];
    atr_namespace_handlers h = ATR_NAMESPACE_HANDLERS_INIT;
    int err;

    w->app = atr_app_new(&err);
    h.on_connection = on_connection;
    h.on_event = on_event;
    atr_namespace_handle(atr_io_of(atr_app_io(w->app), ATR_STR("/")), &h, w);
    err = atr_app_listen(w->app, "127.0.0.1", 0, why);
    assert_true(err > 0);
    w->port = (uint16_t)err;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < w->count; i++)
        close(w->fds[i]);
    atr_app_free(w->app);
    mem_free(w);
    return 0;
}

/* Sends a masked text frame (key zero, so the payload stands as it is). */
static void send_frame(int fd, const char *payload)
{
    uint8_t frame[256] = { 0x81 };
    size_t n = strlen(payload);

    assert_true(n < 126);
    frame[1] = (uint8_t)(0x80 | n);
    memcpy(frame + 6, payload, n);
    assert_int_equal(send(fd, frame, 6 + n, MSG_NOSIGNAL), (ssize_t)(6 + n));
}

/* Turns the server until `wanted` bytes have come to fd, and reads them. */
static size_t receive(struct world *w, int fd, char *out, size_t size, size_t wanted)
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

static void connect_client(struct world *w)
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

static void echo_once(struct world *w, int fd)
{
    static const char event[] = "42[\"echo\",\"0123456789abcdef0123456789abcdef\"]";
    char in[256];

    send_frame(fd, event);
    size_t n = receive(w, fd, in, sizeof in, sizeof event - 1 + 2);
    assert_int_equal(n, sizeof event - 1 + 2);
    assert_memory_equal(in + 2, event, sizeof event - 1);
}

static void a_warm_echo_allocates_nothing(void **state)
{
    struct world *w = *state;

    connect_client(w);
    for (int i = 0; i < 20; i++)
        echo_once(w, w->fds[0]);
    uint64_t before = mem_count();
    for (int i = 0; i < 1000; i++)
        echo_once(w, w->fds[0]);
    assert_int_equal(mem_count() - before, 0);
}

static void ask_for_text(struct world *w, int fd)
{
    static const char answer[] = "42[\"text\",\"0123456789abcdef\"]";
    char in[256];

    send_frame(fd, "42[\"say\"]");
    assert_int_equal(receive(w, fd, in, sizeof in, sizeof answer - 1 + 2), sizeof answer - 1 + 2);
    assert_memory_equal(in + 2, answer, sizeof answer - 1);
}

static void a_plain_text_allocates_nothing(void **state)
{
    struct world *w = *state;

    connect_client(w);
    for (int i = 0; i < 20; i++)
        ask_for_text(w, w->fds[0]);
    uint64_t before = mem_count();
    for (int i = 0; i < 200; i++)
        ask_for_text(w, w->fds[0]);
    assert_int_equal(mem_count() - before, 0);
}

static void broadcast_once(struct world *w)
{
    static const char event[] = "42[\"all of you\",\"0123456789abcdef\"]";
    char in[256];

    send_frame(w->fds[0], event);
    for (int i = 0; i < w->count; i++)
        assert_int_equal(receive(w, w->fds[i], in, sizeof in, sizeof event - 1 + 2),
                         sizeof event - 1 + 2);
}

static void a_broadcast_allocates_nothing_per_recipient(void **state)
{
    struct world *w = *state;

    while (w->count < CLIENTS_MAX) {
        connect_client(w);
        if (w->count != 10 && w->count != CLIENTS_MAX)
            continue;
        for (int i = 0; i < 5; i++)
            broadcast_once(w);
        uint64_t before = mem_count();
        for (int i = 0; i < 50; i++)
            broadcast_once(w);
        assert_true(mem_count() - before <= 2 * 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_warm_echo_allocates_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plain_text_allocates_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broadcast_allocates_nothing_per_recipient, setup,
                                        teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
