/* socketio/cluster_parts.h - what the files of a server's cluster owe each other: cluster.c,
 * cluster_control.c and cluster_ask.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CLUSTER_PARTS_H
#define SOCKETIO_CLUSTER_PARTS_H

#include "socketio/cluster.h"

/* cluster.c: reads a note's head, and its target's front if that lies in the body. */
struct sio_namespace *sio_cluster_read(struct sio_cluster *c, const struct bus_message *m,
                                       str *body, struct sio_reader *r, struct sio_wire_target *t);
/* cluster.c: writes head and front for a target into the cluster's scratch. */
void sio_cluster_write(struct sio_cluster *c, const struct sio_namespace *n,
                       const struct sio_target *t);

/* cluster.c: the frames of a packet; *r stands behind the target. 0 or ATR_ESYNTAX. */
int sio_cluster_frames(struct sio_reader *r, str body, struct sio_frames *f) MUST_CHECK;
/* cluster.c: publishes a packet. As sio_cluster_cast(). */
int sio_cluster_publish(struct sio_namespace *n, uint16_t kind, const struct sio_target *t,
                        const struct sio_frames *f, void (*stamp)(uint8_t *at, uint64_t number),
                        size_t stamp_at, uint64_t *number) MUST_CHECK;

/* cluster_control.c: a socket moved while the bus delivered the note as_of. */
void sio_cluster_defer_move(struct sio_namespace *n, str id, str room, bool joined, uint64_t as_of);
/* cluster_history.c: publishes that. as_of 0: now. */
void sio_history_publish_move(struct sio_namespace *n, str id, str room, bool joined,
                              uint64_t as_of);

/* cluster_control.c: has fn run from the job, in its turn; text is copied. Not once the server
 * closes. */
void sio_cluster_defer_call(struct sio_cluster *c,
                            void (*fn)(struct sio_server *io, uint64_t ref, str text), uint64_t ref,
                            str text);

/* cluster_control.c: a note that changes something, or is put off. */
void sio_cluster_control(struct sio_cluster *c, const struct bus_message *m, str body);
/* The job that does what was put off. */
void sio_cluster_run(struct loop_job *job);
void sio_cluster_forget(struct sio_cluster *c); /* what was put off and not done */

/* cluster_ask.c */
extern const struct request_handler sio_cluster_questions;

/* cluster_fetch.c: answers who of a target is here. */
void sio_cluster_describe(struct sio_cluster *c, struct request_from to, struct sio_namespace *n,
                          const struct sio_target *t);
void sio_cluster_describe_no_more(struct sio_cluster *c);

/* cluster_question.c: a broadcast of another node that its clients here are to acknowledge; what
 * follows the target is at *r. */
void sio_cluster_ask_clients(struct sio_cluster *c, struct request_from from,
                             struct sio_namespace *n, const struct sio_target *t,
                             struct sio_reader *r);
/* A note with a client's answer to a broadcast of this node. */
void sio_cluster_answered(struct sio_cluster *c, const struct bus_message *m, str body);

/* Events and values with their attachments, as bytes. */
void sio_write_data(struct buf *b, const struct sio_data *d);
/* Points into the input; attachments are to be freed with mem_free(). 0 or ATR_ESYNTAX. */
int sio_read_data(struct sio_reader *r, struct sio_data *out, str **attachments) MUST_CHECK;

#endif
