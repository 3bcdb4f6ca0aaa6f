/* atrium/types.h - what every part of the public API uses.
 *
 * Rules for the whole API
 *   - Threads: an application and all its objects belong to the thread that created it. Other
 *     threads may call atr_app_post() and nothing else. Several applications may live in one
 *     process, on one thread or each on its own.
 *   - Ownership: what a function is given stays the caller's and is copied if it is kept, unless
 *     said otherwise; what a function returns belongs to the library. The caller frees applications
 *     and writers; everything else goes with its application.
 *   - Lifetime: pointers and texts given to callbacks are valid until the callback returns, unless
 *     said otherwise; so are texts that functions return. To remember an object keep its atr_ref: a
 *     ref that outlives its object finds nothing.
 *   - Callbacks get `user` first: the pointer given when they were registered. No callback runs
 *     inside the call that registers it.
 *   - Re-entrancy: every call is legal inside every callback, unless said otherwise.
 *   - Text is UTF-8, not terminated unless it is a char *. Times are milliseconds.
 *   - Errors: functions return 0 (or a count) or a negative code, an ATR_E* of atrium/error.h or a
 *     negated errno. A parameter `char *why` has room for ATR_WHY_BYTES and gets a sentence on
 *     failure; NULL is fine. Handing over NULL, or an object that is gone, where nothing else is
 *     said is a mistake of the caller and undefined. Running out of memory ends the process.
 *   - Structs that the caller fills begin with `size`: sizeof the struct, as its _INIT sets it, so
 *     that members can be added at the end. 0 stands for the members of the first version: a zeroed
 *     struct will do. A member that is 0 or NULL means the default. Structs that the library fills
 *     may grow at the end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_TYPES_H
#define ATRIUM_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "atrium/error.h"

#if defined(__GNUC__)
#define ATR_API __attribute__((visibility("default")))
#else
#define ATR_API
#endif

/* Behind the _INIT macros: everything zero, but size. */
#ifdef __cplusplus
template <class T> inline T atr_sized()
{
    T t = T();
    t.size = sizeof(T);
    return t;
}
#define ATR_INIT(type) atr_sized<type>()
#else
#define ATR_INIT(type)                                                                             \
    {                                                                                              \
        .size = sizeof(type)                                                                       \
    }
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A borrowed slice of bytes, not terminated. p may be NULL when n is 0. */
typedef struct atr_str {
    const char *p;
    size_t n;
} atr_str;

/* ATR_STR("literal") of a literal, atr_text(text) of any terminated text, which is borrowed. */
#ifdef __cplusplus
#define ATR_STR(literal) (atr_str{ "" literal, sizeof(literal) - 1 })
#else
#define ATR_STR(literal) ((atr_str){ "" literal, sizeof(literal) - 1 })
#endif
static inline atr_str atr_text(const char *text)
{
    atr_str s = { text, text ? strlen(text) : 0 };

    return s;
}

/* Names an object of an application for ever: it is never used again. 0 names nothing. */
typedef uint64_t atr_ref;

/* Room for the sentence that explains a failure. */
#define ATR_WHY_BYTES 512

/* What an event, an acknowledgement or a message carries.
 *
 * json is the text of a JSON array: of an event its name first, then the arguments; of an
 * acknowledgement just the arguments. Binary arguments are attachments: where one stands the JSON
 * has {"_placeholder":true,"num":k}, k counting attachments from 0. A writer (atrium/json.h) makes
 * both. */
typedef struct atr_data {
    atr_str json;
    const atr_str *attachments;
    size_t attachment_count;
} atr_data;

typedef struct atr_app atr_app;
typedef struct atr_io atr_io;
typedef struct atr_namespace atr_namespace;
typedef struct atr_socket atr_socket;
typedef struct atr_engine atr_engine;
typedef struct atr_engine_socket atr_engine_socket;
typedef struct atr_websocket atr_websocket;
typedef struct atr_ws atr_ws;
typedef struct atr_request atr_request;
typedef struct atr_timer atr_timer;
typedef struct atr_sqlite atr_sqlite;

/* A decision that a callback owes: pass it to atr_decide() exactly once, at once or later (a client
 * whose question stays open is let go by its own time limits). Deciding again, or after the client
 * has gone, does nothing. */
typedef atr_ref atr_decision;

#ifdef __cplusplus
}
#endif

#endif
