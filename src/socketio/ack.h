/* socketio/ack.h - acknowledgements that clients owe: of one socket, or of all that a broadcast
 * reached.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_ACK_H
#define SOCKETIO_ACK_H

#include "cluster/bus.h"
#include "socketio/server.h"

/* An ACK packet came. Unknown and repeated ids are ignored (2.3). */
void sio_ack_arrived(struct sio_socket *s, int64_t id, const struct sio_data *data);
/* The socket has left: nothing more will come from it. */
void sio_acks_fail(struct sio_socket *s);
/* Waits for the answer to a packet that was sent with an id of the namespace's. */
void sio_ack_expect(struct sio_socket *s, int64_t id, uint32_t timeout_ms, sio_ack_fn fn,
                    void *user);
/* Whether an answer with that id is waited for. */
bool sio_ack_expected(const struct sio_socket *s, int64_t id);
/* Calls back for each id that the socket has yet to answer; of a broadcast's, fn is NULL. */
void sio_acks_each(const struct sio_socket *s,
                   void (*each)(void *arg, int64_t id, sio_ack_fn fn, void *user), void *arg);
/* Forgets those that fn waits for; their users are freed with mem_free(). */
void sio_acks_forget(struct sio_socket *s, sio_ack_fn fn);
/* Open acks of sockets that another server has now. */
size_t sio_acks_of_moved(const struct sio_server *io);

/* --- question.c: broadcasts that wait for answers --- */

/* Names a question of this server for other nodes. */
struct sio_question_key {
    uint64_t nsp; /* the namespace's number */
    int64_t id;
};

/* Who asked, when it was another node: its question's name there. */
struct sio_asker {
    struct bus_node node;
    struct sio_question_key key;
};

/* The clients of another node have been asked too: so many owe an answer. */
void sio_question_expects(struct sio_server *io, const struct sio_question_key *key,
                          struct bus_node node, uint32_t clients);
/* Those that were asked have all said how many, but for `missing`. */
void sio_question_counted(struct sio_server *io, const struct sio_question_key *key,
                          uint32_t missing);
/* One of them has answered; data NULL: it has left without. */
void sio_question_heard(struct sio_server *io, const struct sio_question_key *key,
                        struct bus_node node, const struct sio_data *data);
/* A node has gone: its clients will not answer any more, and what it asked is of no interest. */
void sio_questions_lost(struct sio_server *io, struct bus_node node);
/* Asks the clients here for another node, which is told of each answer. Returns how many were
 * asked. */
uint32_t sio_question_for(struct sio_namespace *n, const struct sio_target *t,
                          const struct sio_data *data, uint32_t timeout_ms,
                          const struct sio_asker *asker);

void sio_question_answered(struct sio_socket *s, int64_t id, const struct sio_data *data);
/* Calls back for each that s has yet to answer. */
void sio_questions_each(const struct sio_socket *s, void (*each)(void *arg, int64_t id), void *arg);
void sio_questions_left(struct sio_socket *s);
/* Has all that are open end with ATR_ECLOSED, from the loop. */
void sio_questions_close(struct sio_server *io);
/* Ends them now. */
void sio_questions_fini(struct sio_server *io);

#endif
