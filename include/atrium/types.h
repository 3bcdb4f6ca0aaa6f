/* atrium/types.h - what every part of the public API uses.
 *
 * Rules for the whole API
 *   - Not thread-safe: an application and all its objects belong to the thread that calls
 *     atr_app_run() or atr_app_turn().
 *   - Pointers given to callbacks are valid until the callback returns, unless said otherwise. To
 *     remember an object keep its atr_ref: a ref that outlives its object finds nothing.
 *   - Callbacks get `user` first: the pointer given when they were registered. No callback runs
 *     inside the call that registers it.
 *   - Every call is legal inside every callback, unless said otherwise.
 *   - Text is UTF-8. Times are milliseconds. Functions return 0 (or a count) or a negative code
 *     (atrium/error.h, or a negated errno).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_TYPES_H
#define ATRIUM_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "atrium/error.h"

#if defined(__GNUC__)
#define ATR_API __attribute__((visibility("default")))
#else
#define ATR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A borrowed slice of bytes, not terminated. */
typedef struct atr_str {
    const char *p;
    size_t n;
} atr_str;

#ifdef __cplusplus
#define ATR_STR(literal) (atr_str{ (literal), sizeof(literal) - 1 })
#else
#define ATR_STR(literal) ((atr_str){ (literal), sizeof(literal) - 1 })
#endif

/* Names an object of an application for ever; 0 names nothing. */
typedef uint64_t atr_ref;

/* Room for the sentence that explains a failure of a start-up call. */
#define ATR_WHY_BYTES 512

/* What an event, an acknowledgement or a message carries.
 *
 * json is the text of a JSON array: of an event its name first, then the arguments; of an
 * acknowledgement just the arguments. Binary arguments are attachments: where one stands the JSON
 * has
 * {"_placeholder":true,"num":k}, k counting attachments from 0. */
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

/* A decision that a callback owes: pass it to atr_decide() exactly once, at once or later. Deciding
 * again, or after the client has gone, does nothing. */
typedef atr_ref atr_decision;

#ifdef __cplusplus
}
#endif

#endif
