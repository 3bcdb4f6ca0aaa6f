/* tests/unit/http/test_router.c - mounts, rules, fallbacks and parameters.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

static struct http_handler a, b, c, d;

/* What the router finds for a method and a path; r is left for parameters. */
static struct http_handler *find(struct http_router *t, struct http_request *r, const char *method,
                                 const char *path)
{
    unsigned status = 0;
    struct http_handler *h;

    memset(r, 0, sizeof *r);
    r->head.method = str_of(method);
    r->head.path = str_of(path);
    h = http_router_find(t, r, &status);
    assert_int_equal(status, h ? 0 : 404);
    return h;
}

static void add(struct http_router *t, const char *method, const char *pattern,
                struct http_handler *h)
{
    assert_int_equal(http_router_add(t, str_of(method), str_of(pattern), h), 0);
}

static void mounts_longest_first(void **state)
{
    struct http_router t;
    struct http_request r;
    (void)state;

    http_router_init(&t);
    assert_int_equal(http_router_mount(&t, STR("/socket.io/"), &a), 0);
    assert_int_equal(http_router_mount(&t, STR("/socket.io/client"), &b), 0);
    assert_int_equal(http_router_mount(&t, STR("/x"), &c), 0);
    assert_int_equal(http_router_mount(&t, STR("/x"), &d), ATR_EEXISTS);
    add(&t, "GET", "/*", &d);
    assert_ptr_equal(find(&t, &r, "GET", "/socket.io/"), &a);
    assert_ptr_equal(find(&t, &r, "DELETE", "/socket.io/abc"), &a);
    assert_ptr_equal(find(&t, &r, "GET", "/socket.io/client/x.js"), &b);
    assert_ptr_equal(find(&t, &r, "GET", "/socket.io"), &d);
    assert_ptr_equal(find(&t, &r, "GET", "/xyz"), &c);
    http_router_unmount(&t, STR("/socket.io/client"));
    http_router_unmount(&t, STR("/none"));
    assert_ptr_equal(find(&t, &r, "GET", "/socket.io/client/x.js"), &a);
    http_router_free(&t);
}

static void rules_in_order(void **state)
{
    struct http_router t;
    struct http_request r;
    (void)state;

    http_router_init(&t);
    add(&t, "GET", "/users/me", &a);
    add(&t, "GET", "/users/:id", &b);
    add(&t, "POST", "/users/:id", &c);
    add(&t, "*", "/any", &d);
    assert_ptr_equal(find(&t, &r, "GET", "/users/me"), &a);
    assert_ptr_equal(find(&t, &r, "GET", "/users/you"), &b);
    assert_ptr_equal(find(&t, &r, "HEAD", "/users/you"), &b);
    assert_ptr_equal(find(&t, &r, "POST", "/users/me"), &c);
    assert_ptr_equal(find(&t, &r, "PATCH", "/any"), &d);
    assert_ptr_equal(find(&t, &r, "DELETE", "/users/me"), &t.deny);
    assert_ptr_equal(find(&t, &r, "get", "/users/me"), &t.deny);
    assert_null(find(&t, &r, "GET", "/users"));
    assert_null(find(&t, &r, "GET", "/users/"));
    assert_null(find(&t, &r, "GET", "/users/a/"));
    assert_null(find(&t, &r, "GET", "/users/a/b"));
    assert_null(find(&t, &r, "GET", "/Users/me"));
    assert_null(find(&t, &r, "OPTIONS", "*"));
    http_router_free(&t);
}

static void fallbacks_come_last(void **state)
{
    struct http_router t;
    struct http_request r;
    (void)state;

    http_router_init(&t);
    assert_int_equal(http_router_fallback(&t, STR("/"), &a), 0);
    assert_int_equal(http_router_fallback(&t, STR("/static/"), &b), 0);
    assert_int_equal(http_router_fallback(&t, STR("/"), &c), ATR_EEXISTS);
    add(&t, "GET", "/healthz", &c);
    add(&t, "POST", "/form", &d);
    assert_ptr_equal(find(&t, &r, "GET", "/healthz"), &c);
    assert_ptr_equal(find(&t, &r, "GET", "/index.html"), &a);
    assert_ptr_equal(find(&t, &r, "HEAD", "/static/x"), &b);
    assert_ptr_equal(find(&t, &r, "GET", "/form"), &a); /* a file may have that name */
    assert_ptr_equal(find(&t, &r, "POST", "/form"), &d);
    assert_ptr_equal(find(&t, &r, "POST", "/index.html"), &t.deny);
    http_router_free(&t);
}

static void refuses_bad_patterns(void **state)
{
    static const char *const bad[] = {
        "", "users", "*", "/:", "/:/x", "/*/x", "/a*", "/*a", "/**"
    };
    struct http_router t;
    (void)state;

    http_router_init(&t);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(http_router_add(&t, STR("GET"), str_of(bad[i]), &a), ATR_ESYNTAX);
    assert_int_equal(t.rule_count, 0);
    http_router_free(&t);
}

static void captures(void **state)
{
    struct buf scratch = { 0 };
    struct http_router t;
    struct http_request r;
    (void)state;

    http_router_init(&t);
    add(&t, "GET", "/u/:id/:name", &a);
    add(&t, "GET", "/f/*", &b);
    assert_ptr_equal(find(&t, &r, "GET", "/u/7/a%20b+c"), &a);
    assert_str(http_router_param(&t, &r, STR("id"), &scratch), "7");
    assert_str(http_router_param(&t, &r, STR("name"), &scratch), "a b+c");
    assert_null(http_router_param(&t, &r, STR("other"), &scratch).p);
    assert_null(http_router_param(&t, &r, STR(""), &scratch).p);
    assert_null(http_router_param(&t, &r, STR("*"), &scratch).p);
    assert_ptr_equal(find(&t, &r, "GET", "/u/%zz/x"), &a);
    assert_null(http_router_param(&t, &r, STR("id"), &scratch).p);
    assert_ptr_equal(find(&t, &r, "GET", "/f/a/b"), &b);
    assert_str(http_router_param(&t, &r, STR("*"), &scratch), "a/b");
    assert_ptr_equal(find(&t, &r, "GET", "/f/"), &b);
    assert_str(http_router_param(&t, &r, STR("*"), &scratch), "");
    assert_null(find(&t, &r, "GET", "/f"));
    assert_null(http_router_param(&t, &r, STR("*"), &scratch).p);
    buf_free(&scratch);
    http_router_free(&t);
}

static void answer(struct http_handler *h, struct http_request *r)
{
    (void)h;
    http_respond_status(r, 200);
}

/* 405 says what would do. */
static void denies_with_allow(void **state)
{
    struct http_handler ok = { .on_request = answer };
    struct client client;
    struct site site;
    (void)state;

    site_open(&site, NULL);
    add(&site.router, "GET", "/a", &ok);
    add(&site.router, "POST", "/a", &ok);
    add(&site.router, "GET", "/a", &ok);
    client_open(&client, &site);
    client_say(&client, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    assert_int_equal(client_response(&client, "PUT"), 405);
    assert_str(client_header(&client, "allow"), "GET, POST, HEAD");
    assert_int_equal(client_get(&client, "/a", ""), 200);
    assert_int_equal(client_get(&client, "/b", ""), 404);
    assert_str(buf_str(&client.body), "Not Found");
    client_close(&client);
    site_close(&site);
}

TEST_MAIN(cmocka_unit_test(mounts_longest_first), cmocka_unit_test(rules_in_order),
          cmocka_unit_test(fallbacks_come_last), cmocka_unit_test(refuses_bad_patterns),
          cmocka_unit_test(captures), cmocka_unit_test(denies_with_allow))
