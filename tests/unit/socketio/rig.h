/* tests/unit/socketio/rig.h - a real server on a loop of its own, and raw WebSocket clients of it.
 *
 * Both sides are written down as text. What the owner was told, in rig.log:
 *
 *     mw(/) connect(/) event(/,"x",["x",1],7) leaving(/,why) left(/,why) abandon(/)
 *     match(/_0,/n,{auth}) namespace(/n) gone(/n) out(/,["x"]) drain(/)
 *     forgotten(/) side(/,["x"]) asked(/,["x"]) moved(/)
 *     C D J L: a room was created, deleted, joined, left; without a space in front
 *
 * with +text behind the JSON for each attachment. What a client received: its texts as they are,
 * but for socket ids, which become $; b(text) for binary; close(1005), end. Of a peer that speaks
 * MessagePack: (text) for each packet, with +text for each attachment in it.
 *
 * Nothing waits for a time: the loop is turned until nothing moves any more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_SOCKETIO_RIG_H
#define UNIT_SOCKETIO_RIG_H

#include "test.h"

#include "base/buf.h"
#include "count.h"
#include "socketio/server.h"

struct rig {
    struct loop loop;
    struct http_server http;
    struct sio_server io;
    struct sio_namespace *main;
    struct buf log;
    bool quiet;              /* do not log: for tests that count allocations */
    struct sio_socket *last; /* the socket connected last */
    sio_decision owed[16];   /* decisions that hold left open, in order */
    int owed_count;
    const char *saves; /* what on_freeze writes; NULL: nothing */
    size_t describes;  /* bytes more that on_describe gives of each socket */
    bool hold;         /* middlewares and matchers leave the decision to the test */
    /* What the owner does besides logging; any may be NULL. */
    void (*on_connection)(struct rig *g, struct sio_socket *s);
    void (*on_event)(struct rig *g, struct sio_socket *s, str event, const struct sio_data *data,
                     int64_t ack);
    void (*on_disconnecting)(struct rig *g, struct sio_socket *s);
    void (*on_disconnect)(struct rig *g, struct sio_socket *s);
    void (*on_abandon)(struct rig *g, struct sio_socket *s);
    void (*on_middleware)(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d);
    void (*on_match)(struct rig *g, void *matcher, str name, sio_decision d);
    void (*on_namespace)(struct rig *g, struct sio_namespace *n);
    void (*on_outgoing)(struct rig *g, struct sio_socket *s);
    void (*on_end)(struct rig *g); /* the server is gone, its loop is not */
    int fds;                       /* open before; -1: other rigs are open beside this one */
};

/* Changes the options before the server starts; NULL: the defaults. */
void rig_open(struct rig *g, void (*change)(struct sio_options *o));
/* Closes everything and checks that nothing is left behind. */
void rig_close(struct rig *g);
void rig_settle(struct rig *g);
/* Turns until the log holds text: for what a timer does. */
void rig_await(struct rig *g, const char *text);
/* An on_event that sends back what came, as an answer if one is wanted. */
void rig_echo(struct rig *g, struct sio_socket *s, str event, const struct sio_data *data,
              int64_t ack);
/* Compares and clears the log. */
#define assert_log(g, want)                                                                        \
    do {                                                                                           \
        rig_settle(g);                                                                             \
        buf_byte(&(g)->log, '\0');                                                                 \
        assert_string_equal((const char *)(g)->log.data, want);                                    \
        buf_clear(&(g)->log);                                                                      \
    } while (0)

struct peer {
    struct rig *rig;
    int fd;
    struct buf in, heard;
    bool closed;          /* a close frame came, or the connection ended */
    bool packed;          /* binary is MessagePack; set before something is said */
    char sid[SIO_ID_LEN]; /* of the last CONNECT reply; before, the session's */
};

/* A WebSocket session; its open packet has been read. No namespace is joined. */
void peer_open(struct peer *p, struct rig *g);
/* The same of a client of Socket.IO 2, which is allowed from then on. */
void peer_open_v2(struct peer *p, struct rig *g);
/* As peer_open(), joined to the main namespace; its socket is g->last; logs are cleared. */
void peer_join(struct peer *p, struct rig *g);
void peer_close(struct peer *p);
/* Several frames at once arrive in one read. */
void peer_say(struct peer *p, const char *text);
void peer_say_two(struct peer *p, const char *first, const char *second);
void peer_bytes(struct peer *p, str bytes);
/* The packet of that text as one message of MessagePack; attachments NULL: none. */
void rig_pack(struct buf *out, const char *text, const str *attachments);
void peer_pack(struct peer *p, const char *text, const str *attachments);
/* As peer_join(), speaking MessagePack. */
void peer_join_packed(struct peer *p, struct rig *g);
/* Keeps what came so far in heard. */
void peer_hear(struct peer *p);
#define assert_heard(p, want)                                                                      \
    do {                                                                                           \
        rig_settle((p)->rig);                                                                      \
        peer_hear(p);                                                                              \
        buf_byte(&(p)->heard, '\0');                                                               \
        assert_string_equal((const char *)(p)->heard.data, want);                                  \
        buf_clear(&(p)->heard);                                                                    \
    } while (0)

/* The arguments of an emit without attachments. */
#define DATA(literal) (&(struct sio_data){ .json = STR(literal) })

int rig_setup(void **state);
int rig_teardown(void **state);
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif
