/* socketio/ack.h - acknowledgements that clients owe: of one socket, or of all that a broadcast
 * reached.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_ACK_H
#define SOCKETIO_ACK_H

#include "socketio/server.h"

/* An ACK packet came. Unknown and repeated ids are ignored (2.3). */
void sio_ack_arrived(struct sio_socket *s, int64_t id, const struct sio_data *data);
/* The socket has left: nothing more will come from it. */
void sio_acks_fail(struct sio_socket *s);

/* question.c: the part of broadcasts. */
void sio_question_answered(struct sio_socket *s, int64_t id, const struct sio_data *data);
void sio_questions_left(struct sio_socket *s);
/* Has all that are open end with ATR_ECLOSED, from the loop. */
void sio_questions_close(struct sio_server *io);
/* Ends them now. */
void sio_questions_fini(struct sio_server *io);

#endif
