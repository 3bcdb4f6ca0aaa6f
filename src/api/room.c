/* api/room.c - what is told of rooms: they come to be and go, sockets join and leave.
 *
 * The hub calls only while somebody wants to know.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/io.h"

static void tell(void *user, int what, str room, struct hub_member *m)
{
    const struct sio_namespace *inner = user;
    const atr_namespace *n = inner->user;

    n->on_room(n->room_user, what, str_out(room),
               m ? socket_out(container_of(m, struct sio_socket, member)) : NULL);
}

static void on_create(void *user, str room)
{
    tell(user, ATR_ROOM_CREATED, room, NULL);
}

static void on_delete(void *user, str room)
{
    tell(user, ATR_ROOM_DELETED, room, NULL);
}

static void on_join(void *user, str room, struct hub_member *m)
{
    tell(user, ATR_ROOM_JOINED, room, m);
}

static void on_leave(void *user, str room, struct hub_member *m)
{
    tell(user, ATR_ROOM_LEFT, room, m);
}

void atr_namespace_on_room(atr_namespace *n,
                           void (*fn)(void *user, int what, atr_str room, atr_socket *s),
                           void *user)
{
    static const struct hub_events events = { on_create, on_delete, on_join, on_leave };

    n->on_room = fn;
    n->room_user = user;
    n->inner->hub.events = fn ? events : (struct hub_events){ 0 };
}
