/* fuzz/fuzz_http_conn.c - any bytes, in pieces, to a server connection whose handlers do as the
 * path says.
 *
 * The first byte is the size of the pieces. Handlers answer from the head or from the whole
 * request, at once or an iteration later, stream, or close. However it goes: each request that
 * reached a handler ends in exactly one of answer and abort, each streamed answer is released once,
 * and when the client has left nothing of the connection is left.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "http/server.h"

enum { HELD_MAX = 4, TURNS_MAX = 10000 };

static struct loop loop;
static struct http_server server;
static struct http_request *held;
static unsigned began, answered, aborted, pulls, pulls_done;

static void drain(struct http_pull *p, struct http_request *r)
{
    (void)p;
    http_respond_piece(r, STR("0123456789"));
}

static void done(struct http_pull *p, bool complete)
{
    (void)p, (void)complete;
    pulls_done++;
}

static void answer(struct http_request *r)
{
    static struct http_pull pull = { .on_drain = drain, .on_done = done };
    char kind = r->head.path.n > 2 ? r->head.path.p[2] : 0;

    ASSERT(!r->answered);
    answered++;
    if (kind == 's') {
        pulls++;
        http_respond_stream(r, &(struct http_response){ 0 }, 40, &pull);
    } else {
        http_respond(r, &(struct http_response){ .body = buf_str(&r->body), .close = kind == 'c' });
    }
}

static bool path_is(const struct http_request *r, char c)
{
    return r->head.path.n > 1 && r->head.path.p[1] == c;
}

static void on_head(struct http_handler *h, struct http_request *r)
{
    (void)h;
    began++;
    r->body_bytes_max = 100;
    if (path_is(r, 'h'))
        answer(r);
}

static void on_request(struct http_handler *h, struct http_request *r)
{
    (void)h;
    ASSERT(r->body.len <= 100);
    ASSERT(!held);
    if (path_is(r, 'l'))
        held = r;
    else
        answer(r);
}

static void on_abort(struct http_handler *h, struct http_request *r)
{
    (void)h;
    ASSERT(r->answered);
    if (held == r)
        held = NULL;
    aborted++;
}

static void on_too_large(struct http_handler *h, struct http_request *r)
{
    (void)h;
    if (path_is(r, 'o'))
        answer(r);
    else
        answered++;
}

static struct http_handler handler = {
    .on_head = on_head, .on_request = on_request, .on_abort = on_abort, .on_too_large = on_too_large
};

static struct http_handler *route(void *user, struct http_request *r, unsigned *why_status)
{
    (void)user;
    *why_status = 404;
    return path_is(r, '4') ? NULL : &handler;
}

static void turn(void)
{
    ASSERT(loop_turn(&loop, 0) == 0);
    if (held) {
        struct http_request *r = held;
        held = NULL;
        answer(r);
    }
}

static void start(void)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;

    limits.head_bytes_max = 1024;
    ASSERT(loop_init(&loop) == 0);
    http_server_init(&server, &loop, &limits, route, NULL);
}

/* Reads and forgets what the server said. */
static void swallow(int fd)
{
    char bytes[4096];

    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool started;
    size_t step = n ? data[0] + 1u : 1;
    int pair[2];

    if (!started)
        start();
    started = true;
    began = answered = aborted = pulls = pulls_done = 0;
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    http_server_adopt(&server, pair[0]);
    for (size_t at = 1; at < n; at += step) {
        size_t piece = n - at < step ? n - at : step;
        if (send(pair[1], data + at, piece, MSG_NOSIGNAL) < 0)
            break; /* the server has closed */
        turn();
        swallow(pair[1]);
    }
    for (int i = 0; i < HELD_MAX; i++)
        turn();
    close(pair[1]);
    for (int i = 0; i < TURNS_MAX && (loop.timers.count > 0 || server.stats.connections_open > 0);
         i++)
        turn();
    ASSERT(loop.timers.count == 0);
    ASSERT(server.stats.connections_open == 0);
    ASSERT(began == answered + aborted);
    ASSERT(pulls == pulls_done);
    return 0;
}
