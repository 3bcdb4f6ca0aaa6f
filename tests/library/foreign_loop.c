/* tests/library/foreign_loop.c - an application in a loop that is not ours, by the shared library
 * and the public headers alone.
 *
 * The loop is poll() on the application's descriptor, a pipe of the test's own, and a client's
 * socket. Nothing here turns the application unless its descriptor or its timeout says so.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "atrium/atrium.h"

enum { WAIT_MS_MAX = 20000 };

struct world {
    atr_app *app;
    int pipe[2];
    int client;
    char in[8192]; /* what the client got */
    size_t in_len;
    unsigned turns, pipe_reads, listened, freed, ticks, posts;
    atr_ref timer;
    atr_ref socket;
    char heard[64];
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One wait of the foreign loop. */
static void wait_once(struct world *w)
{
    struct pollfd fds[] = { { .fd = atr_app_fd(w->app), .events = POLLIN },
                            { .fd = w->pipe[0], .events = POLLIN },
                            { .fd = w->client, .events = POLLIN } };
    int timeout = atr_app_timeout(w->app);
    int n = poll(fds, 3, timeout < 0 || timeout > WAIT_MS_MAX ? WAIT_MS_MAX : timeout);
    char c;

    assert_true(n >= 0);
    if ((fds[0].revents & POLLIN) || n == 0) {
        assert_int_equal(atr_app_turn(w->app, 0), 0);
        w->turns++;
    }
    if (fds[1].revents & POLLIN) {
        assert_int_equal(read(w->pipe[0], &c, 1), 1);
        w->pipe_reads++;
    }
    if (fds[2].revents & (POLLIN | POLLHUP)) {
        ssize_t got = read(w->client, w->in + w->in_len, sizeof w->in - 1 - w->in_len);
        assert_true(got > 0);
        w->in_len += (size_t)got;
        w->in[w->in_len] = 0;
    }
}

#define wait_until(w, condition)                                                                   \
    do {                                                                                           \
        int64_t wait_end = now_ms() + WAIT_MS_MAX;                                                 \
        while (!(condition)) {                                                                     \
            wait_once(w);                                                                          \
            assert_true(now_ms() < wait_end);                                                      \
        }                                                                                          \
    } while (0)

/* Text frames carry zeros here and there (lengths are short, so it is one at most). */
static int got(const struct world *w, const char *text)
{
    return memmem(w->in, w->in_len, text, strlen(text)) != NULL;
}

static void on_connection(void *user, atr_socket *s)
{
    struct world *w = user;

    w->socket = atr_socket_ref(s);
    assert_int_equal(atr_socket_join(s, ATR_STR("room")), 0);
}

static void on_hello(void *user, atr_socket *s, const atr_event *e)
{
    struct world *w = user;

    assert_int_equal(atr_event_text(e, 0, w->heard, sizeof w->heard), 7);
    assert_int_equal(atr_event_text(e, 1, w->heard + 32, 8), ATR_ETYPE);
    assert_null(atr_event_arg(e, 2).p);
    assert_int_equal(atr_event_text(e, 0, w->heard + 32, 7), ATR_ELIMIT);
    assert_int_equal(atr_socket_ack_text(s, e->ack, "heard"), 0);
    assert_int_equal(atr_socket_ack_text(s, -1, "nobody asked"), ATR_ESTATE);
    assert_int_equal(atr_socket_emit_text(s, "you", "\"said\" it"), 0);
    assert_int_equal(atr_socket_emit_text(s, "connect", NULL), ATR_ESYNTAX);
}

static void on_route(void *user, atr_request *r)
{
    (void)user;
    assert_int_equal(atr_respond(r, &(atr_response){ .body = ATR_STR("from a route") }), 0);
}

static void count(void *user)
{
    ++*(unsigned *)user;
}

static void tick(void *user)
{
    struct world *w = user;

    if (++w->ticks == 3)
        atr_timer_stop(w->app, w->timer);
}

static int setup(void **state)
{
    static struct world w;
    /* Without size: a zeroed struct is one of the first version. */
    atr_namespace_handlers handlers = { .on_connection = on_connection };
    char why[ATR_WHY_BYTES];

    w = (struct world){ .client = -1 };
    assert_int_equal(pipe(w.pipe), 0);
    assert_non_null(w.app = atr_app_new(NULL));
    atr_namespace *n = atr_io_of(atr_app_io(w.app), ATR_STR("/"));
    atr_namespace_handle(n, &handlers, &w);
    atr_namespace_on(n, ATR_STR("hello"), on_hello, &w);
    assert_int_equal(atr_http_route(w.app, ATR_STR("GET"), ATR_STR("/route"), on_route, NULL), 0);
    atr_app_on_listening(w.app, count, &w.listened);
    atr_app_on_free(w.app, count, &w.freed);
    assert_string_equal(atr_app_url(w.app), "");
    assert_int_equal(atr_app_port(w.app), 0);
    assert_true(atr_app_listen(w.app, "127.0.0.1", 0, why) > 0);
    assert_int_equal(w.listened, 0);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    atr_app_free(w->app);
    assert_int_equal(w->freed, 1);
    close(w->pipe[0]);
    close(w->pipe[1]);
    if (w->client >= 0)
        close(w->client);
    return 0;
}

static void dial(struct world *w)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atr_app_port(w->app)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    w->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(w->client, (struct sockaddr *)&a, sizeof a), 0);
}

static void say(struct world *w, const char *text)
{
    assert_int_equal(send(w->client, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* A masked text frame; the key is zero, so the payload stands as it is. */
static void say_frame(struct world *w, const char *payload)
{
    uint8_t frame[128] = { 0x81 };
    size_t n = strlen(payload);

    assert_true(n < 100);
    frame[1] = (uint8_t)(0x80 | n);
    memcpy(frame + 6, payload, n);
    assert_int_equal(send(w->client, frame, 6 + n, MSG_NOSIGNAL), (ssize_t)(6 + n));
}

static void join(struct world *w)
{
    dial(w);
    say(w, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           "Sec-WebSocket-Version: 13\r\n\r\n");
    wait_until(w, got(w, "pingInterval"));
    say_frame(w, "40");
    wait_until(w, got(w, "40{\"sid\""));
}

static void it_listens_and_answers(void **state)
{
    struct world *w = *state;
    char url[64];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", atr_app_port(w->app));
    assert_string_equal(atr_app_url(w->app), url);
    wait_until(w, w->listened == 1);
    dial(w);
    say(w, "GET /route HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until(w, got(w, "from a route"));
}

static void both_loops_get_their_turn(void **state)
{
    struct world *w = *state;

    join(w);
    for (int i = 0; i < 5; i++)
        assert_int_equal(write(w->pipe[1], "x", 1), 1);
    say_frame(w, "427[\"hello\",\"foreign\"]");
    wait_until(w, w->pipe_reads == 5 && got(w, "42[\"you\",\"\\\"said\\\" it\"]"));
    assert_true(got(w, "437[\"heard\"]"));
    assert_string_equal(w->heard, "foreign");
}

/* Nothing happens on any descriptor: the timeout alone makes it run, and soon enough. */
static void timers_run_by_the_timeout(void **state)
{
    struct world *w = *state;

    w->timer = atr_timer_start(w->app, 20, 10, tick, w);
    int timeout = atr_app_timeout(w->app);
    assert_in_range(timeout, 0, 20);
    (void)poll(NULL, 0, 30); /* the foreign loop is busy elsewhere */
    wait_until(w, w->listened);
    assert_true(w->ticks > 0 || atr_app_timeout(w->app) <= 20);
    wait_until(w, w->ticks == 3);
    atr_timer_stop(w->app, w->timer); /* stale by now */
}

/* Calls from outside of a turn leave output behind: the timeout says so. */
static void what_is_emitted_outside_of_a_turn_goes_out(void **state)
{
    struct world *w = *state;
    atr_io *io = atr_app_io(w->app);

    join(w);
    assert_int_equal(atr_emit_text(atr_io_of(io, ATR_STR("/")), "room", "to the room", NULL), 0);
    assert_int_equal(atr_app_timeout(w->app), 0);
    wait_until(w, got(w, "42[\"to the room\"]"));
    assert_int_equal(atr_emit_text(atr_io_of(io, ATR_STR("/")), "elsewhere", "no", NULL), 0);
    assert_int_equal(atr_emit_text(atr_io_of(io, ATR_STR("/")), NULL, "to all", "text"), 0);
    wait_until(w, got(w, "42[\"to all\",\"text\"]"));
    assert_false(got(w, "42[\"no\"]"));
    atr_socket *s = atr_socket_find(io, w->socket);
    assert_non_null(s);
    assert_int_equal(atr_socket_connected(s), 1);
}

enum { POSTS = 2000 };

static void *post_many(void *user)
{
    struct world *w = user;

    for (int i = 0; i < POSTS; i++)
        atr_app_post(w->app, count, &w->posts);
    return NULL;
}

static void threads_post(void **state)
{
    struct world *w = *state;
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, w), 0);
    wait_until(w, w->posts == 2 * POSTS);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void the_last_posts_run_when_it_is_freed(void **state)
{
    struct world *w = *state;

    atr_app_post(w->app, count, &w->posts);
    assert_int_equal(w->posts, 0);
    atr_app_free(w->app);
    assert_int_equal(w->posts, 1);
    assert_int_equal(w->freed, 1);
    w->freed = 0;
    assert_non_null(w->app = atr_app_new(NULL));
    atr_app_on_free(w->app, count, &w->freed);
}

static void errors_have_names(void **state)
{
    (void)state;
    assert_string_equal(atr_error_name(ATR_ECLOSED), "ATR_ECLOSED");
    assert_string_equal(atr_error_name(-98), "EADDRINUSE");
    assert_string_equal(atr_version(), ATR_VERSION);
}

static void keep_line(void *user, int level, const char *line)
{
    (void)snprintf(user, 64, "%d %s", level, line);
}

static void the_log_has_a_sink(void **state)
{
    struct world *w = *state;
    char line[64] = "";

    atr_log_to(keep_line, line);
    atr_log(w->app, ATR_LOG_WARN, "something", "is=odd");
    atr_log_to(NULL, NULL);
    assert_non_null(strstr(line, "2 "));
    assert_non_null(strstr(line, "something"));
}

static void nothing(void *user, int err, const char *message, const atr_rows *rows)
{
    assert_int_equal(err, 0);
    assert_int_equal(rows->row_count, 1);
    assert_int_equal(rows->cells[0].integer, 7);
    assert_memory_equal(rows->cells[1].bytes.p, "seven", 5);
    (void)message;
    count(user);
}

static void cells_have_helpers(void **state)
{
    struct world *w = *state;
    atr_sqlite *db = atr_sqlite_open(w->app, ATR_STR(":memory:"));
    atr_cell cells[] = { atr_cell_integer(7), atr_cell_text("seven") };
    unsigned done = 0;

    assert_int_equal(atr_sqlite_query(db, ATR_STR("CREATE TABLE t (a)"), NULL, 0, NULL, NULL), 0);
    assert_int_equal(atr_sqlite_query(db, ATR_STR("SELECT ?, ?"), cells, 2, nothing, &done), 0);
    wait_until(w, done == 1);
    atr_sqlite_close(db);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(it_listens_and_answers),
        CASE(both_loops_get_their_turn),
        CASE(timers_run_by_the_timeout),
        CASE(what_is_emitted_outside_of_a_turn_goes_out),
        CASE(threads_post),
        CASE(the_last_posts_run_when_it_is_freed),
        CASE(errors_have_names),
        CASE(the_log_has_a_sink),
        CASE(cells_have_helpers),
    };
#undef CASE

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
