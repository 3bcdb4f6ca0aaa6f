/* socketio/cluster_session.h - sessions that survive their server: what a client is made of that
 * lost its connection, or whose server died, crosses to the server it comes back to.
 *
 * What a server keeps it also writes into its journal, whenever rooms or data change, so that
 * another server can take over when it has died (sio_cluster_inherit()).
 *
 * When a client comes to a server that does not know its private id (pid), all others are asked:
 * the one that keeps the session gives it away, for good, so that one server at most has it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CLUSTER_SESSION_H
#define SOCKETIO_CLUSTER_SESSION_H

#include "cluster/journal.h"
#include "socketio/cluster.h"
#include "socketio/recovery.h"

struct sio_connect;

struct sio_sessions;

/* Of a server that is in a cluster whose bus has a history. journal: open; NULL: what is kept dies
 * with the server. Ends with sio_cluster_free(). */
void sio_sessions_open(struct sio_server *io, struct journal *journal);
void sio_sessions_free(struct sio_cluster *c);
/* A server has gone: what it kept may take a moment to turn up. */
void sio_sessions_lost(struct sio_cluster *c);

/* The record is new, or its rooms or state have changed: into the journal with it. */
void sio_session_changed(struct sio_record *rec);
/* It is gone: nobody will come back as it. */
void sio_session_forgotten(const struct sio_record *rec);
/* The socket's data may have changed: looks at the end of the iteration, before anything that was
 * sent in it is written. */
void sio_session_touched(struct sio_socket *s);
/* Looks now: before the socket goes. */
void sio_session_settle(struct sio_socket *s);

/* Whether a CONNECT with that payload asks for a session that is not here. */
bool sio_session_elsewhere(const struct sio_namespace *n, str auth);
/* Asks the other servers for it. sio_connect_resumed() is called with the ticket, from the loop,
 * once it is here or is not to be had. */
void sio_session_fetch(struct sio_namespace *n, str auth, uint64_t ticket);

/* A session from the journal of a server that has died; value is what its journal held. */
void sio_cluster_inherit(struct sio_server *io, str pid, str value);

/* cluster_ask.c: another server asks for a session. */
void sio_session_give(struct sio_cluster *c, struct request_from from, struct sio_namespace *n,
                      struct sio_reader *r);

#endif
