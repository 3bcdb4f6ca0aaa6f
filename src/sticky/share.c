/* sticky/share.c - connections go to the worker that has the fewest, as they are accepted.
 *
 * Who waits for a connection is woken when one comes, and the quickest gets it: often the same one.
 * That is as good as any other way for short requests, since who is busy is not quick. But what
 * stays, stays for long: WebSockets, and all that speaks TLS, whose sessions cannot go elsewhere
 * later.
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "sticky/parts.h"

/* How many more than the fewest a worker may have before it gives plain ones away: most of those
 * find their worker by their first request, at no further cost. */
enum { SLACK = 64, SLACK_SHARE = 4 };

static _Atomic uint64_t *connections_of(const struct sticky *s, unsigned slot)
{
    return &s->peers->board->slots[slot].connections;
}

bool sticky_share(void *user, int fd, bool secure)
{
    struct sticky *s = user;
    unsigned self = s->peers->slot, slot;
    uint64_t own = s->http->streams_open, least;
    uint8_t flags = secure ? STICKY_SECURE : 0;

    atomic_store_explicit(connections_of(s, self), own, memory_order_relaxed);
    if (!secure && own <= SLACK)
        return false;
    slot = sticky_least_connected(s);
    least = atomic_load_explicit(connections_of(s, slot), memory_order_relaxed);
    if (slot == self || (!secure && own <= least + least / SLACK_SHARE + SLACK) ||
        peers_send(s->peers, slot, STICKY_KIND_SHARE, str_n(&flags, 1), &fd, 1) < 0)
        return false;
    /* That one will say so itself; until then others are to know. */
    atomic_fetch_add_explicit(connections_of(s, slot), 1, memory_order_relaxed);
    s->stats.shared++;
    close(fd);
    return true;
}

bool sticky_give_idle(struct sticky *s, unsigned slot, int fd)
{
    uint8_t plain = 0;

    if (peers_send(s->peers, slot, STICKY_KIND_SHARE, str_n(&plain, 1), &fd, 1) < 0)
        return false;
    s->stats.shared++;
    return true;
}

void sticky_take_shared(struct sticky *s, str data, int fd)
{
    bool secure = data.n && (data.p[0] & STICKY_SECURE);

    if (data.n != 1 || (secure && !s->http->tls)) {
        close(fd);
        return;
    }
    s->stats.shared_in++;
    http_server_take(s->http, fd, secure ? s->http->tls : NULL);
}
