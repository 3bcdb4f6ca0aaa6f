/* api/engine.h - what is behind the handles of a bare Engine.IO server.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_ENGINE_H
#define API_ENGINE_H

#include "api/io.h"

struct atr_engine {
    struct eio_server server;
    struct list link; /* in app->engines */
    atr_app *app;
    struct engine_hooks hooks;
    struct settings settings;
    struct arena strings;
    struct id_table sockets;
    atr_engine_handlers handlers;
    void *user;
    void (*on_allow_request)(void *user, atr_request *r, atr_decision d);
    void *allow_request_user;
    void (*on_connection_error)(void *user, atr_request *r, int code, const char *message,
                                const char *context);
    void *connection_error_user;
    struct buf arrived; /* refs of sockets that came from another process and are not announced */
    struct loop_job announce;
};

struct atr_engine_socket {
    struct eio_session session; /* first: the server allocates us */
    atr_ref ref;
    bool announced;   /* on_connection was called */
    bool handed_over; /* it began in another process */
};

/* Tells the application of a socket that it can use. */
void engine_announce(atr_engine_socket *s);

/* --- engine_handover.c: sockets that go on in another process --- */
void engine_handover_init(atr_engine *e);
void engine_handover_free(atr_engine *e);
/* Calls fn for each open session of every bare engine until it returns false; fn may freeze it. */
void engines_each_session(atr_app *app, bool (*fn)(void *arg, struct eio_session *s), void *arg);
/* As eio_session_freeze(): the engine's path, and the session. It is gone here, and no callback of
 * the application is called. */
int engine_session_freeze(struct eio_session *s, struct buf *out, int *fd) MUST_CHECK;
/* The socket is there at once, on_connection comes from the loop, then it is read from. 0;
 * ATR_EUNKNOWN: there is no engine at that path; ATR_ESYNTAX. fd is closed when it fails. */
int engines_thaw(atr_app *app, str in, int fd) MUST_CHECK;

#endif
