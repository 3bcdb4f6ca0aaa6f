/* socketio/namespace.c - namespaces: plain ones, parents and their children.
 *
 * Invariants
 *   - plain namespaces and children are in server->namespaces by name; parents are not, since no
 *     client can ask for one: their names only tell them apart;
 *   - a child is cleaned up (if so set) when its last socket has left, connecting ones counted; it
 *     then is in no list, and its memory lives to the end of the iteration.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/namespace.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "socketio/cluster.h"
#include "socketio/lifecycle.h"
#include "socketio/recovery.h"

/* A socket answers to its id, as if it were alone in a room of that name (2.3). */
static struct hub_member *named(void *user, str name)
{
    struct sio_socket *s = sio_namespace_socket(user, name);

    return s && !s->left_own_room ? &s->member : NULL;
}

struct sio_socket *sio_namespace_socket(struct sio_namespace *n, str id)
{
    return id.n == SIO_ID_LEN || n->other_ids ? map_get(&n->by_id, id) : NULL;
}

static struct sio_namespace *namespace_new(struct sio_server *io, str slash, str name)
{
    struct sio_namespace *n = mem_zalloc(sizeof *n);
    char *copy = mem_alloc(slash.n + name.n);

    if (slash.n)
        memcpy(copy, slash.p, slash.n);
    if (name.n)
        memcpy(copy + slash.n, name.p, name.n);
    n->server = io;
    n->number = io->namespaces_made++;
    n->name = (str){ copy, slash.n + name.n };
    hub_init(&n->hub, named, n);
    list_init(&n->link);
    list_init(&n->children);
    return n;
}

/* --- Rooms: the hub calls only while somebody wants to know --- */

static void tell(void *user, enum sio_room_change what, str room, struct hub_member *m)
{
    struct sio_namespace *n = user;
    struct sio_socket *s = m ? container_of(m, struct sio_socket, member) : NULL;

    if (n->server->cluster && n->server->cluster->delivering)
        sio_cluster_defer_room(n, what, room, s);
    else
        n->server->events->on_room(n, what, room, s);
}

static void on_create(void *user, str room)
{
    tell(user, SIO_ROOM_CREATED, room, NULL);
}

static void on_delete(void *user, str room)
{
    tell(user, SIO_ROOM_DELETED, room, NULL);
}

static void on_join(void *user, str room, struct hub_member *m)
{
    tell(user, SIO_ROOM_JOINED, room, m);
}

static void on_leave(void *user, str room, struct hub_member *m)
{
    tell(user, SIO_ROOM_LEFT, room, m);
}

void sio_namespace_watch_rooms(struct sio_namespace *n, unsigned who, bool on)
{
    static const struct hub_events events = { on_create, on_delete, on_join, on_leave };

    n->watch_rooms = (uint8_t)(on ? n->watch_rooms | who : n->watch_rooms & ~who);
    n->hub.events =
        n->watch_rooms && n->server->events->on_room ? events : (struct hub_events){ 0 };
}

struct sio_namespace *sio_server_of(struct sio_server *io, str name)
{
    str slash = name.n && name.p[0] == '/' ? (str){ 0 } : STR("/");
    struct sio_namespace *n = slash.n ? NULL : map_get(&io->namespaces, name), *old;

    if (n)
        return n;
    n = namespace_new(io, slash, name);
    if ((old = map_get(&io->namespaces, n->name))) {
        sio_namespace_free(n);
        return old;
    }
    map_put(&io->namespaces, n->name, n);
    return n;
}

struct sio_namespace *sio_server_of_matching(struct sio_server *io, void *matcher)
{
    char name[16];
    int len = snprintf(name, sizeof name, "/_%u", io->parents_made++);
    struct sio_namespace *n = namespace_new(io, (str){ 0 }, (str){ name, (size_t)len });

    n->is_parent = true;
    n->matcher = matcher;
    list_append(&io->parents, &n->link);
    return n;
}

void sio_namespace_use(struct sio_namespace *n, void *middleware)
{
    n->middlewares =
        mem_realloc(n->middlewares, (n->middleware_count + 1) * sizeof *n->middlewares);
    n->middlewares[n->middleware_count++] = middleware;
}

struct sio_namespace *sio_namespace_child_quietly(struct sio_namespace *parent, str name)
{
    struct sio_server *io = parent->server;
    struct sio_namespace *n = namespace_new(io, (str){ 0 }, name);

    n->parent = parent;
    n->watch_outgoing = parent->watch_outgoing;
    for (uint32_t i = 0; i < parent->middleware_count; i++)
        sio_namespace_use(n, parent->middlewares[i]);
    list_append(&parent->children, &n->link);
    map_put(&io->namespaces, n->name, n);
    n->unannounced = true;
    return n;
}

void sio_namespace_announce(struct sio_namespace *n)
{
    if (!n->unannounced)
        return;
    n->unannounced = false;
    if (n->server->events->on_namespace)
        n->server->events->on_namespace(n);
}

struct sio_namespace *sio_namespace_child(struct sio_namespace *parent, str name)
{
    struct sio_namespace *n = sio_namespace_child_quietly(parent, name);

    sio_namespace_announce(n);
    return n;
}

static void clean_up(struct sio_namespace *n)
{
    struct sio_server *io = n->server;

    n->gone = true;
    map_remove(&io->namespaces, n->name);
    list_remove(&n->link);
    if (io->events->on_namespace_gone)
        io->events->on_namespace_gone(n);
    sio_recovery_free(n);
    hub_fini(&n->hub);
    map_free(&n->by_id);
    sio_bury(&io->graves, n->middlewares);
    sio_bury(&io->graves, (char *)(uintptr_t)n->name.p);
    sio_bury(&io->graves, n);
}

void sio_namespace_shrink(struct sio_namespace *n)
{
    ASSERT(n->population > 0);
    if (--n->population == 0 && n->parent && n->server->options.cleanup_empty_child_namespaces)
        clean_up(n);
}

void sio_namespace_free(struct sio_namespace *n)
{
    sio_recovery_free(n);
    hub_fini(&n->hub);
    map_free(&n->by_id);
    mem_free(n->middlewares);
    mem_free((char *)(uintptr_t)n->name.p);
    mem_free(n);
}
