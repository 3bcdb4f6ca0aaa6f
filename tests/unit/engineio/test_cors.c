/* tests/unit/engineio/test_cors.c - header lines first, then that no kind of answer lacks them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include "engineio/cors.h"

static struct eio_cors defaults(void)
{
    struct eio_options o;

    eio_options_default(&o);
    o.cors.enabled = true;
    return o.cors;
}

/* The lines for a request with these headers, CRLF written as "|". */
static const char *lines(const struct eio_cors *cors, bool preflight, const char *headers)
{
    static char text[1024];
    struct http_head head;
    struct buf in = { 0 }, out = { 0 };
    enum http_bad bad;
    size_t n = 0;

    buf_format(&in, "OPTIONS / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
    assert_int_equal(http1_request((char *)in.data, in.len, 0, 4096, &head, &bad), PARSE_DONE);
    if (preflight)
        eio_cors_preflight(&out, cors, &head);
    else
        eio_cors_headers(&out, cors, &head);
    for (size_t i = 0; i < out.len; i++)
        if (out.data[i] != '\r')
            text[n++] = out.data[i] == '\n' ? '|' : (char)out.data[i];
    text[n] = 0;
    buf_free(&in);
    buf_free(&out);
    return text;
}

#define FROM_A "Origin: http://a.example\r\n"

static void off_means_no_line(void **state)
{
    struct eio_cors c = defaults();
    (void)state;

    c.enabled = false;
    c.any_origin = true;
    assert_string_equal(lines(&c, false, FROM_A), "");
    assert_string_equal(lines(&c, true, FROM_A), "");
}

static void any_origin(void **state)
{
    struct eio_cors c = defaults();
    (void)state;

    c.any_origin = true;
    assert_string_equal(lines(&c, false, ""), "Access-Control-Allow-Origin: *|");
    assert_string_equal(lines(&c, false, FROM_A), "Access-Control-Allow-Origin: *|");
    c.credentials = true;
    c.exposed_headers = STR("X-A,X-B");
    assert_string_equal(lines(&c, false, FROM_A),
                        "Access-Control-Allow-Origin: *|Access-Control-Allow-Credentials: true|"
                        "Access-Control-Expose-Headers: X-A,X-B|");
}

static void one_literal_origin_whatever_was_asked(void **state)
{
    struct eio_cors c = defaults();
    str only[] = { STR("http://b.example") };
    (void)state;

    c.single_origin = true;
    c.origins = only;
    c.origin_count = 1;
    assert_string_equal(lines(&c, false, ""),
                        "Access-Control-Allow-Origin: http://b.example|Vary: Origin|");
    assert_string_equal(lines(&c, false, FROM_A),
                        "Access-Control-Allow-Origin: http://b.example|Vary: Origin|");
}

static void a_list_is_reflected_when_it_matches(void **state)
{
    struct eio_cors c = defaults();
    str list[] = { STR("http://b.example"), STR("http://a.example") };
    (void)state;

    c.origins = list;
    c.origin_count = 2;
    assert_string_equal(lines(&c, false, FROM_A),
                        "Access-Control-Allow-Origin: http://a.example|Vary: Origin|");
    assert_string_equal(lines(&c, false, "Origin: http://a.example.evil\r\n"), "Vary: Origin|");
    assert_string_equal(lines(&c, false, ""), "Vary: Origin|");
}

static void any_origin_by_reflection(void **state)
{
    struct eio_cors c = defaults();
    (void)state;

    c.reflect_origin = true;
    assert_string_equal(lines(&c, false, FROM_A),
                        "Access-Control-Allow-Origin: http://a.example|Vary: Origin|");
    assert_string_equal(lines(&c, false, ""), "Vary: Origin|");
}

static void preflights(void **state)
{
    struct eio_cors c = defaults();
    (void)state;

    c.any_origin = true;
    assert_string_equal(lines(&c, true, "Access-Control-Request-Headers: x-one, x-two\r\n"),
                        "Access-Control-Allow-Origin: *|Vary: Access-Control-Request-Headers|"
                        "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE|"
                        "Access-Control-Allow-Headers: x-one, x-two|");
    c.any_origin = false;
    c.reflect_origin = true;
    assert_string_equal(lines(&c, true, FROM_A),
                        "Access-Control-Allow-Origin: http://a.example|"
                        "Vary: Origin, Access-Control-Request-Headers|"
                        "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE|");
    c.allowed_headers = STR("x-mine");
    c.methods = STR("GET,POST");
    c.max_age = 600;
    c.credentials = true;
    assert_string_equal(lines(&c, true, FROM_A "Access-Control-Request-Headers: x-one\r\n"),
                        "Access-Control-Allow-Origin: http://a.example|Vary: Origin|"
                        "Access-Control-Allow-Credentials: true|"
                        "Access-Control-Allow-Methods: GET,POST|"
                        "Access-Control-Allow-Headers: x-mine|Access-Control-Max-Age: 600|");
}

/* --- Through the server --- */

static void with_cors(struct eio_options *o)
{
    o->cors.enabled = true;
    o->cors.reflect_origin = true;
    o->cors.credentials = true;
    o->message_bytes_max = 64;
}

static void assert_allowed(struct answer a)
{
    assert_header(&a, "Access-Control-Allow-Origin", "http://a.example");
    assert_header(&a, "Access-Control-Allow-Credentials", "true");
    assert_header(&a, "Vary", "Origin");
}

static struct answer ask(struct client *c, const char *method, const char *url, const char *body)
{
    client_ask(c, method, url, FROM_A, body);
    return client_answer(c);
}

static void every_answer_has_the_headers(void **state)
{
    struct rig g;
    struct client c, d;
    const char *sid;
    char big[100] = { 0 };
    (void)state;

    rig_open(&g, with_cors);
    client_open(&c, &g);
    client_open(&d, &g);
    sid = polling_session(&c);
    assert_allowed(ask(&c, "GET", polling_url(NULL), NULL));
    assert_allowed(ask(&c, "GET", polling_url("unknown"), NULL));
    assert_allowed(ask(&c, "POST", polling_url(sid), "4a"));
    memset(big, '4', sizeof big - 1);
    assert_allowed(ask(&c, "POST", polling_url(sid), big));
    assert_allowed(ask(&c, "PUT", polling_url(sid), NULL));
    client_ask(&d, "GET", polling_url(sid), FROM_A, NULL);
    assert_allowed(ask(&c, "GET", polling_url(sid), NULL)); /* overlap */
    assert_allowed(client_answer(&d));
    websocket_ask(&d, websocket_url("unknown"), FROM_A);
    assert_allowed(client_answer(&d));
    client_close(&d);
    client_open(&d, &g);
    assert_allowed(websocket_connect(&d, websocket_url(NULL), FROM_A));
    client_close(&c);
    client_close(&d);
    rig_close(&g);
}

static void a_preflight_is_answered_before_verification(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    (void)state;

    rig_open(&g, with_cors);
    client_open(&c, &g);
    client_ask(&c, "OPTIONS", "/engine.io/?transport=nonsense",
               FROM_A "Access-Control-Request-Headers: x-one\r\n", NULL);
    a = client_answer(&c);
    assert_answer(a, 204, "");
    assert_header(&a, "Content-Length", "0");
    assert_header(&a, "Access-Control-Allow-Origin", "http://a.example");
    assert_header(&a, "Access-Control-Allow-Headers", "x-one");
    assert_header(&a, "Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE");
    assert_header(&a, "Vary", "Origin, Access-Control-Request-Headers");
    assert_int_equal(g.engine.stats.refused, 0);
    client_close(&c);
    rig_close(&g);
}

static void without_cors_options_is_a_bad_method(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_ask(&c, "OPTIONS", polling_url(NULL), FROM_A, NULL);
    a = client_answer(&c);
    assert_answer(a, 400, "{\"code\":2,\"message\":\"Bad handshake method\"}");
    assert_no_header(&a, "Access-Control-Allow-Origin");
    assert_no_header(&a, "Vary");
    client_close(&c);
    rig_close(&g);
}

static void continued(struct eio_options *o)
{
    with_cors(o);
    o->cors.preflight_continue = true;
}

static void other_status(struct eio_options *o)
{
    with_cors(o);
    o->cors.options_status = 200;
}

static void preflight_options(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    (void)state;

    rig_open(&g, other_status);
    client_open(&c, &g);
    a = ask(&c, "OPTIONS", polling_url(NULL), NULL);
    assert_answer(a, 200, "");
    client_close(&c);
    rig_close(&g);

    rig_open(&g, continued);
    client_open(&c, &g);
    a = ask(&c, "OPTIONS", polling_url(NULL), NULL);
    assert_answer(a, 400, "{\"code\":2,\"message\":\"Bad handshake method\"}");
    assert_header(&a, "Access-Control-Allow-Origin", "http://a.example");
    client_close(&c);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(off_means_no_line), cmocka_unit_test(any_origin),
          cmocka_unit_test(one_literal_origin_whatever_was_asked),
          cmocka_unit_test(a_list_is_reflected_when_it_matches),
          cmocka_unit_test(any_origin_by_reflection), cmocka_unit_test(preflights),
          cmocka_unit_test(every_answer_has_the_headers),
          cmocka_unit_test(a_preflight_is_answered_before_verification),
          cmocka_unit_test(without_cors_options_is_a_bad_method),
          cmocka_unit_test(preflight_options))
