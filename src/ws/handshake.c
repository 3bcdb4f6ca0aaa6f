/* ws/handshake.c - the opening handshake, server side (RFC 6455 section 4.2).
 *
 * The only file of ws that knows HTTP.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/buf.h"
#include "http/server.h"
#include "ws/conn.h"

static int refuse(const char **why, int status, const char *text)
{
    *why = text;
    return status;
}

/* 11.3.1, 11.3.5: some fields are not to appear twice; who reads the other one sees another
 * request. */
static bool repeated(const struct http_head *h, str name)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < h->header_count; i++)
        count += str_ieq(h->headers[i].name, name);
    return count > 1;
}

int ws_handshake_check(const struct http_request *r, const char **why)
{
    const struct http_head *h = &r->head;

    if (!str_eq(h->method, STR("GET")))
        return refuse(why, 405, "a WebSocket handshake is a GET request");
    if (h->minor < 1)
        return refuse(why, 400, "a WebSocket handshake needs HTTP/1.1");
    if (!http1_has_token(http1_header(h, STR("Upgrade")), STR("websocket")))
        return refuse(why, 400, "the Upgrade header does not ask for websocket");
    if (!http1_has_token(http1_header(h, STR("Connection")), STR("upgrade")))
        return refuse(why, 400, "the Connection header does not ask for an upgrade");
    if (!str_eq(http1_header(h, STR("Sec-WebSocket-Version")), STR("13")))
        return refuse(why, 426, "only WebSocket version 13 is spoken here");
    if (!ws_key_valid(http1_header(h, STR("Sec-WebSocket-Key"))))
        return refuse(why, 400, "the Sec-WebSocket-Key is not 16 bytes of base64");
    if (repeated(h, STR("Sec-WebSocket-Key")) || repeated(h, STR("Sec-WebSocket-Version")))
        return refuse(why, 400, "a header of the WebSocket handshake stands twice");
    if (h->chunked || h->length)
        return refuse(why, 400, "a WebSocket handshake has no body");
    return 0;
}

void ws_conn_accept(struct ws_conn *w, struct http_request *r, str extra, str protocol,
                    uint32_t message_bytes_max, const struct ws_events *events)
{
    struct buf answer = { 0 };
    bool relayed = http_is_relayed(r);
    struct stream *s;
    char accept[28];

    ws_accept_key(accept, http1_header(&r->head, STR("Sec-WebSocket-Key")));
    buf_add(&answer, STR("HTTP/1.1 101 Switching Protocols\r\n"
                         "Upgrade: websocket\r\n"
                         "Connection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: "));
    buf_append(&answer, accept, sizeof accept);
    buf_add(&answer, STR("\r\n"));
    if (protocol.n) {
        buf_add(&answer, STR("Sec-WebSocket-Protocol: "));
        buf_add(&answer, protocol);
        buf_add(&answer, STR("\r\n"));
    }
    buf_add(&answer, extra);
    buf_add(&answer, STR("\r\n"));
    s = http_take_stream(r);
    stream_write(s, buf_str(&answer));
    buf_free(&answer);
    ws_conn_open(w, s, message_bytes_max, events);
    w->tethered = relayed;
}
