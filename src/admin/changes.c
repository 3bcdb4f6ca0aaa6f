/* admin/changes.c - data of sockets that changes while administrators look.
 *
 * Data belongs to the application, which does not tell when it changes it. So it is looked at
 * behind whatever may have done so, and for a while after, since handlers may wait in between. Only
 * a hash is kept, and only of sockets that did something since the first administrator came.
 *
 * Invariant: what is in the list is in the map.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/parts.h"
#include "base/mem.h"

enum { LOOKS = 15 }; /* with every server_stats: half a minute */

struct admin_seen {
    struct list link; /* in admin->touched, while it is looked at */
    uint64_t socket;  /* its ref */
    uint64_t hash;    /* of what was told last */
    uint32_t looks;   /* to come */
};

static str key_of(const uint64_t *ref)
{
    return str_n(ref, sizeof *ref);
}

static void forget(struct admin *a, struct admin_seen *seen)
{
    map_remove(&a->changes, key_of(&seen->socket));
    list_remove(&seen->link);
    mem_free(seen);
}

static void look(struct admin *a, struct admin_seen *seen, struct sio_socket *s)
{
    str data = admin_data(a, s);
    uint64_t hash = map_hash(data);
    struct buf b;

    if (hash == seen->hash)
        return;
    seen->hash = hash;
    if (!admin_update_begin(a, &b, s))
        return;
    buf_add(&b, STR("\"data\":"));
    buf_add(&b, data);
    buf_byte(&b, '}');
    admin_feed_end(a, &b, false, NULL);
}

static struct admin_seen *seen_of(struct admin *a, const struct sio_socket *s)
{
    struct admin_seen *seen = map_get(&a->changes, key_of(&s->ref));

    if (seen)
        return seen;
    seen = mem_alloc(sizeof *seen);
    *seen = (struct admin_seen){ .socket = s->ref, .hash = map_hash(STR("{}")) };
    list_init(&seen->link);
    map_put(&a->changes, key_of(&seen->socket), seen);
    return seen;
}

void admin_touch(struct admin *a, struct sio_socket *s)
{
    struct admin_seen *seen;

    if (!a->describe || !sio_socket_connected(s))
        return;
    seen = seen_of(a, s);
    seen->looks = LOOKS;
    list_remove(&seen->link);
    list_append(&a->touched, &seen->link);
    look(a, seen, s);
}

void admin_changes_look(struct admin *a)
{
    struct list turn;

    list_take(&turn, &a->touched);
    while (!list_empty(&turn)) {
        struct admin_seen *seen = container_of(turn.next, struct admin_seen, link);
        struct sio_socket *s = sio_socket_find(a->io, seen->socket);

        list_remove(&seen->link);
        if (!s)
            continue;
        if (--seen->looks)
            list_append(&a->touched, &seen->link);
        look(a, seen, s);
    }
}

void admin_changes_forget(struct admin *a, const struct sio_socket *s)
{
    struct admin_seen *seen = map_get(&a->changes, key_of(&s->ref));

    if (seen)
        forget(a, seen);
}

void admin_changes_clear(struct admin *a)
{
    struct admin_seen *seen;
    uint32_t at = 0;

    while ((seen = map_next(&a->changes, &at))) {
        list_remove(&seen->link);
        mem_free(seen);
    }
    map_free(&a->changes);
}
