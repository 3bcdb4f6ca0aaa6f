/* socketio/cluster_question.h - broadcasts that clients of several nodes acknowledge: what
 * question.c says to the other nodes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CLUSTER_QUESTION_H
#define SOCKETIO_CLUSTER_QUESTION_H

#include "socketio/ack.h"
#include "socketio/cluster.h"

/* Has the other nodes ask their clients. They are heard of through sio_question_expects(),
 * _counted() and _heard(). 0, or what the bus says. */
int sio_cluster_ask_nodes(struct sio_namespace *n, const struct sio_target *t,
                          const struct sio_data *data, uint32_t timeout_ms,
                          const struct sio_question_key *key) MUST_CHECK;
/* Tells the node that asked what a client here has answered; data NULL: it has left. */
void sio_cluster_tell_answer(struct sio_server *io, const struct sio_asker *asker,
                             const struct sio_data *data);

#endif
