/* tests/unit/api/test_drain.c - leaving at a pace: nobody new, those who are there sent away in
 * turn.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/app.h"

enum { CLIENTS = 120, AT_ONCE_MIN = 25, LONG_MS = 600000 };

static const char going_away[] = "\x88\x02\x03\xe9"; /* a close frame with 1001 */

static atr_app *app;
static uint16_t port;
static struct client {
    int fd;
    char text[1024];
    size_t n;
} clients[CLIENTS];

static int dial(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -errno;
}

static bool has(const struct client *c, const char *bytes, size_t n)
{
    return str_search(str_n(c->text, c->n), str_n(bytes, n)) >= 0;
}

static unsigned told(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < CLIENTS; i++)
        count += has(&clients[i], going_away, sizeof going_away - 1);
    return count;
}

/* One turn; then what came. */
static void turn(void)
{
    assert_int_equal(atr_app_turn(app, 20), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *c = &clients[i];
        ssize_t n = recv(c->fd, c->text + c->n, sizeof c->text - c->n, MSG_DONTWAIT);
        c->n += n > 0 ? (size_t)n : 0;
    }
}

static int begin(void **state)
{
    static const char request[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    char why[ATR_WHY_BYTES];
    bool open = false;

    (void)state;
    app = atr_app_new(NULL);
    (void)atr_app_io(app);
    port = (uint16_t)atr_app_listen(app, "127.0.0.1", 0, why);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ .fd = dial() };
        if (clients[i].fd < 0 || send(clients[i].fd, request, sizeof request - 1, 0) < 0)
            return -1;
    }
    for (int i = 0; i < 3000 && !open; i++) {
        open = true;
        turn();
        for (size_t c = 0; c < CLIENTS; c++)
            open = open && has(&clients[c], "\"sid\"", 5);
    }
    return open ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        close(clients[i].fd);
    atr_app_free(app);
    return 0;
}

static void clients_are_told_in_turn(void **state)
{
    unsigned before = 0, steps = 0;

    (void)state;
    app_drain(app, LONG_MS);
    app_drain(app, 0); /* changes nothing */
    for (int i = 0; i < 30000 && before < CLIENTS; i++) {
        turn();
        unsigned now = told();
        assert_true(now - before <= 2 * AT_ONCE_MIN); /* a late turn may see two ticks' */
        steps += now > before;
        before = now;
    }
    assert_int_equal(before, CLIENTS);
    assert_true(steps >= CLIENTS / (2 * AT_ONCE_MIN));
    assert_int_equal(dial(), -ECONNREFUSED);
    for (size_t i = 0; i < CLIENTS; i++)
        shutdown(clients[i].fd, SHUT_RDWR);
    assert_int_equal(atr_app_run(app), 0); /* which ends by itself */
    assert_true(atr_app_closing(app));
}

static void without_time_all_are_told_at_once(void **state)
{
    (void)state;
    app_drain(app, 0);
    for (int i = 0; i < 3000 && told() == 0; i++)
        turn();
    for (int i = 0; i < 3 && told() < CLIENTS; i++)
        turn(); /* the bytes are on their way */
    assert_int_equal(told(), CLIENTS);
}

static void somebody_new_is_refused(void **state)
{
    static const char again[] =
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char half[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n";
    struct client c = { .fd = dial() };

    (void)state;
    assert_true(c.fd >= 0);
    assert_true(send(c.fd, half, sizeof half - 1, 0) > 0);
    for (int i = 0; i < 3000 && !has(&c, "\"ok\"", 4); i++) {
        turn();
        ssize_t n = recv(c.fd, c.text + c.n, sizeof c.text - c.n, MSG_DONTWAIT);
        c.n += n > 0 ? (size_t)n : 0;
    }
    app_drain(app, LONG_MS);
    assert_true(send(c.fd, "Host: x\r\n\r\n", 11, 0) > 0); /* a request that had begun already */
    assert_true(send(c.fd, again, sizeof again - 1, MSG_NOSIGNAL) > 0);
    for (int i = 0; i < 3000 && !has(&c, " 503 ", 5); i++) {
        turn();
        ssize_t n = recv(c.fd, c.text + c.n, sizeof c.text - c.n, MSG_DONTWAIT);
        c.n += n > 0 ? (size_t)n : 0;
    }
    assert_true(has(&c, "\"closing\"", 9));
    assert_true(has(&c, "Connection: close", 17));
    close(c.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clients_are_told_in_turn, begin, end),
        cmocka_unit_test_setup_teardown(without_time_all_are_told_at_once, begin, end),
        cmocka_unit_test_setup_teardown(somebody_new_is_refused, begin, end)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
