/* tests/unit/engineio/test_polling_close.c - too many requests at a time, clients that leave, and
 * orderly closes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "polling_pair.h"

/* --- Two at a time --- */

static void a_second_get_ends_the_session(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    client_silent(&p.get);
    assert_answer(client_get(&p.post, p.url), 400, "");
    assert_answer(client_answer(&p.get), 200, "1");
    assert_str(buf_str(&p.g.log), "close:transport error(overlap from client);");
    assert_int_equal(p.g.engine.stats.overlaps, 1);
    assert_gone(&p);
    pair_close(&p);
}

static void a_second_post_ends_the_session(void **state)
{
    struct pair p;
    char head[300];
    (void)state;

    pair_open(&p, NULL);
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4ha", p.url);
    client_write(&p.get, str_of(head));
    client_silent(&p.get);
    assert_answer(client_post(&p.post, p.url, "4b"), 400, "");
    assert_str(buf_str(&p.g.log), "close:transport error(data request overlap from client);");
    assert_int_equal(p.g.engine.stats.overlaps, 1);
    client_await_end(&p.get); /* the first one is cut */
    assert_gone(&p);
    pair_close(&p);
}

/* --- Clients that leave --- */

static void leave_get(void (*how)(struct client *c))
{
    struct pair p;

    pair_open(&p, NULL);
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    client_silent(&p.get);
    how(&p.get);
    rig_await(&p.g, "close:transport error(poll connection closed prematurely);");
    assert_gone(&p);
    pair_close(&p);
}

static void leave_post(void (*how)(struct client *c))
{
    struct pair p;
    char head[300];

    pair_open(&p, NULL);
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4ha", p.url);
    client_write(&p.post, str_of(head));
    client_silent(&p.post);
    how(&p.post);
    rig_await(&p.g, "close:transport error(data request connection closed prematurely);");
    assert_answer(client_answer(&p.get), 200, "1");
    assert_false(rig_logged(&p.g, "text:"));
    pair_close(&p);
}

static void leaving_ends_the_session(void **state)
{
    (void)state;
    leave_get(client_close);
    leave_get(client_reset);
    leave_post(client_close);
    leave_post(client_reset);
}

/* --- Closing --- */

static void the_clients_close_gets_a_noop(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    client_silent(&p.get);
    assert_answer(client_post(&p.post, p.url, "1"), 200, "ok");
    assert_answer(client_answer(&p.get), 200, "6");
    assert_str(buf_str(&p.g.log), "close:transport close;");
    assert_gone(&p);
    pair_close(&p);
}

static void nothing_is_delivered_behind_a_close(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    assert_answer(client_post(&p.post, p.url,
                              "4a\x1e"
                              "1\x1e"
                              "4b"),
                  200, "ok");
    assert_str(buf_str(&p.g.log), "text:a;close:transport close;");
    pair_close(&p);
}

static void our_close_answers_a_waiting_get_at_once(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    client_silent(&p.get);
    rig_send_text(&p.g.last->session, "bye");
    eio_session_close(&p.g.last->session, EIO_FORCED_CLOSE, false);
    assert_str(buf_str(&p.g.log), "close:forced close;");
    assert_answer(client_answer(&p.get), 200,
                  "4bye\x1e"
                  "1");
    assert_gone(&p);
    pair_close(&p);
}

static void our_close_waits_for_the_next_get(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    rig_send_text(&p.g.last->session, "bye");
    eio_session_close(&p.g.last->session, EIO_FORCED_SERVER_CLOSE, false);
    eio_session_close(&p.g.last->session, EIO_FORCED_CLOSE, false); /* the first one counts */
    assert_int_equal(p.g.last->session.state, EIO_STATE_CLOSING);
    assert_int_equal(eio_session_send(&p.g.last->session, &p.g.engine.ping, 1), ATR_ECLOSED);
    assert_answer(client_post(&p.post, p.url, "4a"), 200, "ok"); /* accepted, not delivered */
    assert_str(buf_str(&p.g.log), "");
    assert_answer(client_get(&p.get, p.url), 200,
                  "4bye\x1e"
                  "1");
    assert_str(buf_str(&p.g.log), "close:forced server close;");
    assert_gone(&p);
    pair_close(&p);
}

static void our_close_does_not_wait_for_ever(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, small_limits);
    eio_session_close(&p.g.last->session, EIO_FORCED_CLOSE, false);
    assert_str(buf_str(&p.g.log), "");
    rig_await(&p.g, "close:forced close;");
    assert_gone(&p);
    pair_close(&p);
}

static void discarding_does_not_wait(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    rig_send_text(&p.g.last->session, "lost");
    eio_session_close(&p.g.last->session, EIO_FORCED_CLOSE, true);
    assert_str(buf_str(&p.g.log), "close:forced close;");
    assert_gone(&p);
    pair_close(&p);
}

static void close_on_word(struct rig *g, struct eio_session *s, str text)
{
    (void)g;
    if (str_eq(text, STR("close")))
        eio_session_close(s, EIO_FORCED_CLOSE, false);
    if (str_eq(text, STR("cut")))
        eio_session_close(s, EIO_FORCED_CLOSE, true);
}

/* A handler closes in the middle of a payload: the rest of it is dropped. */
static void a_handler_may_close(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    p.g.on_message = close_on_word;
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    client_silent(&p.get);
    assert_answer(client_post(&p.post, p.url,
                              "4a\x1e"
                              "4close\x1e"
                              "4b\x1exyz"),
                  200, "ok");
    assert_str(buf_str(&p.g.log), "text:a;text:close;close:forced close;");
    assert_answer(client_answer(&p.get), 200, "1");
    pair_close(&p);

    pair_open(&p, NULL); /* without a GET it is only closing, and drops what follows all the same */
    p.g.on_message = close_on_word;
    assert_answer(client_post(&p.post, p.url,
                              "4close\x1e"
                              "4b\x1e"
                              "1"),
                  200, "ok");
    assert_str(buf_str(&p.g.log), "text:close;close:forced close;");
    pair_close(&p);

    pair_open(&p, NULL);
    p.g.on_message = close_on_word;
    assert_answer(client_post(&p.post, p.url,
                              "4cut\x1e"
                              "4b"),
                  200, "ok");
    assert_str(buf_str(&p.g.log), "text:cut;close:forced close;");
    pair_close(&p);
}

TEST_MAIN(cmocka_unit_test(a_second_get_ends_the_session),
          cmocka_unit_test(a_second_post_ends_the_session),
          cmocka_unit_test(leaving_ends_the_session),
          cmocka_unit_test(the_clients_close_gets_a_noop),
          cmocka_unit_test(nothing_is_delivered_behind_a_close),
          cmocka_unit_test(our_close_answers_a_waiting_get_at_once),
          cmocka_unit_test(our_close_waits_for_the_next_get),
          cmocka_unit_test(our_close_does_not_wait_for_ever),
          cmocka_unit_test(discarding_does_not_wait), cmocka_unit_test(a_handler_may_close))
