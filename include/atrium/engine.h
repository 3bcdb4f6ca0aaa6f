/* atrium/engine.h - a bare Engine.IO server (protocol 4) under a path of its own: messages, no
 * events.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_ENGINE_H
#define ATRIUM_ENGINE_H

#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct atr_engine_handlers {
    size_t size; /* sizeof(atr_engine_handlers) */
    void (*on_connection)(void *user, atr_engine_socket *s);
    void (*on_message)(void *user, atr_engine_socket *s, atr_str data, int binary);
    void (*on_close)(void *user, atr_engine_socket *s, const char *reason, const char *description);
    void (*on_upgrade)(void *user, atr_engine_socket *s);
    void (*on_drain)(void *user, atr_engine_socket *s);
} atr_engine_handlers;
#define ATR_ENGINE_HANDLERS_INIT                                                                   \
    {                                                                                              \
        .size = sizeof(atr_engine_handlers)                                                        \
    }

/* options_json: an object of Engine.IO's options ("path", "pingInterval", "cors", ...), or empty.
 * The application's settings do not apply. On failure NULL, with the reason in why. */
ATR_API atr_engine *atr_engine_new(atr_app *app, atr_str options_json, const atr_engine_handlers *h,
                                   void *user, char *why);
ATR_API void atr_engine_close(atr_engine *e); /* ends its sessions and refuses new ones */
ATR_API size_t atr_engine_count(const atr_engine *e);
ATR_API void atr_engine_each(atr_engine *e, void (*fn)(void *arg, atr_engine_socket *s), void *arg);
ATR_API void atr_engine_on_allow_request(atr_engine *e,
                                         void (*fn)(void *user, atr_request *r, atr_decision d),
                                         void *user);
ATR_API void atr_engine_on_connection_error(atr_engine *e,
                                            void (*fn)(void *user, atr_request *r, int code,
                                                       const char *message, const char *context),
                                            void *user);

ATR_API atr_ref atr_engine_socket_ref(const atr_engine_socket *s);
ATR_API atr_engine_socket *atr_engine_socket_find(atr_engine *e, atr_ref ref);
ATR_API atr_str atr_engine_socket_id(const atr_engine_socket *s);
ATR_API const char *atr_engine_socket_transport(const atr_engine_socket *s);
ATR_API int atr_engine_send(atr_engine_socket *s, atr_str data, int binary);
ATR_API void atr_engine_socket_close(atr_engine_socket *s, int discard);
ATR_API size_t atr_engine_socket_buffered(const atr_engine_socket *s);

#ifdef __cplusplus
}
#endif

#endif
