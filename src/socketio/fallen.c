/* socketio/fallen.c - see fallen.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/fallen.h"

#include "base/assert.h"
#include "base/mem.h"
#include "socketio/client.h"

void sio_walk_begin(struct sio_server *io)
{
    io->fallen.walks++;
}

void sio_fall(struct sio_server *io, struct sio_client *c, const char *reason,
              const char *description)
{
    struct sio_fallen *f = &io->fallen;

    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 16;
        f->items = mem_realloc(f->items, f->cap * sizeof *f->items);
    }
    f->items[f->count++] = (struct sio_fall){ c, reason, description };
}

void sio_walk_end(struct sio_server *io)
{
    struct sio_fallen list = io->fallen;

    ASSERT(list.walks > 0);
    if (--io->fallen.walks > 0 || list.count == 0)
        return;
    /* Callbacks may fan out, and others fall meanwhile: those are theirs to see to. */
    io->fallen = (struct sio_fallen){ 0 };
    for (uint32_t i = 0; i < list.count; i++)
        sio_client_end(list.items[i].client, list.items[i].reason, list.items[i].description);
    mem_free(list.items);
}
