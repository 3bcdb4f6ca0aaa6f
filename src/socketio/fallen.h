/* socketio/fallen.h - clients whose connection broke while a fan-out was sending to them.
 *
 * A send that overflows a queue ends the session within the call, and its sockets would leave the
 * very groups being walked (hub rule 4). So it is noted, and seen to when the walk is over.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_FALLEN_H
#define SOCKETIO_FALLEN_H

#include <stdbool.h>
#include <stdint.h>

struct sio_server;
struct sio_client;

struct sio_fall {
    struct sio_client *client;
    const char *reason, *description;
};

struct sio_fallen {
    struct sio_fall *items;
    uint32_t count, cap;
    uint32_t walks; /* on the stack */
};

void sio_walk_begin(struct sio_server *io);
void sio_walk_end(struct sio_server *io); /* runs callbacks of those who fell */
static inline bool sio_walking(const struct sio_fallen *f)
{
    return f->walks > 0;
}
/* Notes a fall. The strings live as long as the client. */
void sio_fall(struct sio_server *io, struct sio_client *c, const char *reason,
              const char *description);

#endif
