/* ws/reader.h - what the two halves of a connection, reader.c and conn.c, owe each other.
 *
 * Internal to ws.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WS_READER_H
#define WS_READER_H

#include "ws/conn.h"

/* Reads frames until the input is used up, the connection is over or its stream paused; returns how
 * many bytes were used. */
size_t ws_reader_feed(struct ws_conn *w, uint8_t *data, size_t n);

/* Drops a message that is not complete. */
void ws_reader_drop(struct ws_conn *w);
/* Room for `cap` bytes of one, with what `old` holds (NULL: nothing), which is freed. */
struct ws_partial *ws_reader_partial(struct ws_partial *old, size_t cap);
/* How many bytes a message that comes in may have on the wire. */
uint64_t ws_reader_bytes_max(const struct ws_conn *w, bool compressed);

/* --- implemented by conn.c --- */

extern const struct stream_events ws_stream_events; /* the owner is the struct ws_conn */

/* 7.1.7: says why in a close frame and gives the connection up. */
void ws_conn_fail(struct ws_conn *w, unsigned code);

/* 5.5.2, 5.5.3: answers a ping. */
void ws_conn_on_ping(struct ws_conn *w, str payload);

/* 5.5.1: a close frame with its payload checked; code 0: it had none. */
void ws_conn_on_close(struct ws_conn *w, unsigned code, str reason);

#endif
