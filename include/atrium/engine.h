/* atrium/engine.h - a bare Engine.IO server (protocol 4) under a path of its own: messages, no
 * events.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_ENGINE_H
#define ATRIUM_ENGINE_H

#include "atrium/http.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Any callback may be NULL. */
typedef struct atr_engine_handlers {
    size_t size; /* sizeof(atr_engine_handlers) */
    void (*on_connection)(void *user, atr_engine_socket *s);
    /* One message; text is valid UTF-8. */
    void (*on_message)(void *user, atr_engine_socket *s, atr_str data, int binary);
    /* The last callback about s, which is gone when it returns. reason as engine.io words it. */
    void (*on_close)(void *user, atr_engine_socket *s, const char *reason, const char *description);
    /* It has changed from polling to WebSocket. */
    void (*on_upgrade)(void *user, atr_engine_socket *s);
    /* Nothing waits for it any more, after it was backed up, the system had refused some, or
     * atr_engine_socket_buffered() has told of bytes that wait. */
    void (*on_drain)(void *user, atr_engine_socket *s);
} atr_engine_handlers;
#define ATR_ENGINE_HANDLERS_INIT ATR_INIT(atr_engine_handlers)

/* Serves an engine until app is freed. options_json: an object of the settings that are Engine.IO's
 * ("path", default "/engine.io", "pingInterval", "cors", ...), or empty; the application's own
 * settings do not apply. h is copied. On failure (an unknown or wrong option, a path that is taken)
 * NULL, with the reason in why. */
ATR_API atr_engine *atr_engine_new(atr_app *app, atr_str options_json, const atr_engine_handlers *h,
                                   void *user, char *why);
ATR_API void atr_engine_close(atr_engine *e);         /* ends its sessions and refuses new ones */
ATR_API size_t atr_engine_count(const atr_engine *e); /* sessions */
/* Calls fn for each session; fn may send and close. */
ATR_API void atr_engine_each(atr_engine *e, void (*fn)(void *arg, atr_engine_socket *s), void *arg);
/* As atr_io_on_allow_request() and atr_io_on_connection_error(), for this engine. */
ATR_API void atr_engine_on_allow_request(atr_engine *e,
                                         void (*fn)(void *user, atr_request *r, atr_decision d),
                                         void *user);
ATR_API void atr_engine_on_connection_error(atr_engine *e,
                                            void (*fn)(void *user, atr_request *r, int code,
                                                       const char *message, const char *context),
                                            void *user);

/* --- Requests on their way in and out. atr_io_engine_use(), atr_io_on_generate_id() and
 * atr_io_on_headers() of atrium/io.h are the same for the engine beneath Socket.IO. --- */
/* Adds a middleware: fn is called for every request of the engine, polling and upgrades, new
 * sessions and old ones, in the order of registration, before anything of it is looked at (but for
 * a CORS preflight). It settles d with atr_decide(), at once or later: allowed, the request goes
 * on; refused, it is answered 400 with code 3, and connection_error hears of MIDDLEWARE_FAILURE. Or
 * with atr_decide_response(). It may set headers of the answer with atr_response_set_header(). */
ATR_API void atr_engine_use(atr_engine *e, void (*fn)(void *user, atr_request *r, atr_decision d),
                            void *user);
/* The request of an open decision of an engine (a middleware, allowRequest, generateId); NULL when
 * it is settled, when the client left, and of other decisions. */
ATR_API atr_request *atr_decision_request(atr_app *app, atr_decision d);
/* Settles the decision of a middleware by an answer; the request goes no further. Returns 0;
 * ATR_ECLOSED when it is settled or the client left; or as atr_respond(): it stays open then. */
ATR_API int atr_decide_response(atr_app *app, atr_decision d, const atr_response *res);
/* Makes the ids of sessions: fn settles d with atr_decide_id(), at once or later, or with
 * atr_decide(): allowed, the id is one of ours; refused, the handshake is answered 400 with code 3,
 * and connection_error hears of ID_GENERATION_ERROR. An id is a secret: who knows it can take the
 * session over. NULL removes fn. */
ATR_API void atr_engine_on_generate_id(atr_engine *e,
                                       void (*fn)(void *user, atr_request *r, atr_decision d),
                                       void *user);
/* 1 to 128 visible characters of ASCII but '"', ',', ';' and '\\', that no open session has.
 * Returns 0; ATR_ESYNTAX or ATR_EEXISTS when it is none or in use: the handshake is refused;
 * ATR_ECLOSED when d is settled, the client left, or d asks for no id. */
ATR_API int atr_decide_id(atr_app *app, atr_decision d, atr_str id);
/* Calls fn before each answer to a polling GET or POST of a session, and each 101, goes out.
 * initial: 1 for the one that opens a session. atr_response_headers() gives the header lines it
 * will have, and the functions beside it change them, in this call. Refusals are not told of. NULL
 * removes fn. */
ATR_API void atr_engine_on_headers(atr_engine *e,
                                   void (*fn)(void *user, atr_request *r, int initial), void *user);

/* --- Sessions: valid until their on_close has returned --- */
ATR_API atr_ref atr_engine_socket_ref(const atr_engine_socket *s);
ATR_API atr_engine_socket *atr_engine_socket_find(atr_engine *e, atr_ref ref); /* NULL: gone */
ATR_API atr_str atr_engine_socket_id(const atr_engine_socket *s);            /* the sid: a secret */
ATR_API const char *atr_engine_socket_transport(const atr_engine_socket *s); /* as of a socket */
ATR_API int atr_engine_socket_protocol(const atr_engine_socket *s);
/* Whether it began in a process whose place this one has taken: on_connection has been called there
 * before, and here again. */
ATR_API int atr_engine_socket_handed_over(const atr_engine_socket *s);
/* Sends a message; data is copied. Text must be UTF-8. Returns 0, ATR_ECLOSED, or ATR_ELIMIT when
 * the queue was full: the option "overflow" has dropped the message, or the session is closed. */
ATR_API int atr_engine_send(atr_engine_socket *s, atr_str data, int binary);
/* The same; where overflow is "keepLatest" it replaces what waits under that key. Empty: nothing.
 */
ATR_API int atr_engine_send_key(atr_engine_socket *s, atr_str data, int binary, atr_str key);
/* Closes it once what is queued has gone out, or with discard at once. A no-op when it is closed.
 */
ATR_API void atr_engine_socket_close(atr_engine_socket *s, int discard);
/* Bytes queued. When there are any, on_drain follows. */
ATR_API size_t atr_engine_socket_buffered(const atr_engine_socket *s);
/* As atr_socket_pause() and atr_socket_resume(). */
ATR_API void atr_engine_socket_pause(atr_engine_socket *s);
ATR_API void atr_engine_socket_resume(atr_engine_socket *s);

#ifdef __cplusplus
}
#endif

#endif
