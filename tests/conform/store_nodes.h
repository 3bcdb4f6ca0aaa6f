/* tests/conform/store_nodes.h - what a store gives to the suite that all stores pass: some store
 * objects on the same data, in one loop, and a clock that the suite moves.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFORM_STORE_NODES_H
#define CONFORM_STORE_NODES_H

#include "cluster/store.h"

extern struct loop loop;

/* Of each backend. */
void backend_start(void);          /* fresh data */
struct store *backend_open(void);  /* one more object on it */
void backend_stop(void);           /* every object is closed */
void backend_advance(uint64_t ms); /* the store's clock, by exactly that */
/* Stops whatever holds the data, as a crash would, and starts it again with the same data. */
extern const bool backend_crashes; /* whether there is such a thing */
void backend_crash(void);

#endif
