/* tests/unit/socketio/nodes.h - several servers of one application, on one board, each with a loop
 * of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_SOCKETIO_NODES_H
#define UNIT_SOCKETIO_NODES_H

#include "bus/ring_bus.h"
#include "cluster/journal.h"
#include "rig.h"
#include "socketio/cluster.h"
#include "socketio/cluster_session.h"

enum { NODES = 3 };

struct node {
    struct rig rig;
    struct board board;
    struct peers peers;
    struct ring_bus bus;
    struct exchange exchange;
    struct journal journal;
    bool open;
};
extern struct node nodes[NODES];

/* change: as of rig_open(). */
void nodes_open(void (*change)(struct sio_options *o));
void nodes_close(void); /* checks that nothing is left behind */
void node_close(int i);
/* Turns all loops until nothing moves. */
void nodes_settle(void);

static inline struct sio_namespace *main_of(int i)
{
    return nodes[i].rig.main;
}
/* The socket that connected last to a node. */
static inline struct sio_socket *socket_of(int i)
{
    return nodes[i].rig.last;
}

#endif
