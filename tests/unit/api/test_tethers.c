/* tests/unit/api/test_tethers.c - a client over TLS whose WebSocket goes to another application,
 * and what becomes of it when the first one leaves. Both applications are in this process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/app.h"
#include "cert.h"
#include "gateway/handover.h"
#include "net/tether.h"

enum { PATIENCE = 3000 };

static struct certs certs;
static atr_app *from, *to;
static SSL_CTX *context;
static SSL *client;
static char heard[4096];
static size_t heard_len;
static struct buf log_of_to;

static void on_message(void *user, atr_ws *ws, atr_str data, int binary)
{
    (void)user;
    assert_int_equal(atr_ws_send(ws, data, binary), 0);
}

static void on_close(void *user, atr_ws *ws, unsigned code, atr_str reason)
{
    (void)ws, (void)reason;
    if (user == &to)
        buf_format(&log_of_to, "close:%u;", code);
    else
        fail_msg("closed where it has gone from");
}

static void on_handed_over(void *user, atr_ws *ws, atr_str state)
{
    (void)state;
    assert_ptr_equal(user, &to);
    buf_format(&log_of_to, "address:%s;", atr_ws_address(ws).p);
}

static void set(atr_app *app, const char *name, const char *json)
{
    char why[ATR_WHY_BYTES] = "";

    if (atr_app_set(app, (atr_str){ name, strlen(name) }, (atr_str){ json, strlen(json) }, ATR_FLAG,
                    why) < 0)
        fail_msg("%s", why);
}

static atr_app *open_app(void *user)
{
    atr_websocket_handlers h = ATR_WEBSOCKET_HANDLERS_INIT;
    atr_app *app = atr_app_new(NULL);
    char why[ATR_WHY_BYTES] = "";

    h.on_message = on_message;
    h.on_close = on_close;
    h.on_handed_over = on_handed_over;
    if (!atr_websocket_new(app, ATR_STR("/ws"), (atr_str){ 0 }, &h, user, why))
        fail_msg("%s", why);
    return app;
}

static void turn(void)
{
    char bytes[1024];
    int n;

    assert_int_equal(atr_app_turn(from, 1), 0);
    if (to)
        assert_int_equal(atr_app_turn(to, 1), 0);
    while ((n = SSL_read(client, bytes, sizeof bytes)) > 0) {
        assert_true(heard_len + (size_t)n < sizeof heard);
        memcpy(heard + heard_len, bytes, (size_t)n);
        heard_len += (size_t)n;
    }
}

static bool hears(const char *bytes, size_t n)
{
    for (int i = 0; i < PATIENCE && str_search(str_n(heard, heard_len), str_n(bytes, n)) < 0; i++)
        turn();
    return str_search(str_n(heard, heard_len), str_n(bytes, n)) >= 0;
}
#define assert_hears(text) assert_true(hears(text, sizeof text - 1))

static void say(const char *bytes, size_t n)
{
    assert_int_equal(SSL_write(client, bytes, (int)n), (int)n);
}

static void dial(uint16_t port)
{
    static const char request[] = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), done = 0;

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    client = SSL_new(context);
    SSL_set_fd(client, fd);
    for (int i = 0; i < PATIENCE && done != 1; i++) {
        done = SSL_connect(client);
        assert_int_equal(atr_app_turn(from, 1), 0);
    }
    assert_int_equal(done, 1);
    say(request, sizeof request - 1);
    assert_hears("HTTP/1.1 101");
}

/* What came in and was not used, and a message half come in, go along. */
static void move(void)
{
    struct buf map = { 0 };
    size_t used;
    int fd;

    say("\x81\x84\0\0\0\0ha", 8);
    for (int i = 0; i < 10; i++)
        turn();
    to = open_app(&to);
    assert_int_equal(
        gateway_conn_freeze(gateway_conn_next(&from->gateway, &(uint32_t){ 0 }), &map, &fd), 0);
    assert_int_equal(gateway_conn_thaw(&to->gateway, buf_str(&map), &used, fd), 0);
    buf_free(&map);
    say("lf", 2);
    assert_hears("\x81\x04half");
    assert_int_equal(tether_stats.open, 1);
    assert_str(buf_str(&log_of_to), "address:127.0.0.1;");
}

static int begin(void **state)
{
    char json[512], why[ATR_WHY_BYTES] = "";
    int port;

    (void)state;
    certs_open(&certs);
    cert_make(&certs, "server", &(struct cert){ .common_name = "localhost" });
    context = SSL_CTX_new(TLS_client_method());
    heard_len = 0;
    from = open_app(&from);
    snprintf(json, sizeof json, "\"%s\"", certs_path(&certs, "server.crt"));
    set(from, "tlsCert", json);
    snprintf(json, sizeof json, "\"%s\"", certs_path(&certs, "server.key"));
    set(from, "tlsKey", json);
    set(from, "tlsLinger", "300");
    port = atr_app_listen(from, "127.0.0.1", 0, why);
    if (port <= 0)
        fail_msg("%s", why);
    dial((uint16_t)port);
    return 0;
}

static int end(void **state)
{
    (void)state;
    close(SSL_get_fd(client));
    SSL_free(client);
    SSL_CTX_free(context);
    atr_app_free(from);
    if (to)
        atr_app_free(to);
    to = NULL;
    buf_free(&log_of_to);
    certs_close(&certs);
    assert_int_equal(tether_stats.open, 0);
    return 0;
}

/* The first application stays for tlsLinger, and ends when the client has been sent away. */
static void it_is_relayed_and_then_sent_away(void **state)
{
    (void)state;
    move();
    app_drain(from, 0);
    say("\x81\x82\0\0\0\0on", 8);
    assert_hears("\x81\x02on");
    assert_hears("\x88\x02\x03\xe9"); /* 1001 */
    assert_str(buf_str(&log_of_to), "address:127.0.0.1;close:1001;");
    for (int i = 0; i < PATIENCE && tether_stats.open; i++)
        turn();
    assert_int_equal(tether_stats.open, 0);
    assert_int_equal(SSL_get_shutdown(client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    close(SSL_get_fd(client)); /* else it would be waited for */
    SSL_set_fd(client, -1);
    assert_int_equal(atr_app_run(from), 0); /* which ends by itself */
}

static void a_client_that_leaves(void **state)
{
    (void)state;
    move();
    SSL_shutdown(client);
    close(SSL_get_fd(client));
    SSL_set_fd(client, -1);
    for (int i = 0; i < PATIENCE && !strstr((char *)log_of_to.data, "close"); i++) {
        assert_int_equal(atr_app_turn(from, 1), 0);
        assert_int_equal(atr_app_turn(to, 1), 0);
    }
    assert_str(buf_str(&log_of_to), "address:127.0.0.1;close:1006;");
    app_drain(from, 0);
    assert_int_equal(atr_app_run(from), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_relayed_and_then_sent_away, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_leaves, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
