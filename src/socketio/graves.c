/* socketio/graves.c - see graves.h.
 *
 * One array for the whole server: being mortal costs an object no field of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/graves.h"

#include "base/mem.h"

enum { FIRST_CAP = 64, KEPT_CAP = 4096 };

static void reap(struct loop_job *job)
{
    struct sio_graves *g = container_of(job, struct sio_graves, reap);

    for (uint32_t i = 0; i < g->count; i++)
        mem_free(g->items[i]);
    g->count = 0;
    if (g->cap > KEPT_CAP) { /* a crowd left; it need not be remembered */
        mem_free(g->items);
        g->items = NULL;
        g->cap = 0;
    }
}

void sio_graves_init(struct sio_graves *g, struct loop *l)
{
    *g = (struct sio_graves){ .loop = l };
    loop_job_init(&g->reap, reap);
}

void sio_graves_fini(struct sio_graves *g)
{
    list_remove(&g->reap.link);
    reap(&g->reap);
    mem_free(g->items);
    *g = (struct sio_graves){ 0 };
}

void sio_bury(struct sio_graves *g, void *p)
{
    if (!p)
        return;
    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : FIRST_CAP;
        g->items = mem_realloc(g->items, g->cap * sizeof *g->items);
    }
    if (g->count == 0)
        loop_doom(g->loop, &g->reap);
    g->items[g->count++] = p;
}
