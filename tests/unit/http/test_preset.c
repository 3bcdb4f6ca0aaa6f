/* tests/unit/http/test_preset.c - headers that are set before the answer is made.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

struct fixture {
    struct site site;
    struct client client;
    struct http_handler handler;
    void (*act)(struct http_request *r);
    struct http_response res;
};

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct fixture *f = h->user;

    f->act(r);
    http_respond(r, &f->res);
}

static void start(struct fixture *f, void (*act)(struct http_request *r))
{
    *f = (struct fixture){ .handler = { .user = f, .on_request = on_request }, .act = act };
    site_open(&f->site, NULL);
    assert_int_equal(http_router_mount(&f->site.router, STR("/"), &f->handler), 0);
    client_open(&f->client, &f->site);
}

static void finish(struct fixture *f)
{
    client_close(&f->client);
    site_close(&f->site);
}

static void set_some(struct http_request *r)
{
    http_preset(r, STR("X-A"), STR("1"));
    http_preset(r, STR("X-B"), STR("2"));
    http_preset(r, STR("x-a"), STR("3")); /* in place of the first */
    http_preset_add(r, STR("X-C"), STR("4"));
    http_preset_add(r, STR("X-C"), STR("5"));
    http_preset(r, STR("X-D"), STR("6"));
    http_preset(r, STR("X-D"), (str){ 0 });
    http_preset(r, STR("X-E"), STR(""));
    http_preset(r, STR("X-F"), (str){ 0 }); /* was never set */
}

static void are_sent_as_they_were_set(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, set_some);
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_true(str_search(buf_str(&f.client.whole),
                           STR("\r\nX-B: 2\r\nx-a: 3\r\nX-C: 4\r\nX-C: 5\r\nX-E: \r\n\r\n")) > 0);
    assert_null(client_header(&f.client, "x-d").p);
    finish(&f);
}

static void set_what_the_answer_has(struct http_request *r)
{
    http_preset(r, STR("content-type"), STR("a/b"));
    http_preset(r, STR("X-OWN"), STR("not this"));
    http_preset(r, STR("X-Other"), STR("this"));
}

static void the_answers_own_lines_win(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, set_what_the_answer_has);
    f.res.type = STR("text/plain");
    f.res.headers = STR("X-Own: own\r\n");
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(client_header(&f.client, "content-type"), "text/plain");
    assert_str(client_header(&f.client, "x-own"), "own");
    assert_str(client_header(&f.client, "x-other"), "this");
    assert_true(str_search(buf_str(&f.client.whole), STR("X-OWN")) < 0);
    f.res = (struct http_response){ 0 };
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(client_header(&f.client, "content-type"), "a/b");
    finish(&f);
}

static void walk_and_swap(struct http_request *r)
{
    struct buf lines = { 0 };
    str name, value;
    size_t at = 0;

    assert_false(http_preset_next(r, &at, &name, &value));
    http_preset(r, STR("X-A"), STR("1"));
    http_preset(r, STR("X-B"), STR("2"));
    assert_true(http_preset_next(r, &at, &name, &value));
    assert_str(name, "X-A");
    assert_true(http_preset_next(r, &at, &name, &value));
    assert_str(value, "2");
    assert_false(http_preset_next(r, &at, &name, &value));
    buf_add(&lines, STR("X-New: 3\r\n"));
    http_preset_swap(r, &lines);
    assert_str(buf_str(&lines), "X-A: 1\r\nX-B: 2\r\n");
    buf_free(&lines);
}

static void can_be_walked_and_swapped(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, walk_and_swap);
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(client_header(&f.client, "x-new"), "3");
    assert_null(client_header(&f.client, "x-a").p);
    finish(&f);
}

static void names_that_frame_messages(void **state)
{
    static const char *const no[] = { "Connection",          "content-length",    "DATE",
                                      "Keep-Alive",          "Transfer-Encoding", "upgrade",
                                      "Sec-WebSocket-Accept" };
    static const char *const yes[] = { "Content-Type", "Set-Cookie", "Sec-WebSocke", "X-Date" };
    (void)state;

    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(http_preset_allowed(str_of(no[i])));
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(http_preset_allowed(str_of(yes[i])));
}

TEST_MAIN(cmocka_unit_test(are_sent_as_they_were_set), cmocka_unit_test(the_answers_own_lines_win),
          cmocka_unit_test(can_be_walked_and_swapped), cmocka_unit_test(names_that_frame_messages))
