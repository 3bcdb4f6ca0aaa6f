/* engineio/session.h - what the transports need of a session, beyond its public face in server.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_SESSION_H
#define ENGINEIO_SESSION_H

#include "engineio/server.h"
#include "proto/eio_packet.h"

/* A new open session of the owner's size, known by its sid (empty: one of ours), its first ping
 * scheduled (eio3: the client's is awaited). */
struct eio_session *eio_session_new(struct eio_server *e, bool eio3, str sid);
/* The same without a heartbeat, and not counted as opened. */
struct eio_session *eio_session_make(struct eio_server *e, bool eio3, str sid);
struct eio_pace eio_session_pace(const struct eio_session *s);
/* Holds a new session, whose first request r is, to the limits of its server. */
void eio_session_limit(struct eio_session *s, struct http_request *r);
/* What options.initial_packet says, framed; NULL: nothing. */
struct msg *eio_session_greeting(const struct eio_session *s);
/* The open packet, framed. upgrades: advertise WebSocket. */
struct msg *eio_session_open_packet(const struct eio_session *s, bool upgrades);
/* The session of that sid, unless its pong is overdue this very moment; NULL: none. */
struct eio_session *eio_session_find(struct eio_server *e, str sid);

/* One packet that the peer sent; may end the session. */
void eio_session_packet(struct eio_session *s, const struct eio_packet *pk);
void eio_session_message(struct eio_session *s, bool binary, uint8_t *data, size_t n);

/* The bytes of a binary message, whatever form it has. */
static inline str eio_msg_bytes(const struct msg *m)
{
    str payload = msg_payload(m);

    return (str){ payload.p + m->prefix, payload.n - m->prefix };
}

/* The transport has nothing to write any more: more follows, or the session has drained. */
void eio_session_drained(struct eio_session *s);
/* Gives the transport all that waits behind it. */
void eio_session_pump_all(struct eio_session *s);

/* It is not this server's any more: no look-up finds it, nothing runs for it. Its transport is not
 * touched, but not counted either. */
void eio_session_leave(struct eio_session *s);

/* How an end is told to the peer. */
enum { EIO_END_NOOP = 1, EIO_END_CUT = 2 };
/* Ends it now: on_close runs in this call. EIO_END_NOOP: the peer closed, a pending GET gets 6,
 * not 1. EIO_END_CUT: output that the kernel has not taken is lost. A session that was closing
 * keeps its first reason. No-op when it has ended. */
void eio_session_end(struct eio_session *s, enum eio_reason reason, const char *description,
                     unsigned how);
/* Frees an ended session at the end of the iteration, once its WebSocket is gone. */
void eio_session_doom(struct eio_session *s);

#endif
