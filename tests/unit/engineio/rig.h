/* tests/unit/engineio/rig.h - a real server on a loop of its own, and raw sockets as its clients.
 *
 * Nothing here waits for a time: the loop is turned until what is asked for has happened, and a
 * test fails when it does not within a few seconds.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_ENGINEIO_RIG_H
#define UNIT_ENGINEIO_RIG_H

#include "test.h"

#include "engineio/server.h"

/* The owner's object around a session. */
struct peer {
    struct eio_session session;
    char mark[8];
};

struct rig {
    struct loop loop;
    struct http_server http;
    struct eio_server engine;
    struct eio_events events;
    struct buf log;    /* what the owner was told, "open;text:hello;close:transport close;" */
    struct peer *last; /* the session opened last; NULL once it has closed */
    bool echo;         /* on_message sends back what came */
    bool hold;         /* on_handshake leaves the decision to the test */
    void (*on_message)(struct rig *g, struct eio_session *s, str text); /* after the log; or NULL */
    void (*on_open)(struct rig *g, struct eio_session *s);              /* or NULL */
    void (*beside)(void); /* runs with each turn: others that it speaks with; or NULL */
    eio_handshake held;
    int fds; /* open before; -1: there are others that count */
};

/* Changes the options before the server starts; NULL: the defaults. */
void rig_open(struct rig *g, void (*change)(struct eio_options *o));
/* As rig_open() with allowRequest. */
void rig_open_asking(struct rig *g, void (*change)(struct eio_options *o));
/* Closes everything and checks that nothing is left behind. */
void rig_close(struct rig *g);
/* Turns the loop until all that is under way has been dealt with. */
void rig_settle(struct rig *g);
/* Turns until the log holds text. */
void rig_await(struct rig *g, const char *text);
bool rig_logged(const struct rig *g, const char *text);
void rig_send_text(struct eio_session *s, const char *text); /* the digit '4' is added */
void rig_send_binary(struct eio_session *s, const void *data, size_t n);

/* A client's connection. */
struct client {
    struct rig *rig;
    int fd;
    struct buf in;
    size_t used; /* of in, by the answer or frame returned last */
    bool ended;
};

struct answer {
    unsigned status;
    str head, body;
};

void client_open(struct client *c, struct rig *g);
void client_close(struct client *c);
void client_reset(struct client *c); /* leaves with a TCP reset */
void client_write(struct client *c, str bytes);
/* Sends a request for the path and query; extra: header lines; body NULL: none. */
void client_ask(struct client *c, const char *method, const char *target, const char *extra,
                const char *body);
struct answer client_answer(struct client *c);
/* Both. */
struct answer client_get(struct client *c, const char *target);
struct answer client_post(struct client *c, const char *target, const char *body);
/* Asserts that nothing has come and the connection stands. */
void client_silent(struct client *c);
/* Turns until the server closed the connection; what it sent before is left in c->in. */
void client_await_end(struct client *c);

/* The value of a header; p == NULL: none. */
str answer_header(const struct answer *a, const char *name);
#define assert_answer(got, code, text)                                                             \
    do {                                                                                           \
        struct answer assert_got = (got);                                                          \
        assert_int_equal(assert_got.status, code);                                                 \
        assert_str(assert_got.body, text);                                                         \
    } while (0)
#define assert_header(got, name, text) assert_str(answer_header(got, name), text)
#define assert_no_header(answer, name) assert_null(answer_header(answer, name).p)

/* "/engine.io/?EIO=4&transport=polling&sid=<sid>" in a static buffer, one per call of a few. */
const char *polling_url(const char *sid);
const char *websocket_url(const char *sid); /* sid NULL: none */
/* Opens a polling session over c; its sid is static likewise. */
const char *polling_session(struct client *c);
/* Opens a session on WebSocket; its open packet has been read. */
void websocket_session(struct client *c);
/* Sends a WebSocket handshake and expects 101. */
struct answer websocket_connect(struct client *c, const char *target, const char *extra);
void websocket_ask(struct client *c, const char *target, const char *extra);

struct frame {
    unsigned op;
    str data;
};
void frame_send(struct client *c, unsigned op, str data);
void frame_text(struct client *c, const char *text);
struct frame frame_next(struct client *c);
#define assert_text_frame(client, text)                                                            \
    do {                                                                                           \
        struct frame assert_frame = frame_next(client);                                            \
        assert_int_equal(assert_frame.op, WS_TEXT);                                                \
        assert_str(assert_frame.data, text);                                                       \
    } while (0)
#define assert_close_frame(client, payload)                                                        \
    do {                                                                                           \
        struct frame assert_frame = frame_next(client);                                            \
        assert_int_equal(assert_frame.op, WS_CLOSE);                                               \
        assert_str(assert_frame.data, payload);                                                    \
    } while (0)

#endif
