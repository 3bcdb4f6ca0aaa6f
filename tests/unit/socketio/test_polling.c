/* tests/unit/socketio/test_polling.c - the same rules over long-polling, where output may have to
 * wait.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/http1.h"

struct poller {
    struct rig *rig;
    int get, post; /* connections: one waits while the other talks */
    char sid[EIO_SID_LEN];
    struct buf in;
};

static int dial(struct rig *g)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(g->http.listener.port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
    return fd;
}

static void request(struct poller *p, int fd, const char *method, const char *body)
{
    struct buf out = { 0 };

    buf_format(&out, "%s /socket.io/?EIO=4&transport=polling%s%.*s HTTP/1.1\r\nHost: a\r\n", method,
               p->sid[0] ? "&sid=" : "", p->sid[0] ? EIO_SID_LEN : 0, p->sid);
    if (body)
        buf_format(&out, "Content-Length: %zu\r\n", strlen(body));
    buf_format(&out, "\r\n%s", body ? body : "");
    assert_int_equal(send(fd, out.data, out.len, 0), out.len);
    buf_free(&out);
    rig_settle(p->rig);
}

/* The body of the answer, or "(none)"; a status that is not 200 comes first. Socket ids become $.
 */
static const char *answer(struct poller *p, int fd)
{
    static char text[1024];
    struct http_head head;
    ptrdiff_t at;

    buf_clear(&p->in);
    for (int i = 0; i < 50; i++) {
        uint8_t piece[2048];
        ssize_t n = recv(fd, piece, sizeof piece, 0);

        if (n > 0)
            buf_append(&p->in, piece, (size_t)n);
        if (http1_response((const char *)p->in.data, p->in.len, 4096, &head) == PARSE_DONE &&
            p->in.len >= head.bytes + head.length)
            break;
        rig_settle(p->rig);
        head.status = 0;
    }
    if (p->in.len == 0 || head.status == 0)
        return "(none)";
    (void)snprintf(text, sizeof text, "%.*s%.*s", head.status == 200 ? 0 : 4, "400 ",
                   (int)head.length, p->in.data + head.bytes);
    at = str_search(str_of(text), STR("40{\"sid\":\""));
    if (at >= 0) {
        char *id = text + at + 10;

        *id = '$';
        memmove(id + 1, id + SIO_ID_LEN, strlen(id + SIO_ID_LEN) + 1);
    }
    return text;
}

static void poller_open(struct poller *p, struct rig *g)
{
    const char *text;

    *p = (struct poller){ .rig = g, .get = dial(g), .post = dial(g) };
    request(p, p->get, "GET", NULL);
    text = answer(p, p->get);
    assert_true(str_starts(str_of(text), STR("0{\"sid\":\"")));
    memcpy(p->sid, text + 9, EIO_SID_LEN);
    request(p, p->post, "POST", "40");
    assert_string_equal(answer(p, p->post), "ok");
    request(p, p->get, "GET", NULL);
    assert_string_equal(answer(p, p->get), "40{\"sid\":\"$\"}");
    assert_log(g, "connect(/) drain(/)");
}

static void poller_close(struct poller *p)
{
    close(p->get);
    close(p->post);
    buf_free(&p->in);
    rig_settle(p->rig);
}

static void echo(struct rig *g, struct sio_socket *s, str event, const struct sio_data *data,
                 int64_t ack)
{
    (void)g, (void)event, (void)ack;
    assert_int_equal(sio_socket_emit(s, data, 0), 0);
}

static void payloads_hold_several_packets(void **state)
{
    struct rig *g = *state;
    struct poller p;

    g->on_event = echo;
    poller_open(&p, g);
    request(&p, p.post, "POST",
            "42[\"a\"]\x1e"
            "451-[\"b\",{\"_placeholder\":true,\"num\":0}]\x1e"
            "bYmlu\x1e"
            "42[\"c\"]");
    assert_string_equal(answer(&p, p.post), "ok");
    assert_log(
        g, "event(/,\"a\",[\"a\"]) event(/,\"b\",[\"b\",{\"_placeholder\":true,\"num\":0}]+bin) "
           "event(/,\"c\",[\"c\"])");
    request(&p, p.get, "GET", NULL);
    assert_string_equal(answer(&p, p.get), "42[\"a\"]\x1e"
                                           "451-[\"b\",{\"_placeholder\":true,\"num\":0}]\x1e"
                                           "bYmlu\x1e"
                                           "42[\"c\"]");
    poller_close(&p);
}

/* Without a GET nothing can leave at once; with one, the first packet can. */
static void volatile_needs_a_waiting_get(void **state)
{
    struct rig *g = *state;
    struct poller p;

    poller_open(&p, g);
    sio_socket_emit(g->last, DATA("[0]"), SIO_VOLATILE);
    request(&p, p.get, "GET", NULL);
    assert_string_equal(answer(&p, p.get), "(none)");
    sio_socket_emit(g->last, DATA("[1]"), SIO_VOLATILE);
    sio_socket_emit(g->last, DATA("[2]"), SIO_VOLATILE);
    assert_string_equal(answer(&p, p.get), "42[1]");
    assert_int_equal(g->io.stats.volatile_dropped, 2);
    poller_close(&p);
}

static void two_connects_in_one_payload(void **state)
{
    struct rig *g = *state;
    struct poller p;

    (void)sio_server_of(&g->io, STR("/n"));
    poller_open(&p, g);
    request(&p, p.post, "POST",
            "40/n,\x1e"
            "40/n,\x1e"
            "42/n,[\"x\"]");
    assert_string_equal(answer(&p, p.post), "ok");
    assert_log(g, "connect(/n) connect(/n) event(/n,\"x\",[\"x\"])");
    poller_close(&p);
}

/* The transport closes when the client comes for it; sockets are told at once. */
static void breaches_end_sockets_at_once(void **state)
{
    struct rig *g = *state;
    struct poller p;

    poller_open(&p, g);
    request(&p, p.post, "POST",
            "42{\x1e"
            "42[\"ignored\"]");
    assert_log(g, "leaving(/,forced close) left(/,forced close)");
    (void)answer(&p, p.post);
    request(&p, p.post, "POST", "42[\"ignored\"]");
    (void)answer(&p, p.post);
    assert_log(g, "");
    request(&p, p.get, "GET", NULL);
    assert_string_equal(answer(&p, p.get), "1");
    poller_close(&p);
}

static void disconnecting_flushes_first(void **state)
{
    struct rig *g = *state;
    struct poller p;

    poller_open(&p, g);
    sio_socket_emit(g->last, DATA("[\"bye\"]"), 0);
    sio_socket_disconnect(g->last, true);
    assert_log(g, "leaving(/,server namespace disconnect) left(/,server namespace disconnect)");
    request(&p, p.get, "GET", NULL);
    assert_string_equal(answer(&p, p.get), "42[\"bye\"]\x1e"
                                           "41\x1e"
                                           "1");
    poller_close(&p);
}

TEST_MAIN(RIG_TEST(payloads_hold_several_packets), RIG_TEST(volatile_needs_a_waiting_get),
          RIG_TEST(two_connects_in_one_payload), RIG_TEST(breaches_end_sockets_at_once),
          RIG_TEST(disconnecting_flushes_first))
