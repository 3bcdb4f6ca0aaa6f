/* tests/unit/http/test_request.c - query parameters, and what a request costs while it waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

#include "base/mem.h"
#include "base/slab.h"
#include "http/conn.h"

static struct http_request request; /* static: it is large */

static str query(const char *text, str name, struct buf *scratch)
{
    request.head.query = str_of(text);
    return http_query(&request, name, scratch);
}

static void finds_parameters(void **state)
{
    struct buf scratch = { 0 };
    (void)state;

    assert_str(query("a=1&b=2&a=3", STR("a"), &scratch), "1");
    assert_str(query("a=1&b=2", STR("b"), &scratch), "2");
    assert_null(query("a=1", STR("A"), &scratch).p);
    assert_null(query("", STR("a"), &scratch).p);
    assert_str(query("a", STR("a"), &scratch), "");
    assert_non_null(query("a", STR("a"), &scratch).p);
    assert_int_equal(scratch.len, 0); /* plain values are not copied */
    assert_str(query("a=x+y%26", STR("a"), &scratch), "x y&");
    assert_str(query("%61=1", STR("a"), &scratch), "1");
    assert_null(query("a=%zz&a=1", STR("a"), &scratch).p); /* the first wins, good or not */
    assert_null(query("%zz=1", STR("a"), &scratch).p);
    buf_free(&scratch);
}

/* The copy of a head is whole, and does not depend on the bytes it was read from. */
static void copies_heads(void **state)
{
    char text[] = "GET http://x?q=1 HTTP/1.1\r\nHost: x\r\nA: b\r\nEmpty:\r\n\r\n";
    struct http_conn conn = { 0 };
    struct http_request *r;
    struct http_head head;
    enum http_bad bad;
    struct loop loop;
    (void)state;

    assert_int_equal(loop_init(&loop), 0);
    assert_int_equal(http1_request(text, sizeof text - 1, 0, 1000, &head, &bad), PARSE_DONE);
    r = http_request_new(&conn, text, &head);
    memset(text, '!', sizeof text - 1);
    assert_str(r->head.method, "GET");
    assert_str(r->head.target, "http://x?q=1");
    assert_str(r->head.path, "/");
    assert_str(r->head.query, "q=1");
    assert_str(http1_header(&r->head, STR("a")), "b");
    assert_str(http1_header(&r->head, STR("empty")), "");
    assert_str(r->head_text, "GET http://x?q=1 HTTP/1.1\r\nHost: x\r\nA: b\r\nEmpty:\r\n\r\n");
    http_request_doom(r, &loop);
    loop_fini(&loop);
}

static struct http_request *held[8];
static int held_count;

static void hold(struct http_handler *h, struct http_request *r)
{
    (void)h;
    held[held_count++] = r;
}

/* A typical polling request that waits costs a block of 2 KiB or less, and an idle connection no
 * buffer. */
static void waiting_costs_little(void **state)
{
    struct http_handler handler = { .on_request = hold };
    struct client client;
    struct site site;
    (void)state;

    site_open(&site, NULL);
    assert_int_equal(http_router_mount(&site.router, STR("/"), &handler), 0);
    client_open(&client, &site);
    client_say(
        &client,
        "GET /socket.io/?EIO=4&transport=polling&t=abcdefg&sid=lv_VI97HAXpY6yYWAAAC HTTP/1.1\r\n"
        "Host: localhost:3000\r\nConnection: keep-alive\r\nAccept: */*\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/120.0.0.0 Safari/537.36\r\nSec-Fetch-Site: same-origin\r\n"
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://localhost:3000/\r\n"
        "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n");
    site_until(&site, held_count == 1);
    assert_int_not_equal(held[0]->class, SLAB_BIG);
    assert_true(slab_size(held[0]->class) <= 2048);
    assert_null(held[0]->conn->stream->kept);
    assert_null(held[0]->body.data);
    assert_true(sizeof(struct http_conn) <= 160);
    http_respond_status(held[0], 200);
    assert_int_equal(client_response(&client, "GET"), 200);
    client_close(&client);
    site_close(&site);
}

TEST_MAIN(cmocka_unit_test(finds_parameters), cmocka_unit_test(copies_heads),
          cmocka_unit_test(waiting_costs_little))
