/* load/client.c - see client.h. Start reading at on_data().
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/tls_stream.h"
#include "proto/http1.h"
#include "proto/ws_frame.h"

/* STALLED: of connections that do not read, so that the server meets the stall soon. */
enum { PORTS_PER_ADDRESS = 20000, STALLED_BYTES = 16384, STALLED_SEGMENT = 1000 };

/* One fixed key: masking costs the server the same whatever the key is. */
static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

static struct msg *masked(str payload)
{
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_frame_head_masked(head, WS_TEXT, true, payload.n, mask);
    struct msg *m = msg_new(n + payload.n);

    memcpy(m->data, head, n);
    memcpy(m->data + n, payload.p, payload.n);
    ws_unmask(m->data + n, payload.n, mask, 0);
    m->head = (uint8_t)n;
    return m;
}

/* A message of the scenario: for Socket.IO the event with one text argument of `size` bytes. */
static struct msg *message(const struct load_options *o, const char *event, char first)
{
    struct buf text = { 0 };
    struct buf payload = { 0 };

    memset(buf_extend(&payload, o->size), 'x', o->size);
    payload.data[0] = (uint8_t)first;
    if (o->protocol == LOAD_SOCKETIO)
        buf_format(&text, "42[\"%s\",\"%.*s\"]", event, (int)payload.len, (char *)payload.data);
    else
        buf_format(&text, "%s%.*s", o->protocol == LOAD_ENGINE ? "4" : "", (int)payload.len,
                   (char *)payload.data);
    struct msg *m = masked(buf_str(&text));
    buf_free(&text);
    buf_free(&payload);
    return m;
}

void load_wire_init(struct load_wire *w, struct loop *l, const struct load_options *o,
                    const struct load_events *events)
{
    struct buf request = { 0 };

    *w = (struct load_wire){ .loop = l, .options = o, .events = events };
    buf_format(&request,
               "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
               o->path, o->host, o->port);
    w->upgrade = msg_of(buf_str(&request));
    w->connect = masked(STR("40"));
    w->pong = masked(STR("3"));
    w->echo = message(o, "echo", 'x');
    w->broadcast = message(o, "broadcast", '*');
    buf_free(&request);
    if (o->secure)
        w->tls = tls_context_new_trusting();
}

void load_wire_fini(struct load_wire *w)
{
    msg_unref(w->upgrade);
    msg_unref(w->connect);
    msg_unref(w->pong);
    msg_unref(w->echo);
    msg_unref(w->broadcast);
    tls_context_free(w->tls);
}

static void lose(struct load_client *c)
{
    struct stream *s = c->stream;

    if (c->state == LOAD_CLOSED)
        return;
    c->state = LOAD_CLOSED;
    c->stream = NULL;
    if (s)
        stream_close(s, 0);
    c->wire->events->on_lost(c);
}

static void ready(struct load_client *c)
{
    c->state = LOAD_READY;
    c->wire->events->on_ready(c);
}

/* One whole frame. Returns how many messages of the scenario it is (0 or 1), or -1 to give up. */
static int take_frame(struct load_client *c, const struct ws_frame *f, const char *p)
{
    enum load_protocol protocol = c->wire->options->protocol;

    if (f->op == WS_CLOSE)
        return -1;
    if (f->op != WS_TEXT && f->op != WS_BINARY)
        return 0;
    if (protocol == LOAD_WS)
        return 1;
    if (f->len == 0)
        return -1;
    if (p[0] == '2' && f->op == WS_TEXT) {
        stream_send(c->stream, c->wire->pong);
        return 0;
    }
    if (c->state == LOAD_READY)
        return protocol == LOAD_ENGINE ? p[0] == '4' : f->len > 1 && p[0] == '4' && p[1] == '2';
    if (p[0] == '0' && protocol == LOAD_ENGINE)
        ready(c);
    else if (p[0] == '0')
        stream_send(c->stream, c->wire->connect);
    else if (f->len > 1 && p[0] == '4' && p[1] == '0')
        ready(c);
    else if (f->len > 1 && p[0] == '4' && p[1] == '4')
        return -1;
    return 0;
}

/* Whole frames at the front of what s brought; returns the bytes used. As soon as c is ready it may
 * have been opened anew: what is left is not for its new stream. */
static size_t take_frames(struct load_client *c, const struct stream *s, uint8_t *data, size_t n)
{
    static const struct ws_rules rules = { .len_max = 1u << 30 };
    uint32_t messages = 0;
    size_t used = 0;

    while (c->stream == s) {
        struct ws_frame f;
        enum ws_bad bad;
        enum parse got = ws_frame_parse(data + used, n - used, &rules, &f, &bad);
        if (got == PARSE_MORE || (got == PARSE_DONE && n - used - f.head < f.len))
            break;
        int counted = got == PARSE_BAD ? -1 : take_frame(c, &f, (char *)data + used + f.head);
        if (counted < 0) {
            lose(c);
            return n;
        }
        messages += (uint32_t)counted;
        used += f.head + (size_t)f.len;
    }
    if (messages && c->stream == s) {
        c->received += messages;
        c->wire->events->on_messages(c, messages);
    }
    return used;
}

static size_t on_data(struct stream *s, uint8_t *data, size_t n)
{
    struct load_client *c = s->owner;
    size_t used = 0;

    c->wire->bytes_in += n;
    if (c->state == LOAD_UPGRADING) {
        struct http_head head;
        enum parse got = http1_response((const char *)data, n, 16384, &head);
        if (got == PARSE_MORE)
            return 0;
        if (got == PARSE_BAD || head.status != 101) {
            lose(c);
            return n;
        }
        used = head.bytes;
        c->state = LOAD_OPENING;
        if (c->wire->options->protocol == LOAD_WS)
            ready(c);
    }
    return used + take_frames(c, s, data + used, n - used);
}

static void on_end(struct stream *s)
{
    lose(s->owner);
}

static void on_close(struct stream *s, int err)
{
    struct load_client *c = s->owner;

    (void)err;
    c->stream = NULL;
    lose(c);
}

static const struct stream_events events = { .on_data = on_data,
                                             .on_end = on_end,
                                             .on_close = on_close };

/* Beyond some twenty thousand connections further loopback addresses give further ports. */
static void choose_source(int fd, uint32_t index, const struct sockaddr *to)
{
    struct sockaddr_in from = { .sin_family = AF_INET };
    const struct sockaddr_in *to4 = (const struct sockaddr_in *)(const void *)to;

    if (to->sa_family != AF_INET || ntohl(to4->sin_addr.s_addr) >> 24 != 127 ||
        index < PORTS_PER_ADDRESS)
        return;
    from.sin_addr.s_addr = htonl(0x7f000001u + index / PORTS_PER_ADDRESS);
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
    (void)bind(fd, (struct sockaddr *)&from, sizeof from); /* else the default address is used */
}

/* What the kernels hold for a connection that does not read goes with the receiver's buffer and,
 * on the sender's side, with the size of a segment: over loopback megabytes, else. */
static void hold_little(int fd)
{
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ STALLED_BYTES }, sizeof(int));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){ STALLED_SEGMENT }, sizeof(int));
}

static int connect_to(const struct load_options *o, uint32_t index, bool stalled)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *at;
    char port[8];
    int fd = -1, err = -ECONNREFUSED;

    (void)snprintf(port, sizeof port, "%u", o->port);
    if (getaddrinfo(o->host, port, &hints, &list) != 0)
        return -EHOSTUNREACH;
    for (at = list; at; at = at->ai_next) {
        if ((fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) {
            err = -errno;
            continue;
        }
        choose_source(fd, index, at->ai_addr);
        if (stalled)
            hold_little(fd);
        if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            break;
        err = -errno;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd < 0)
        return err;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

int load_client_open(struct load_client *c, struct load_wire *w, uint32_t index)
{
    uint64_t *sent_us = c->sent_us;
    bool stalled = c->stalled;
    int fd = connect_to(w->options, index, stalled);

    if (fd < 0)
        return fd;
    *c = (struct load_client){
        .wire = w,
        .index = index,
        .state = LOAD_UPGRADING,
        .stalled = stalled,
        .sent_us = sent_us,
    };
    c->stream = w->tls ? tls_stream_new(w->loop, fd, w->tls, &events, c)
                       : stream_new(w->loop, fd, &events, c);
    stream_send(c->stream, w->upgrade);
    return 0;
}

void load_client_stall(struct load_client *c)
{
    if (c->stream)
        stream_pause(c->stream);
}

void load_client_send(struct load_client *c, struct msg *m)
{
    if (c->stream)
        stream_send(c->stream, m);
}

void load_client_close(struct load_client *c)
{
    struct stream *s = c->stream;

    c->state = LOAD_CLOSED;
    c->stream = NULL;
    if (s)
        stream_close(s, 0);
}
