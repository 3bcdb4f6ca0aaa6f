/* atrium/websocket.h - plain WebSocket endpoints: messages, sub-protocols, publish and subscribe.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_WEBSOCKET_H
#define ATRIUM_WEBSOCKET_H

#include "atrium/json.h"
#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Any callback may be NULL. */
typedef struct atr_websocket_handlers {
    size_t size; /* sizeof(atr_websocket_handlers) */
    /* A client asks to come in: answer with atr_decide(), at once or later. A refusal is answered
     * 403 with the decision's message. NULL: everyone is let in. */
    void (*on_upgrade)(void *user, atr_request *r, atr_decision d);
    /* r is the request of the handshake: copy what is to be kept. */
    void (*on_open)(void *user, atr_ws *ws, atr_request *r);
    /* One whole message. Text is valid UTF-8. */
    void (*on_message)(void *user, atr_ws *ws, atr_str data, int binary);
    /* The last callback about ws; it has left its channels. code and reason are those of the side
     * that closed first; 1005: its close frame had no code, 1006: there was no close frame. */
    void (*on_close)(void *user, atr_ws *ws, unsigned code, atr_str reason);
    /* Nothing waits for it any more, after it was backed up, the system had refused some, or
     * atr_ws_buffered() has told of bytes that wait. */
    void (*on_drain)(void *user, atr_ws *ws);
    void (*on_pong)(void *user, atr_ws *ws, atr_str payload);
    /* The connection goes on in another process of the application, which takes this one's place:
     * the last callback about ws here, instead of on_close. Nothing can be sent to it any more. One
     * JSON value may be written, which is what on_handed_over gets there. */
    void (*on_hand_over)(void *user, atr_ws *ws, atr_writer *state);
    /* A connection comes from such a process, with its channels and all that it was in the middle
     * of: instead of on_open. state: what was written there; may be empty. An endpoint that has an
     * on_open but not this keeps its connections until their process ends, which closes them. */
    void (*on_handed_over)(void *user, atr_ws *ws, atr_str state);
} atr_websocket_handlers;
#define ATR_WEBSOCKET_HANDLERS_INIT ATR_INIT(atr_websocket_handlers)

/* Serves WebSockets under a path, which may have captures as a route's ("/rooms/:id"). Lives as
 * long as app. options_json is an object, or empty:
 *   maxPayload        bytes of one incoming message, 1048576; a larger one closes with 1009
 *   maxBufferedBytes  bytes of output queued for one connection, 16777216
 *   overflow          beyond that: "disconnect" (default), "drop", "dropOldest", "keepLatest" or
 *                     "block", as the setting of that name
 *   highWaterMark     bytes from which a connection counts as backed up, 65536
 *   blockTimeout      ms that a sender waits under "block", 10000
 *   pingInterval      ms of silence after which the peer is pinged, 25000; 0: never
 *   idleTimeout       ms of silence after which the connection is closed, 45000; 0: never
 *   maxConnections    further handshakes are answered 503; 0 (default): no limit
 *   protocols         list of the sub-protocols spoken: the first that a client offers is chosen
 *   keepHandshake     true: atr_ws_header(), atr_ws_headers(), atr_ws_query() and atr_ws_url() work
 *                     after on_open, too, for which each connection keeps its request (default
 *                     false)
 *   perMessageDeflate compression, as the setting of that name; false (default): none
 * On failure NULL, with the reason in why (ATR_WHY_BYTES). */
ATR_API atr_websocket *atr_websocket_new(atr_app *app, atr_str path, atr_str options_json,
                                         const atr_websocket_handlers *h, void *user, char *why);
ATR_API size_t atr_websocket_count(const atr_websocket *w); /* connections */

/* --- While a client waits for a decision --- */
/* Chooses its sub-protocol, instead of what `protocols` said; empty: none. ATR_EUNKNOWN when the
 * client does not offer it, ATR_ECLOSED when the decision is no longer open. */
ATR_API int atr_ws_choose(atr_app *app, atr_decision d, atr_str protocol);
/* Walks what a request offers, in the client's order. */
ATR_API void atr_ws_offered(const atr_request *r, void (*fn)(void *arg, atr_str protocol),
                            void *arg);

/* --- Connections --- */
ATR_API atr_ref atr_ws_ref(const atr_ws *ws);
ATR_API atr_ws *atr_ws_find(atr_app *app, atr_ref ref); /* NULL: gone */
ATR_API atr_websocket *atr_ws_websocket(const atr_ws *ws);
ATR_API void *atr_ws_user(const atr_ws *ws); /* NULL at first */
ATR_API void atr_ws_set_user(atr_ws *ws, void *user);

/* 0; ATR_ECLOSED; ATR_ELIMIT when the output queue is full: the option "overflow" has dropped the
 * message, or the connection will be cut off. Text must be UTF-8. */
ATR_API int atr_ws_send(atr_ws *ws, atr_str data, int binary);
/* The same; where overflow is "keepLatest" it replaces what waits under that key. Empty: nothing.
 */
ATR_API int atr_ws_send_key(atr_ws *ws, atr_str data, int binary, atr_str key);
/* At most 125 bytes of payload, else ATR_ERANGE. */
ATR_API int atr_ws_ping(atr_ws *ws, atr_str payload);
/* Closes in good order: what is queued goes out first. code: 1000 to 1003, 1007 to 1014, 3000 to
 * 4999, or 0 for none; else ATR_ERANGE. A reason beyond 123 bytes is cut. */
ATR_API int atr_ws_close(atr_ws *ws, unsigned code, atr_str reason);
/* Cuts the connection off; on_close runs in this call, with 1006. */
ATR_API void atr_ws_abort(atr_ws *ws);
/* Bytes that wait to be sent. When there are any, on_drain follows. */
ATR_API size_t atr_ws_buffered(const atr_ws *ws);
/* As atr_socket_pause() and atr_socket_resume(). */
ATR_API void atr_ws_pause(atr_ws *ws);
ATR_API void atr_ws_resume(atr_ws *ws);
ATR_API atr_str atr_ws_address(const atr_ws *ws); /* valid until the callback returns */
/* Of the request: p == NULL when absent, or not kept (see keepHandshake). */
ATR_API atr_str atr_ws_url(const atr_ws *ws);
ATR_API atr_str atr_ws_header(const atr_ws *ws, atr_str name);
ATR_API void atr_ws_headers(const atr_ws *ws, void (*fn)(void *arg, atr_str name, atr_str value),
                            void *arg);
ATR_API void atr_ws_query(const atr_ws *ws, void (*fn)(void *arg, atr_str name, atr_str value),
                          void *arg);

/* --- Channels: of all endpoints of an application --- */
/* 1, or 0 when it was (or was not) subscribed already; ATR_ECLOSED. */
ATR_API int atr_ws_subscribe(atr_ws *ws, atr_str channel);
ATR_API int atr_ws_unsubscribe(atr_ws *ws, atr_str channel);
ATR_API int atr_ws_subscribed(const atr_ws *ws, atr_str channel);
/* fn must not subscribe nor unsubscribe ws. */
ATR_API void atr_ws_channels(const atr_ws *ws, void (*fn)(void *arg, atr_str channel), void *arg);
/* Sends to every subscriber but `except` (may be NULL). Encodes once. Returns to how many it was
 * queued, or ATR_ELIMIT when data is too large for a message. */
ATR_API int64_t atr_publish(atr_app *app, atr_str channel, atr_str data, int binary,
                            const atr_ws *except);
/* The same; where overflow is "keepLatest" it replaces what waits under that key. Without one, that
 * is what was published to the channel before. */
ATR_API int64_t atr_publish_key(atr_app *app, atr_str channel, atr_str data, int binary,
                                atr_str key, const atr_ws *except);
ATR_API size_t atr_channel_count(const atr_app *app, atr_str channel); /* subscribers */

#ifdef __cplusplus
}
#endif

#endif
