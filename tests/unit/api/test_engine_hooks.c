/* tests/unit/api/test_engine_hooks.c - middlewares, ids and headers of engines as C applications
 * have them, for a bare engine and for the one beneath Socket.IO.
 *
 * A real server on a loopback port, a real socket as its client, one thread that does both in turn.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "atrium/atrium.h"
#include "base/buf.h"

enum { TURNS_MAX = 3000, TURN_MS = 5 };

struct world {
    atr_app *app;
    atr_engine *engine; /* NULL: the one of Socket.IO */
    uint16_t port;
    struct buf log;
    atr_decision held; /* what the second middleware and generateId leave to the test */
    char in[4096];     /* the last answer */
};

static void first(void *user, atr_request *r, atr_decision d)
{
    struct world *w = user;

    buf_add(&w->log, STR("first;"));
    assert_ptr_equal(atr_decision_request(w->app, d), r);
    assert_int_equal(atr_response_set_header(r, ATR_STR("X-First"), ATR_STR("1")), 0);
    assert_int_equal(atr_response_set_header(r, ATR_STR("bad name"), ATR_STR("1")), ATR_ESYNTAX);
    assert_int_equal(atr_response_set_header(r, ATR_STR("X"), ATR_STR("a\r\nb")), ATR_ESYNTAX);
    assert_int_equal(atr_response_add_header(r, ATR_STR("Upgrade"), ATR_STR("x")), ATR_ESYNTAX);
    assert_int_equal(atr_decide_id(w->app, d, ATR_STR("x")), ATR_ECLOSED); /* asks for none */
    atr_decide(w->app, d, 1, (atr_str){ 0 }, (atr_str){ 0 });
    assert_null(atr_decision_request(w->app, d));
}

static void second(void *user, atr_request *r, atr_decision d)
{
    struct world *w = user;

    (void)r;
    buf_add(&w->log, STR("second;"));
    w->held = d;
}

static void on_generate_id(void *user, atr_request *r, atr_decision d)
{
    struct world *w = user;

    (void)r;
    buf_add(&w->log, STR("id;"));
    w->held = d;
}

static void note_header(void *arg, atr_str name, atr_str value)
{
    struct world *w = arg;

    if (atr_text("X-First").n == name.n && memcmp(name.p, "X-First", name.n) == 0)
        buf_format(&w->log, "%.*s=%.*s;", (int)name.n, name.p, (int)value.n, value.p);
}

static void on_headers(void *user, atr_request *r, int initial)
{
    struct world *w = user;

    buf_format(&w->log, "headers%d;", initial);
    atr_response_headers(r, note_header, w);
    assert_int_equal(atr_response_set_header(r, ATR_STR("X-Hook"), ATR_STR("1")), 0);
    assert_int_equal(atr_response_set_header(r, ATR_STR("cache-control"), (atr_str){ 0 }), 0);
}

static void on_error(void *user, atr_request *r, int code, const char *message, const char *context)
{
    struct world *w = user;

    (void)r, (void)message;
    buf_format(&w->log, "error:%d,%s;", code, context);
}

static void open_world(struct world *w, bool bare)
{
    atr_engine_handlers none = ATR_ENGINE_HANDLERS_INIT;
    char why[ATR_WHY_BYTES] = "";
    int err;

    *w = (struct world){ .app = atr_app_new(&err) };
    if (bare) {
        w->engine = atr_engine_new(w->app, ATR_STR("{\"path\":\"/socket.io\"}"), &none, w, why);
        assert_non_null(w->engine);
        atr_engine_on_connection_error(w->engine, on_error, w);
    } else {
        atr_io_on_connection_error(atr_app_io(w->app), on_error, w);
    }
    err = atr_app_listen(w->app, "127.0.0.1", 0, why);
    assert_true(err > 0);
    w->port = (uint16_t)err;
}

static void close_world(struct world *w)
{
    atr_app_free(w->app);
    buf_free(&w->log);
}

static void use(struct world *w, void (*fn)(void *user, atr_request *r, atr_decision d))
{
    if (w->engine)
        atr_engine_use(w->engine, fn, w);
    else
        atr_io_engine_use(atr_app_io(w->app), fn, w);
}

/* Sends a handshake over polling and turns until the log has the text. */
static int ask(struct world *w, const char *text)
{
    static const char head[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\n\r\n";
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    buf_clear(&w->log);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, head, sizeof head - 1, 0), sizeof head - 1);
    for (int i = 0; i < TURNS_MAX && str_search(buf_str(&w->log), str_of(text)) < 0; i++)
        assert_true(atr_app_turn(w->app, TURN_MS) >= 0);
    assert_true(str_search(buf_str(&w->log), str_of(text)) >= 0);
    return fd;
}

/* Reads the answer to its end. */
static const char *answer(struct world *w, int fd)
{
    size_t n = 0;

    for (int i = 0; i < TURNS_MAX; i++) {
        ssize_t got = recv(fd, w->in + n, sizeof w->in - 1 - n, MSG_DONTWAIT);
        if (got == 0)
            break;
        if (got > 0)
            n += (size_t)got;
        else
            assert_true(atr_app_turn(w->app, TURN_MS) >= 0);
    }
    w->in[n] = 0;
    close(fd);
    return w->in;
}

static void expect(struct world *w, int fd, const char *status, const char *part)
{
    const char *text = answer(w, fd);

    if (memcmp(text + 9, status, 3) != 0 || !strstr(text, part))
        fail_msg("no %s with \"%s\" in:\n%s", status, part, text);
}

static void middlewares(struct world *w)
{
    atr_response res = { .status = 418, .body = ATR_STR("tea") };
    const atr_str bad[1][2] = { { ATR_STR("a b"), ATR_STR("c") } };
    int fd;

    use(w, first);
    use(w, second);
    fd = ask(w, "second;");
    atr_decide(w->app, w->held, 1, (atr_str){ 0 }, (atr_str){ 0 });
    atr_decide(w->app, w->held, 0, (atr_str){ 0 }, (atr_str){ 0 }); /* twice does nothing */
    expect(w, fd, "200", "\r\nX-First: 1\r\n");
    fd = ask(w, "second;");
    atr_decide(w->app, w->held, 0, (atr_str){ 0 }, (atr_str){ 0 });
    expect(w, fd, "400", "{\"code\":3,\"message\":\"Bad request\"}");
    assert_str(buf_str(&w->log), "first;second;error:3,MIDDLEWARE_FAILURE;");
    fd = ask(w, "second;");
    res.headers = bad;
    res.header_count = 1;
    assert_int_equal(atr_decide_response(w->app, w->held, &res), ATR_ESYNTAX);
    res.header_count = 0;
    assert_int_equal(atr_decide_response(w->app, w->held, &res), 0);
    assert_int_equal(atr_decide_response(w->app, w->held, &res), ATR_ECLOSED);
    expect(w, fd, "418", "\r\n\r\ntea");
    fd = ask(w, "second;"); /* one that is never decided upon, and leaves */
    close(fd);
    for (int i = 0; i < TURNS_MAX && atr_decision_request(w->app, w->held); i++)
        assert_true(atr_app_turn(w->app, TURN_MS) >= 0);
    assert_null(atr_decision_request(w->app, w->held));
    assert_int_equal(atr_decide_response(w->app, w->held, &res), ATR_ECLOSED);
    fd = ask(w, "second;"); /* one that is open when the application ends */
    close_world(w);
    close(fd);
}

static void middlewares_of_a_bare_engine(void **state)
{
    struct world w;
    (void)state;

    open_world(&w, true);
    middlewares(&w);
}

static void middlewares_of_socketio(void **state)
{
    struct world w;
    (void)state;

    open_world(&w, false);
    middlewares(&w);
}

static void ids(void **state)
{
    struct world w;
    int fd;
    (void)state;

    for (int bare = 0; bare < 2; bare++) {
        open_world(&w, bare);
        if (bare)
            atr_engine_on_generate_id(w.engine, on_generate_id, &w);
        else
            atr_io_on_generate_id(atr_app_io(w.app), on_generate_id, &w);
        fd = ask(&w, "id;");
        assert_int_equal(atr_decide_response(w.app, w.held, &(atr_response){ 0 }), ATR_ECLOSED);
        assert_int_equal(atr_decide_id(w.app, w.held, ATR_STR("one:two")), 0);
        assert_int_equal(atr_decide_id(w.app, w.held, ATR_STR("one:three")), ATR_ECLOSED);
        expect(&w, fd, "200", "0{\"sid\":\"one:two\",");
        fd = ask(&w, "id;");
        assert_int_equal(atr_decide_id(w.app, w.held, ATR_STR("one:two")), ATR_EEXISTS);
        expect(&w, fd, "400", "{\"code\":3,");
        assert_str(buf_str(&w.log), "id;error:3,ID_GENERATION_ERROR;");
        fd = ask(&w, "id;");
        assert_int_equal(atr_decide_id(w.app, w.held, ATR_STR("a,b")), ATR_ESYNTAX);
        expect(&w, fd, "400", "{\"code\":3,");
        fd = ask(&w, "id;");
        atr_decide(w.app, w.held, 0, (atr_str){ 0 }, (atr_str){ 0 });
        expect(&w, fd, "400", "{\"code\":3,");
        fd = ask(&w, "id;");
        atr_decide(w.app, w.held, 1, (atr_str){ 0 }, (atr_str){ 0 }); /* one of the server's */
        expect(&w, fd, "200", "0{\"sid\":\"");
        close_world(&w);
    }
}

static void headers(void **state)
{
    struct world w;
    int fd;
    (void)state;

    for (int bare = 0; bare < 2; bare++) {
        open_world(&w, bare);
        use(&w, first);
        if (bare)
            atr_engine_on_headers(w.engine, on_headers, &w);
        else
            atr_io_on_headers(atr_app_io(w.app), on_headers, &w);
        fd = ask(&w, "headers1;X-First=1;");
        expect(&w, fd, "200", "\r\nX-Hook: 1\r\n");
        assert_null(strstr(w.in, "cache-control"));
        assert_non_null(strstr(w.in, "\r\nX-First: 1\r\n"));
        if (bare)
            atr_engine_on_headers(w.engine, NULL, NULL);
        else
            atr_io_on_headers(atr_app_io(w.app), NULL, NULL);
        fd = ask(&w, "first;");
        expect(&w, fd, "200", "cache-control");
        assert_null(strstr(w.in, "X-Hook"));
        close_world(&w);
    }
}

TEST_MAIN(cmocka_unit_test(middlewares_of_a_bare_engine), cmocka_unit_test(middlewares_of_socketio),
          cmocka_unit_test(ids), cmocka_unit_test(headers))
