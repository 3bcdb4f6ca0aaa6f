/* tests/unit/api/test_app.c - how an application ends: in good order, or with everything open.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "atrium/atrium.h"
#include "base/mem.h"

enum { LARGE_BYTES = 8 << 20, GRACE_MS = 20000 };

static int connect_to(uint16_t port, int receive_bytes)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (receive_bytes)
        assert_int_equal(
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static uint16_t listen_on_a_port(atr_app *app)
{
    char why[ATR_WHY_BYTES];
    int port = atr_app_listen(app, "127.0.0.1", 0, why);

    assert_true(port > 0);
    return (uint16_t)port;
}

/* --- In good order --- */

static void serve_large(void *user, atr_request *r)
{
    char *body = mem_zalloc(LARGE_BYTES);
    atr_response res = { .type = ATR_STR("text/plain"), .body = { body, LARGE_BYTES } };

    assert_int_equal(atr_respond(r, &res), 0);
    mem_free(body);
    atr_app_close(user, GRACE_MS);
}

/* Reads to the end, after the server has begun to close. */
static void *read_slowly(void *user)
{
    int fd = *(int *)user;
    size_t got = 0;
    ssize_t n;
    char in[65536];

    usleep(100000);
    while ((n = recv(fd, in, sizeof in, 0)) > 0)
        got += (size_t)n;
    close(fd);
    return (void *)got;
}

/* An answer that the application has given is written, however slowly the client takes it. */
static void closing_waits_for_answers_under_way(void **state)
{
    int err, fd;
    atr_app *app = atr_app_new(&err);
    pthread_t reader;
    void *got;
    (void)state;

    assert_non_null(app);
    assert_int_equal(atr_http_route(app, ATR_STR("GET"), ATR_STR("/large"), serve_large, app), 0);
    fd = connect_to(listen_on_a_port(app), 4096);
    say(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &fd), 0);
    assert_int_equal(atr_app_run(app), 0);
    atr_app_free(app);
    assert_int_equal(pthread_join(reader, &got), 0);
    assert_true((size_t)got > LARGE_BYTES);
}

/* --- With everything open --- */

struct open {
    atr_app *app;
    int events, closes, answers, asked;
};

static void count_event(void *user)
{
    ((struct open *)user)->events++;
}

static void wait_for_ever(void *user, atr_request *r)
{
    (void)r;
    ((struct open *)user)->asked++;
}

static void ask_for_ever(void *user, atr_request *r, atr_decision d)
{
    (void)d;
    wait_for_ever(user, r);
}

static void on_engine_close(void *user, atr_engine_socket *s, const char *reason,
                            const char *description)
{
    (void)s, (void)description;
    assert_string_equal(reason, "server shutting down");
    ((struct open *)user)->closes++;
}

static void on_ws_open(void *user, atr_ws *ws, atr_request *r)
{
    (void)r;
    assert_true(atr_ws_subscribe(ws, ATR_STR("all")) >= 0);
    count_event(user);
}

static void on_ws_close(void *user, atr_ws *ws, unsigned code, atr_str reason)
{
    (void)ws, (void)code, (void)reason;
    ((struct open *)user)->closes++;
}

static void on_rows(void *user, int err, const char *message, const atr_rows *rows)
{
    (void)err, (void)message, (void)rows;
    ((struct open *)user)->answers++;
}

#define UPGRADE                                                                                    \
    " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                        \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static void serve_all_kinds(struct open *o)
{
    atr_websocket_handlers h = ATR_WEBSOCKET_HANDLERS_INIT;
    atr_engine_handlers eh = ATR_ENGINE_HANDLERS_INIT;
    char why[ATR_WHY_BYTES];
    atr_engine *e;

    h.on_open = on_ws_open;
    h.on_close = on_ws_close;
    eh.on_close = on_engine_close;
    assert_non_null(atr_websocket_new(o->app, ATR_STR("/ws"), ATR_STR(""), &h, o, why));
    h.on_upgrade = ask_for_ever;
    assert_non_null(atr_websocket_new(o->app, ATR_STR("/asked"), ATR_STR(""), &h, o, why));
    assert_non_null(atr_engine_new(o->app, ATR_STR("{\"path\":\"/engine\"}"), &eh, o, why));
    e = atr_engine_new(o->app, ATR_STR("{\"path\":\"/asking\"}"), &eh, o, why);
    assert_non_null(e);
    atr_engine_on_allow_request(e, ask_for_ever, o);
    assert_int_equal(atr_http_route(o->app, ATR_STR("GET"), ATR_STR("/never"), wait_for_ever, o),
                     0);
    (void)atr_app_io(o->app);
    assert_true(atr_timer_start(o->app, 3600000, 1000, count_event, o) != 0);
}

static void everything_open_is_freed(void **state)
{
    static const char *const requests[] = {
        "",                                           /* not a word */
        "GET / HT",                                   /* half a head */
        "POST /engine/?EIO=4 HTTP/1.1\r\nHost: x\r\n" /* half a body */
        "Content-Length: 10\r\n\r\nabc",
        "GET /never HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /* lingers */
        "GET /engine/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /asking/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /asking/?EIO=4&transport=websocket" UPGRADE,
        "GET /engine/?EIO=4&transport=websocket" UPGRADE,
        "GET /engine/?EIO=4&transport=websocket" UPGRADE "\x81\xfe", /* half a frame */
        "GET /socket.io/?EIO=4&transport=websocket" UPGRADE "\x81\x82",
        "GET /ws" UPGRADE,
        "GET /ws" UPGRADE "\x01\x83",
        "GET /asked" UPGRADE,
    };
    enum { REQUESTS = sizeof requests / sizeof *requests };
    struct open o = { 0 };
    int err, fds[REQUESTS];
    uint16_t port;
    atr_sqlite *db;
    (void)state;

    o.app = atr_app_new(&err);
    assert_non_null(o.app);
    serve_all_kinds(&o);
    port = listen_on_a_port(o.app);
    for (int i = 0; i < REQUESTS; i++) {
        fds[i] = connect_to(port, 0);
        say(fds[i], requests[i]);
    }
    for (int i = 0; i < 1000 && (o.asked < 4 || o.events < 2); i++)
        assert_true(atr_app_turn(o.app, 5) >= 0);
    assert_int_equal(o.asked, 4);
    assert_int_equal(o.events, 2);
    for (int i = 0; i < 3; i++)
        assert_true(atr_app_turn(o.app, 5) >= 0);
    db = atr_sqlite_open(o.app, ATR_STR(":memory:"));
    assert_int_equal(atr_sqlite_query(db, ATR_STR("select 1"), NULL, 0, on_rows, &o), 0);
    atr_app_post(o.app, count_event, &o);
    atr_app_free(o.app);
    assert_int_equal(o.events, 3); /* what was posted has run */
    assert_int_equal(o.answers, 1);
    assert_int_equal(o.closes, 5);
    for (int i = 0; i < REQUESTS; i++)
        close(fds[i]);
}

/* --- Without the browser client --- */

static void count_warning(void *user, int level, const char *line)
{
    (void)level;
    *(int *)user += strstr(line, "client-missing") != NULL;
}

static void a_missing_client_is_said_once(void **state)
{
    int err, warnings = 0;
    atr_app *app = atr_app_new(&err);
    char why[ATR_WHY_BYTES];
    (void)state;

    assert_int_equal(setenv("ATRIUM_CLIENT_DIR", "/nowhere", 1), 0);
    atr_log_to(count_warning, &warnings);
    (void)atr_app_io(app);
    assert_int_equal(atr_app_set(app, ATR_STR("pingTimeout"), ATR_STR("300"), ATR_SCRIPT, why), 0);
    assert_int_equal(atr_app_set(app, ATR_STR("pingInterval"), ATR_STR("400"), ATR_SCRIPT, why), 0);
    atr_log_to(NULL, NULL);
    assert_int_equal(unsetenv("ATRIUM_CLIENT_DIR"), 0);
    atr_app_free(app);
    assert_int_equal(warnings, 1);
}

/* --- Out of descriptors --- */

static void find_refused(void *user, const atr_metric *m)
{
    if (!strcmp(m->name, "atrium_http_errors_total") && !strcmp(m->labels, "reason=\"accept\""))
        *(double *)user = m->value;
}

/* Connections that cannot be accepted wait, and whoever watches can see that there are such. */
static void a_lack_of_descriptors_is_counted(void **state)
{
    int err, fd;
    atr_app *app = atr_app_new(&err);
    struct rlimit all, few;
    double refused = -1;
    char in[64] = "";
    (void)state;

    fd = connect_to(listen_on_a_port(app), 0);
    say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    atr_app_metrics(app, find_refused, &refused);
    assert_true(refused == 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    few = (struct rlimit){ (rlim_t)fd + 1, all.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_true(atr_app_turn(app, 1000) >= 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    atr_app_metrics(app, find_refused, &refused);
    assert_true(refused >= 1);
    while (recv(fd, in, sizeof in - 1, MSG_DONTWAIT) < 0)
        assert_true(atr_app_turn(app, 1000) >= 0);
    assert_memory_equal(in, "HTTP/1.1 200", 12);
    close(fd);
    atr_app_free(app);
}

/* --- Ports that are taken --- */

static void assert_taken(atr_app *app, uint16_t port, const char *wanted)
{
    char why[ATR_WHY_BYTES] = "";

    assert_true(atr_app_listen(app, "127.0.0.1", port, why) < 0);
    assert_string_equal(why, wanted);
}

static void a_port_that_is_taken(void **state)
{
    int err;
    atr_app *first = atr_app_new(&err), *second = atr_app_new(&err);
    uint16_t port = listen_on_a_port(first);
    char number[8], wanted[100], why[ATR_WHY_BYTES];
    (void)state;

    (void)snprintf(wanted, sizeof wanted, "port %u is already in use on 127.0.0.1", port);
    assert_taken(second, port, wanted);
    assert_true(listen_on_a_port(second) != port); /* another one may be tried */
    atr_app_free(second);

    second = atr_app_new(&err);
    (void)snprintf(number, sizeof number, "%u", port);
    assert_int_equal(atr_app_set(second, ATR_STR("metricsPort"),
                                 (atr_str){ number, strlen(number) }, ATR_SCRIPT, why),
                     0);
    (void)snprintf(wanted, sizeof wanted, "metricsPort: port %u is already in use on 127.0.0.1",
                   port);
    assert_taken(second, 0, wanted);
    assert_int_equal(atr_app_set(second, ATR_STR("metricsPort"), ATR_STR("0"), ATR_SCRIPT, why), 0);
    assert_true(listen_on_a_port(second) != port);
    atr_app_free(second);
    atr_app_free(first);
}

static void a_path_that_is_none(void **state)
{
    int err;
    atr_app *app = atr_app_new(&err);
    char why[ATR_WHY_BYTES] = "";
    (void)state;

    assert_int_equal(atr_app_set(app, ATR_STR("metrics"), ATR_STR("\"/a/*/b\""), ATR_SCRIPT, why),
                     0);
    assert_true(atr_app_listen(app, "127.0.0.1", 0, why) < 0);
    assert_string_equal(why, "setting \"metrics\": \"/a/*/b\" is no path");
    atr_app_free(app);
}

TEST_MAIN(cmocka_unit_test(closing_waits_for_answers_under_way),
          cmocka_unit_test(everything_open_is_freed),
          cmocka_unit_test(a_missing_client_is_said_once),
          cmocka_unit_test(a_lack_of_descriptors_is_counted),
          cmocka_unit_test(a_port_that_is_taken), cmocka_unit_test(a_path_that_is_none))
