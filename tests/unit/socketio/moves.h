/* tests/unit/socketio/moves.h - clients that go from one server of an application to another.
 *
 * As in the program: whoever freezes publishes a note first, and the client is thawed where that
 * note stands in the order of the bus, inside its callback.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_SOCKETIO_MOVES_H
#define UNIT_SOCKETIO_MOVES_H

#include "nodes.h"
#include "socketio/client.h"
#include "socketio/handover.h"

/* One client on its way. */
extern struct flight {
    struct buf bytes;
    uint64_t number; /* of its note */
    int fd, from, to;
    int err; /* of its thawing; 1: it was not thawed yet */
} flight;

int moves_set_up(void **state);
int moves_set_up_recovery(void **state);
int moves_tear_down(void **state);
#define MOVE_TEST(f)     cmocka_unit_test_setup_teardown(f, moves_set_up, moves_tear_down)
#define RECOVERY_TEST(f) cmocka_unit_test_setup_teardown(f, moves_set_up_recovery, moves_tear_down)

/* As peer_join(), also where there is recovery. */
void join(struct peer *p, struct rig *g);
struct sio_client *client_of(const struct peer *p);
/* The note is published, the client frozen: nothing is thawed before the loops turn. */
int take_off(int from, int to, struct sio_client *c);
/* All of it. */
void hand_over(int from, int to, struct peer *p);
/* Sockets that a server has handed over and still speaks for. */
uint64_t moved_count(int i);

#endif
