/* tests/conform/bus_nodes.h - what a bus gives to the suite that all buses pass: some nodes of one
 * application, each with a loop of its own, in this process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFORM_BUS_NODES_H
#define CONFORM_BUS_NODES_H

#include "cluster/bus.h"
#include "cluster/request.h"
#include "net/loop.h"

enum { NODES_MAX = 4 };

struct heard { /* a note, as a node saw it */
    uint64_t number;
    uint16_t kind, from;
    char text[128]; /* head, '/', body */
};

struct node {
    struct loop loop;
    struct bus *bus; /* NULL: not there */
    struct requests requests;
    struct heard heard[4096];
    size_t heard_count;
    uint64_t missed;
    int here;           /* nodes that came, less those that went */
    const char *refuse; /* heads that begin so are not wanted */
    void *backend;
};

extern struct node nodes[NODES_MAX];

/* Of each backend: starts node i, with node_events, or stops it. */
void backend_open(int i);
void backend_close(int i);
/* What becomes of the medium when all nodes are gone. */
void backend_fini(void);

/* Of the suite. */
extern const struct bus_events node_events; /* user: the struct node */
void turn_all(int times);

#endif
