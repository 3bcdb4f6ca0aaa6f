/* socketio/graves.h - memory that callbacks on the stack may still hold: freed when the iteration
 * ends.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_GRAVES_H
#define SOCKETIO_GRAVES_H

#include "net/loop.h"

struct sio_graves {
    struct loop *loop;
    struct loop_job reap; /* queued while there is something */
    void **items;
    uint32_t count, cap;
};

void sio_graves_init(struct sio_graves *g, struct loop *l);
void sio_graves_fini(struct sio_graves *g); /* frees at once */
/* Takes p, which mem_alloc() gave. NULL is fine. */
void sio_bury(struct sio_graves *g, void *p);

#endif
