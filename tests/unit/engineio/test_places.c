/* tests/unit/engineio/test_places.c - what is another server's affair: which requests are asked
 * about, and what becomes of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <sys/socket.h>

#include "base/mem.h"

static struct rig g;
static struct {
    struct eio_places places;
    struct buf log;
    int place, count;
    bool refuse; /* to take it */
    struct http_handler taker;
} there;

static void make_sid(struct eio_places *p, char out[EIO_SID_LEN])
{
    static unsigned n;
    char text[EIO_SID_LEN + 1];

    assert_ptr_equal(p, &there.places);
    (void)snprintf(text, sizeof text, "made-here-%010u", ++n);
    memcpy(out, text, EIO_SID_LEN);
}

static int locate(struct eio_places *p, str sid, const struct http_request *r)
{
    assert_ptr_equal(p, &there.places);
    assert_true(r->head.path.n > 0);
    buf_format(&there.log, "locate:%.*s;", STR_ARG(sid));
    return there.place;
}

static bool elsewhere(struct eio_places *p, int place, struct http_request *r)
{
    assert_ptr_equal(p, &there.places);
    buf_format(&there.log, "to:%d;", place);
    if (there.refuse)
        return false;
    assert_int_equal(r->body_bytes_max, g.engine.options.message_bytes_max);
    r->handler = &there.taker;
    return true;
}

static void taken(struct http_handler *h, struct http_request *r)
{
    (void)h;
    http_respond(r, &(struct http_response){ .status = 202, .body = buf_str(&r->body) });
}

static void count(struct eio_places *p, int change)
{
    assert_ptr_equal(p, &there.places);
    there.count += change;
}

static int setup(void **state)
{
    (void)state;
    memset(&there, 0, sizeof there);
    there.places = (struct eio_places){ make_sid, locate, elsewhere, count };
    there.place = EIO_HERE;
    there.taker.on_request = taken;
    rig_open(&g, NULL);
    g.engine.places = &there.places;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&g);
    assert_int_equal(there.count, 0);
    buf_free(&there.log);
    return 0;
}

static void asked(const char *log)
{
    if (!str_eq(buf_str(&there.log), str_of(log)))
        fail_msg("%.*s, not %s", STR_ARG(buf_str(&there.log)), log);
    buf_clear(&there.log);
}

static void a_session_begins_here(void **state)
{
    struct client c, w;
    const char *sid;
    (void)state;

    client_open(&c, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    asked("locate:;");
    assert_int_equal(strncmp(sid, "made-here-", 10), 0);
    assert_int_equal(there.count, 1);
    websocket_session(&w);
    asked("locate:;");
    assert_int_equal(there.count, 2);
    /* It is known: nobody is asked. */
    assert_int_equal(client_post(&c, polling_url(sid), "4hello").status, 200);
    asked("");
    client_close(&w);
    rig_await(&g, "close:");
    assert_int_equal(there.count, 1);
    client_close(&c);
}

static void a_session_begins_elsewhere(void **state)
{
    struct client c;
    (void)state;

    there.place = 7;
    client_open(&c, &g);
    assert_int_equal(client_get(&c, polling_url(NULL)).status, 202);
    asked("locate:;to:7;");
    assert_int_equal(there.count, 0);
    /* Nobody there takes it. */
    there.refuse = true;
    assert_int_equal(client_get(&c, polling_url(NULL)).status, 200);
    asked("locate:;to:7;");
    assert_int_equal(there.count, 1);
    client_close(&c);
}

static void sessions_of_others(void **state)
{
    struct client c;
    struct answer a;
    (void)state;

    there.place = 3;
    client_open(&c, &g);
    assert_int_equal(client_get(&c, polling_url("somebody")).status, 202);
    asked("locate:somebody;to:3;");
    a = client_post(&c, polling_url("somebody"), "4payload");
    assert_int_equal(a.status, 202);
    assert_str(a.body, "4payload");
    asked("locate:somebody;to:3;");
    /* Nobody knows it: refused here. */
    there.place = EIO_HERE;
    assert_int_equal(client_get(&c, polling_url("nobody")).status, 400);
    asked("locate:nobody;");
    client_close(&c);
}

/* Refused, or answered, whoever it would belong to. */
static void not_asked_about(void **state)
{
    struct client c;
    (void)state;

    there.place = 3;
    client_open(&c, &g);
    assert_int_equal(client_get(&c, "/engine.io/?EIO=4").status, 400);
    assert_int_equal(client_post(&c, polling_url(NULL), "x").status, 400);
    client_ask(&c, "OPTIONS", polling_url("somebody"), NULL, NULL);
    assert_int_equal(client_answer(&c).status, 400);
    asked("");
    client_close(&c);
}

static void what_is_to_begin_here_does(void **state)
{
    struct client c = { .rig = &g };
    int fds[2];
    (void)state;

    there.place = 3;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    c.fd = fds[1];
    http_server_adopt_relayed(&g.http, fds[0],
                              STR("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                                  "Host: x\r\n\r\n"),
                              &(struct http_origin){ .peer = STR("192.0.2.7") });
    assert_int_equal(client_answer(&c).status, 200);
    client_await_end(&c);
    client_close(&c);
    asked("");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    c = (struct client){ .rig = &g, .fd = fds[1] };
    http_server_adopt_relayed(&g.http, fds[0],
                              STR("GET /engine.io/?EIO=4&transport=polling&sid=nobody HTTP/1.1\r\n"
                                  "Host: x\r\n\r\n"),
                              &(struct http_origin){ .peer = STR("192.0.2.7") });
    assert_int_equal(client_answer(&c).status, 202);
    client_close(&c);
    asked("locate:nobody;to:3;"); /* its session may have moved on */
}

#define PLACES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TEST_MAIN(PLACES_TEST(a_session_begins_here), PLACES_TEST(a_session_begins_elsewhere),
          PLACES_TEST(sessions_of_others), PLACES_TEST(not_asked_about),
          PLACES_TEST(what_is_to_begin_here_does))
