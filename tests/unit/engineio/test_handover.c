/* tests/unit/engineio/test_handover.c - sessions that go from one server to another.
 *
 * Two rigs stand for two processes; the client's connection stays, and is served by the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eio3.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engineio/handover.h"
#include "engineio/session.h"
#include "proto/frozen.h"

static struct rig from, to;

static void turn_both(void)
{
    assert_int_equal(loop_turn(&from.loop, 0), 0);
    assert_int_equal(loop_turn(&to.loop, 0), 0);
}

static void both_open(void (*change)(struct eio_options *o))
{
    rig_open(&from, change);
    rig_open(&to, change);
    to.fds = -1;
    from.beside = to.beside = turn_both;
}

static void both_close(void)
{
    from.beside = to.beside = NULL;
    rig_close(&to);
    rig_close(&from);
}

static struct eio_session *find(struct rig *g, const char *sid)
{
    return map_get(&g->engine.sessions, str_of(sid));
}

/* Its map, and its descriptor. */
static int freeze(struct eio_session *s, struct buf *out)
{
    int fd = -2;
    uint64_t was = from.engine.stats.frozen;

    assert_int_equal(eio_session_freeze(s, out, &fd), 0);
    assert_int_equal(from.engine.stats.frozen, was + 1);
    assert_int_equal(s->state, EIO_STATE_CLOSED);
    assert_null(map_get(&from.engine.sessions, eio_session_sid(s)));
    assert_int_equal(eio_session_send(s, &from.engine.ping, 1), ATR_ECLOSED);
    eio_session_bury(s);
    return fd;
}

/* Moves the session that was opened last, and lets it read. The mark is the owner's. */
static struct eio_session *move(struct eio_session *s, struct client *c)
{
    struct buf map = { 0 };
    int fd = freeze(s, &map);
    struct eio_session *t;
    size_t used;

    buf_byte(&map, 0xc0); /* what follows is somebody else's */
    t = eio_session_thaw(&to.engine, buf_str(&map), &used, fd);
    assert_non_null(t);
    assert_int_equal(used, map.len - 1);
    assert_int_equal(t->holds, 1);
    to.last = container_of(t, struct peer, session);
    memcpy(to.last->mark, "marked!", sizeof to.last->mark);
    eio_session_release(t);
    from.last = NULL;
    c->rig = &to;
    buf_free(&map);
    return t;
}

/* --- WebSocket --- */

static void websocket_begin(struct client *c, void (*change)(struct eio_options *o))
{
    both_open(change);
    client_open(c, &from);
    websocket_session(c);
    rig_settle(&from);
    from.log.len = 0;
}

static void an_idle_websocket(void **state)
{
    struct client c;
    struct eio_session *s;
    char sid[EIO_SID_LEN];
    uint64_t beat;
    (void)state;

    websocket_begin(&c, NULL);
    s = &from.last->session;
    memcpy(sid, s->sid, sizeof sid);
    beat = s->heartbeat.at_ms;
    s = move(s, &c);
    assert_memory_equal(s->sid, sid, sizeof sid);
    assert_in_range(s->heartbeat.at_ms, beat,
                    beat + 10000); /* due as it was, not a whole interval on */
    assert_int_equal(from.engine.stats.websocket_open, 0);
    assert_int_equal(to.engine.stats.websocket_open, 1);
    assert_int_equal(to.engine.stats.thawed, 1);
    to.echo = true;
    frame_text(&c, "4hello");
    assert_text_frame(&c, "4hello");
    assert_str(buf_str(&to.log), "text:hello;");
    assert_int_equal(from.log.len, 0); /* neither opened nor closed for their owners */
    client_close(&c);
    rig_await(&to, "close:transport close;");
    both_close();
}

/* Messages whole, in fragments, with a ping between: the hand-over may come at any byte. */
static void any_byte_may_be_the_last_before(void **state)
{
    static const char bytes[] = "\x81\x84\x01\x02\x03\x04\x35\x6d\x6d\x61"
                                "\x01\x84\x01\x02\x03\x04\x35\xc1\x87\x61" /* "4" c3 84 "e" */
                                "\x89\x81\0\0\0\0p"
                                "\x80\x83\x09\x08\x07\x06\x65\x64\x62"
                                "\x82\x81\x09\0\0\0\x08"
                                "\x81\x82\0\0\0\0"
                                "4z";
    (void)state;

    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        struct client c;

        websocket_begin(&c, NULL);
        client_write(&c, str_n(bytes, cut));
        rig_settle(&from);
        (void)move(&from.last->session, &c);
        client_write(&c, str_n(bytes + cut, sizeof bytes - 1 - cut));
        rig_await(cut == sizeof bytes - 1 ? &from : &to, "text:z;");
        buf_add(&from.log, buf_str(&to.log));
        assert_str(buf_str(&from.log), "text:one;text:\xc3\x84"
                                       "elle;binary:\x01;text:z;");
        assert_int_equal(frame_next(&c).op, WS_PONG);
        client_close(&c);
        both_close();
    }
}

/* What the old server had read but not delivered comes first. */
static void a_held_session_keeps_what_has_come(void **state)
{
    struct client c;
    (void)state;

    websocket_begin(&c, NULL);
    from.on_message = NULL;
    eio_session_hold(&from.last->session);
    frame_text(&c, "4one");
    frame_text(&c, "4two");
    rig_settle(&from);
    assert_int_equal(from.log.len, 0);
    stream_resume(from.last->session.ws.stream); /* reads, */
    stream_pause(from.last->session.ws.stream);  /* but does not deliver */
    rig_settle(&from);
    (void)move(&from.last->session, &c);
    frame_text(&c, "4three");
    rig_await(&to, "text:three;");
    assert_str(buf_str(&to.log), "text:one;text:two;text:three;");
    client_close(&c);
    both_close();
}

enum { MANY = 400, LONG = 5000 };

static void send_many(struct eio_session *s, int first, int count)
{
    char text[LONG + 1];

    for (int i = first; i < first + count; i++) {
        memset(text, 'x', LONG);
        text[LONG] = 0;
        text[snprintf(text, sizeof text, "%d", i)] = ' ';
        rig_send_text(s, text);
    }
}

static void expect_many(struct client *c, int count)
{
    for (int i = 0; i < count; i++) {
        struct frame f = frame_next(c);

        assert_int_equal(f.op, WS_TEXT);
        assert_int_equal(f.data.n, LONG + 1);
        assert_int_equal(atoi(f.data.p + 1), i);
    }
}

/* The client reads late: a frame is half sent when the session moves, and much more waits, some of
 * it behind the stream. */
static void what_was_not_taken_follows(void **state)
{
    int few = 4096, fd;
    struct client c;
    (void)state;

    websocket_begin(&c, NULL);
    fd = from.last->session.ws.stream->watch.fd;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &few, sizeof few), 0);
    send_many(&from.last->session, 0, MANY);
    assert_int_equal(loop_turn(&from.loop, 0), 0);
    assert_true(from.last->session.ws.stream->blocked);
    assert_non_null(from.last->session.pressure);
    send_many(&from.last->session, MANY, MANY);
    send_many(move(&from.last->session, &c), 2 * MANY, MANY);
    assert_int_equal(pressure_stats.now, 1);
    expect_many(&c, 3 * MANY);
    rig_settle(&to);
    assert_int_equal(pressure_stats.now, 0);
    client_close(&c);
    both_close();
}

static void quick(struct eio_options *o)
{
    o->ping_interval_ms = 60;
    o->ping_timeout_ms = 30000;
}

/* A ping that the old server sent is answered to the new one, which goes on pinging. */
static void the_heartbeat_goes_on(void **state)
{
    struct client c;
    struct eio_session *s;
    (void)state;

    websocket_begin(&c, quick);
    assert_text_frame(&c, "2");
    assert_true(from.last->session.awaiting_pong);
    s = move(&from.last->session, &c);
    assert_true(s->awaiting_pong);
    frame_text(&c, "3");
    assert_text_frame(&c, "2");
    client_close(&c);
    both_close();
}

static void unhurried(struct eio_options *o)
{
    o->ping_interval_ms = 3600000;
}

/* The client was told when to expect pings: a server that is set otherwise keeps to that. */
static void pings_come_as_the_client_was_told(void **state)
{
    struct client c;
    struct eio_session *s;
    (void)state;

    websocket_begin(&c, quick);
    unhurried(&to.engine.options);
    s = move(&from.last->session, &c);
    assert_int_equal(eio_session_pace(s).interval_ms, 60);
    for (int i = 0; i < 2; i++) {
        assert_text_frame(&c, "2");
        frame_text(&c, "3");
    }
    assert_int_equal(to.engine.pace_count, 1);
    client_close(&c);
    both_close();
}

/* Of protocol 3, to a client that takes no bytes; moved twice. */
static void protocol_and_form_stay(void **state)
{
    struct client c;
    struct frame f;
    (void)state;

    both_open(allow);
    client_open(&c, &from);
    websocket3(&c, "&b64=1");
    rig_settle(&from);
    to.echo = true;
    assert_true(move(&from.last->session, &c)->eio3);
    frame_text(&c, "b4AQI=");
    f = frame_next(&c);
    assert_int_equal(f.op, WS_TEXT);
    assert_str(f.data, "b4AQI=");
    frame_text(&c, "2");
    assert_text_frame(&c, "3");
    client_close(&c);
    both_close();
}

/* --- Polling --- */

static struct eio_session *polling_begin(struct client *c, const char **sid)
{
    both_open(NULL);
    client_open(c, &from);
    *sid = polling_session(c);
    return find(&from, *sid);
}

static void a_session_that_polls(void **state)
{
    struct client c, d;
    struct eio_session *s;
    const char *sid;
    (void)state;

    s = polling_begin(&c, &sid);
    rig_send_text(s, "one");
    rig_send_binary(s, "\x01\x02", 2);
    s = move(s, &d);
    assert_int_equal(from.engine.stats.polling_open, 0);
    assert_int_equal(to.engine.stats.polling_open, 1);
    rig_send_text(s, "two");
    assert_answer(client_get(&c, polling_url(sid)), 400,
                  "{\"code\":1,\"message\":\"Session ID unknown\"}");
    client_open(&d, &to);
    assert_answer(client_get(&d, polling_url(sid)), 200,
                  "4one\x1e"
                  "bAQI=\x1e"
                  "4two");
    assert_answer(client_post(&d, polling_url(sid), "4hello"), 200, "ok");
    rig_await(&to, "text:hello;");
    client_close(&c);
    client_close(&d);
    both_close();
}

static void a_get_that_waits_is_answered(void **state)
{
    struct client c, d;
    struct eio_session *s;
    const char *sid;
    (void)state;

    s = polling_begin(&c, &sid);
    client_ask(&c, "GET", polling_url(sid), NULL, NULL);
    client_silent(&c);
    (void)move(s, &d);
    c.rig = &from; /* the connection is still there */
    assert_answer(client_answer(&c), 200, "6");

    client_open(&d, &from); /* and with what there is */
    sid = polling_session(&d);
    client_ask(&d, "GET", polling_url(sid), NULL, NULL);
    client_silent(&d);
    s = find(&from, sid);
    rig_send_text(s, "one");
    (void)move(s, &d);
    assert_answer(client_answer(&d), 200, "4one");
    client_close(&c);
    client_close(&d);
    both_close();
}

static int hooked;

static void look_at_headers(struct eio_server *e, struct http_request *r, bool initial)
{
    (void)e, (void)r, (void)initial;
    hooked++;
}

/* Code of the application runs in the answer: not while sessions are being frozen. */
static void a_get_whose_answer_is_hooked(void **state)
{
    struct buf map = { 0 };
    struct eio_session *s;
    struct client c, d;
    const char *sid;
    int fd;
    (void)state;

    s = polling_begin(&c, &sid);
    client_ask(&c, "GET", polling_url(sid), NULL, NULL);
    client_silent(&c);
    hooked = 0;
    from.engine.hooks.on_headers = look_at_headers;
    assert_int_equal(eio_session_freeze(s, &map, &fd), -EAGAIN);
    assert_int_equal(hooked, 0);
    assert_int_equal(map.len, 0);
    assert_answer(client_answer(&c), 200, "6");
    assert_int_equal(hooked, 1);
    (void)move(s, &d);
    client_close(&c);
    both_close();
    buf_free(&map);
}

static void an_id_of_the_applications_own(void **state)
{
    enum { SID_LEN = 100 }; /* more than a session has room for */
    char sid[SID_LEN + 1];
    struct frozen_writer w, inner;
    struct buf map = { 0 };
    struct client c;
    size_t used;
    (void)state;

    both_open(NULL);
    memset(sid, 'x', SID_LEN);
    sid[SID_LEN] = 0;
    frozen_begin(&w, &map, 1);
    frozen_put_bytes(&w, "sid", str_of(sid));
    frozen_put_uint(&w, "beat", UINT64_MAX); /* later than it can be */
    frozen_begin(&inner, frozen_put_value(&w, "polling"), 1); /* all else is as usual */
    frozen_end(&inner);
    frozen_end(&w);
    to.last =
        container_of(eio_session_thaw(&to.engine, buf_str(&map), &used, -1), struct peer, session);
    memcpy(to.last->mark, "marked!", sizeof to.last->mark);
    assert_true(to.last->session.heartbeat.at_ms <= to.loop.now_ms + 45000 + 1000);
    buf_free(&map);
    rig_send_text(&to.last->session, "one");
    client_open(&c, &to);
    assert_answer(client_get(&c, polling_url(sid)), 200, "4one");
    client_close(&c);
    both_close();
}

static void jsonp_stays_jsonp(void **state)
{
    struct client c, d;
    struct eio_session *s;
    const char *sid;
    char url[160];
    (void)state;

    both_open(NULL);
    client_open(&c, &from);
    sid = sid_in(client_get(&c, "/engine.io/?EIO=4&transport=polling&j=17").body);
    s = find(&from, sid);
    rig_send_text(s, "one");
    (void)move(s, &d);
    client_open(&d, &to);
    (void)snprintf(url, sizeof url, "%s&j=17", polling_url(sid));
    assert_answer(client_get(&d, url), 200, "___eio[17](\"4one\");");
    client_close(&c);
    client_close(&d);
    both_close();
}

static void not_in_the_middle_of_a_request(void **state)
{
    struct client c, d;
    struct buf map = { 0 };
    struct eio_session *s;
    const char *sid;
    int fd;
    (void)state;

    s = polling_begin(&c, &sid);
    client_open(&d, &from);
    client_ask(&d, "POST", polling_url(sid), "Content-Length: 6\r\n", NULL);
    client_write(&d, STR("4he"));
    rig_settle(&from);
    assert_int_equal(eio_session_freeze(s, &map, &fd), -EAGAIN);
    client_write(&d, STR("llo"));
    assert_answer(client_answer(&d), 200, "ok");

    (void)websocket_connect(&d, websocket_url(sid), NULL); /* a probe */
    assert_int_equal(eio_session_freeze(s, &map, &fd), -EAGAIN);
    frame_text(&d, "2probe");
    assert_text_frame(&d, "3probe");
    assert_int_equal(eio_session_freeze(s, &map, &fd), -EAGAIN);
    frame_text(&d, "5");
    rig_await(&from, "upgrade;");
    to.echo = true;
    (void)move(s, &d);
    frame_text(&d, "4moved");
    assert_text_frame(&d, "4moved");
    assert_int_equal(map.len, 0);
    client_close(&c);
    client_close(&d);
    both_close();
}

static void not_when_it_ends(void **state)
{
    struct client c;
    struct buf map = { 0 };
    struct eio_session *s;
    const char *sid;
    int fd;
    (void)state;

    s = polling_begin(&c, &sid);
    eio_session_close(s, EIO_FORCED_CLOSE, false); /* waits for a GET to tell it */
    assert_int_equal(eio_session_freeze(s, &map, &fd), ATR_ESTATE);
    assert_int_equal(map.len, 0);
    assert_answer(client_get(&c, polling_url(sid)), 200, "1");
    client_close(&c);
    both_close();
}

/* --- What makes no sense --- */

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void refused(str map, int fd)
{
    uint64_t open = to.engine.stats.websocket_open + to.engine.stats.polling_open;
    size_t used;

    assert_null(eio_session_thaw(&to.engine, map, &used, fd));
    if (fd >= 0)
        assert_false(is_open(fd));
    rig_settle(&to);
    assert_int_equal(to.engine.stats.websocket_open + to.engine.stats.polling_open, open);
}

static int any_fd(void)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

static void a_map_that_is_cut_is_refused(void **state)
{
    struct client c;
    struct buf map = { 0 };
    int fd;
    size_t used;
    (void)state;

    websocket_begin(&c, NULL);
    client_write(&c, STR("\x01\x84\x01\x02\x03\x04\x35\xc1"));
    rig_settle(&from);
    fd = freeze(&from.last->session, &map);
    for (size_t n = 0; n < map.len; n++)
        refused(str_n(map.data, n), any_fd());
    refused(buf_str(&map), -1); /* a WebSocket without a descriptor */
    assert_non_null(eio_session_thaw(&to.engine, buf_str(&map), &used, fd));
    refused(buf_str(&map), any_fd()); /* it is there */
    to.last = container_of(to.engine.all.next, struct peer, session.link);
    memcpy(to.last->mark, "marked!", sizeof to.last->mark);
    buf_free(&map);
    client_close(&c);
    both_close();
}

static void refused_fields(str sid, const char *key, str value, int fd)
{
    struct frozen_writer w;
    struct buf map = { 0 };

    frozen_begin(&w, &map, 1);
    frozen_put_bytes(&w, "sid", sid);
    if (key)
        buf_add(frozen_put_value(&w, key), value);
    frozen_end(&w);
    refused(buf_str(&map), fd);
    buf_free(&map);
}

static void fields_that_make_no_sense_are_refused(void **state)
{
    (void)state;

    both_open(NULL);
    refused_fields(STR("ab"), NULL, STR(""), -1);
    refused_fields(STR("ab"), NULL, STR(""), any_fd());
    refused_fields(STR(""), "polling", STR("\x81\xa1v\x01"), -1);
    refused_fields(STR("a;b"), "polling", STR("\x81\xa1v\x01"), -1);
    refused_fields(STR("ab"), "polling", STR("\x80"), -1);
    refused_fields(STR("ab"), "polling", STR("\x81\xa1v\x01"), any_fd());
    refused_fields(STR("ab"), "polling", STR("\x82\xa1v\x01\xa5jsonp\xa1x"), -1);
    refused_fields(STR("ab"), "polling", STR("\x82\xa1v\x01\xa5queue\x91\x01"), -1);
    refused_fields(STR("ab"), "ws", STR("\x81\xa1v\x01"), any_fd());
    to.engine.closing = true;
    refused_fields(STR("ab"), "polling", STR("\x81\xa1v\x01"), -1);
    both_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_websocket),
        cmocka_unit_test(any_byte_may_be_the_last_before),
        cmocka_unit_test(a_held_session_keeps_what_has_come),
        cmocka_unit_test(what_was_not_taken_follows),
        cmocka_unit_test(the_heartbeat_goes_on),
        cmocka_unit_test(pings_come_as_the_client_was_told),
        cmocka_unit_test(protocol_and_form_stay),
        cmocka_unit_test(a_session_that_polls),
        cmocka_unit_test(a_get_that_waits_is_answered),
        cmocka_unit_test(a_get_whose_answer_is_hooked),
        cmocka_unit_test(an_id_of_the_applications_own),
        cmocka_unit_test(jsonp_stays_jsonp),
        cmocka_unit_test(not_in_the_middle_of_a_request),
        cmocka_unit_test(not_when_it_ends),
        cmocka_unit_test(a_map_that_is_cut_is_refused),
        cmocka_unit_test(fields_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
