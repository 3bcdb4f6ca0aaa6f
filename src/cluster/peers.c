/* cluster/peers.c - see peers.h.
 *
 * Invariants
 *   - by_slot[s] is a peer that has said hello, is not dead as far as is known, and was told of
 *     with on_peer(here); it is told of as gone exactly once;
 *   - of two links between the same two workers (both connected at once) the one stays that the
 *     worker of the higher slot began: both sides decide alike.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

struct peer {
    struct peers *in;
    struct list link_all;
    struct link *link; /* NULL: closed */
    struct watch life; /* on its pidfd; fd -1: none */
    unsigned slot;     /* BOARD_NO_SLOT until it has said hello */
    uint32_t generation;
    pid_t pid;
    int bell;     /* -1: none */
    bool dialled; /* by us */
    struct loop_job reaper;
};

/* What a hello says. Both are of one board, so of one version and one machine. */
struct hello {
    uint32_t slot, generation;
};

static int path_of(const struct peers *p, unsigned slot, uint32_t generation, char *out,
                   size_t size)
{
    int n = snprintf(out, size, "%s/%u.%u.peer", p->folder, slot, generation);

    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* --- A peer's end --- */

static void reap(struct loop_job *job)
{
    mem_free(container_of(job, struct peer, reaper));
}

static void peer_drop(struct peer *q)
{
    struct peers *p = q->in;
    bool known = q->slot != BOARD_NO_SLOT && p->by_slot[q->slot] == q;
    int life = q->life.fd;

    if (list_empty(&q->link_all))
        return;
    list_remove(&q->link_all);
    if (known)
        p->by_slot[q->slot] = NULL;
    loop_unwatch(p->loop, &q->life);
    if (life >= 0)
        close(life);
    if (q->bell >= 0)
        close(q->bell);
    if (q->link) {
        struct link *l = q->link;
        q->link = NULL;
        link_close(l, 0);
    }
    loop_doom(p->loop, &q->reaper);
    if (known && !p->closing)
        p->events->on_peer(p->user, q->slot, q->generation, false);
}

/* --- Deaths --- */

/* Looks after what a process left that has ended, unless somebody else does. */
static void inherit(struct peers *p, unsigned slot, uint32_t pid)
{
    uint32_t generation = atomic_load(&p->board->slots[slot].generation);
    char path[256];

    if (p->declines || !board_claim(p->board, slot, pid))
        return;
    p->inherited++;
    if (path_of(p, slot, generation, path, sizeof path) == 0)
        (void)unlink(path);
    if (p->events->on_inherit)
        p->events->on_inherit(p->user, slot, generation);
    board_free(p->board, slot);
}

/* Its own slot, and those of others that it had not finished to look after. */
static void inherit_all(struct peers *p, uint32_t pid)
{
    for (unsigned slot = 0; slot < BOARD_SLOTS; slot++) {
        if (board_dead(p->board, slot, pid)) /* a pid may have been given again meanwhile */
            inherit(p, slot, pid);
    }
}

static void on_death(struct watch *w, uint32_t events)
{
    struct peer *q = container_of(w, struct peer, life);
    struct peers *p = q->in;
    uint32_t pid = (uint32_t)q->pid;

    (void)events;
    peer_drop(q);
    if (pid != (uint32_t)getpid())
        inherit_all(p, pid);
}

static void on_link_close(struct link *l, int err)
{
    struct peer *q = l->owner;

    (void)err;
    if (!q->link)
        return;
    q->link = NULL;
    /* It may be about to die, which its pidfd will tell; then what it leaves is looked after. */
    if (q->life.fd < 0 || q->slot == BOARD_NO_SLOT ||
        !board_is(q->in->board, q->slot, q->generation))
        peer_drop(q);
}

/* --- Hello --- */

static int say_hello(struct peer *q)
{
    struct peers *p = q->in;
    struct {
        uint8_t kind, padding[3];
        struct hello hello;
    } message = { PEERS_KIND_HELLO, { 0 }, { p->slot, p->generation } };

    return link_send(q->link, str_n(&message, sizeof message), &p->bell, 1);
}

/* Whether of two links to one worker the new one stays. */
static bool prefer(const struct peer *q, const struct peer *old)
{
    bool mine_is_higher = q->in->slot > q->slot;

    if (!old->link)
        return true;

    return q->dialled != old->dialled && q->dialled == mine_is_higher;
}

static void on_hello(struct peer *q, str data, const int *fds, size_t fd_count)
{
    struct peers *p = q->in;
    struct hello h;
    struct peer *old;

    if (data.n != 4 + sizeof h || fd_count != 1 || q->slot != BOARD_NO_SLOT)
        goto wrong;
    memcpy(&h, data.p + 4, sizeof h);
    if (!board_is(p->board, h.slot, h.generation) || h.slot == p->slot ||
        atomic_load(&p->board->slots[h.slot].pid) != (uint32_t)q->pid)
        goto wrong;
    q->bell = fds[0];
    q->slot = h.slot;
    q->generation = h.generation;
    old = p->by_slot[h.slot];
    if (old && old->generation == h.generation && !prefer(q, old)) {
        q->slot = BOARD_NO_SLOT;
        peer_drop(q);
        return;
    }
    p->by_slot[h.slot] = q;
    if (old && old->generation == h.generation) {
        old->slot = BOARD_NO_SLOT; /* the same worker: nobody has gone */
        peer_drop(old);
        return;
    }
    if (old) {
        p->by_slot[h.slot] = old;
        peer_drop(old);
        p->by_slot[h.slot] = q;
    }
    p->events->on_peer(p->user, h.slot, h.generation, true);
    peers_ring(p, h.slot); /* while it was unknown nobody did */
    return;
wrong:
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    peer_drop(q);
}

static void on_message(struct link *l, str data, const int *fds, size_t fd_count)
{
    struct peer *q = l->owner;
    uint8_t kind = data.n ? (uint8_t)data.p[0] : 0;

    if (kind == PEERS_KIND_HELLO) {
        on_hello(q, data, fds, fd_count);
        return;
    }
    if (kind >= PEERS_KIND_BUS && q->slot != BOARD_NO_SLOT && q->in->events->on_message) {
        q->in->events->on_message(q->in->user, q->slot, kind, str_n(data.p + 1, data.n - 1), fds,
                                  fd_count);
        return;
    }
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    peer_drop(q);
}

static const struct link_events link_events = { on_message, on_link_close, NULL };

/* --- A peer's beginning --- */

/* Known by its process alone, until it says hello. */
static struct peer *peer_new(struct peers *p, int fd, bool dialled)
{
    struct peer *q = mem_zalloc(sizeof *q);
    uid_t uid;
    int life = -1;

    *q = (struct peer){ .in = p, .slot = BOARD_NO_SLOT, .bell = -1, .dialled = dialled };
    q->life = (struct watch){ .fd = -1, .on_events = on_death };
    list_init(&q->link_all);
    loop_job_init(&q->reaper, reap);
    if (!(q->link = link_new(p->loop, fd, &link_events, q))) {
        mem_free(q);
        return NULL;
    }
    list_append(&p->all, &q->link_all);
    if (link_peer(q->link, &q->pid, &uid) < 0 ||
        (life = (int)syscall(SYS_pidfd_open, q->pid, 0)) < 0 ||
        loop_watch(p->loop, &q->life, life, EPOLLIN) < 0 || say_hello(q) < 0) {
        if (life >= 0 && q->life.fd < 0)
            close(life);
        peer_drop(q);
        return NULL;
    }
    return q;
}

static void on_accept(struct link_listener *l, int fd)
{
    (void)peer_new(l->owner, fd, false);
}

/* Connects to a worker that has a slot. One that cannot be reached has yet to listen, and will
 * connect to us; or it is on its way out; or it died and nobody was there to notice. */
static bool dial(void *arg, unsigned slot)
{
    struct peers *p = arg;
    const struct board_slot *s = &p->board->slots[slot];
    uint32_t pid = atomic_load(&s->pid);
    char path[256];
    int fd;

    if (slot == p->slot || path_of(p, slot, atomic_load(&s->generation), path, sizeof path) < 0)
        return true;
    if ((fd = link_dial(path)) >= 0)
        (void)peer_new(p, fd, true);
    else if (board_dead(p->board, slot, pid))
        inherit(p, slot, pid);
    return true;
}

/* --- Links that are missing --- */

enum { LOOK_AGAIN_MS = 1000 };

static bool has_link(const struct peers *p, unsigned slot, pid_t pid)
{
    const struct peer *known = p->by_slot[slot];

    if (known && known->link)
        return true;
    for (const struct list *at = p->all.next; at != &p->all; at = at->next) {
        const struct peer *q = container_of(at, struct peer, link_all);

        if (q->link && q->slot == BOARD_NO_SLOT && q->pid == pid)
            return true; /* it has yet to say hello */
    }
    return false;
}

static bool dial_if_missing(void *arg, unsigned slot)
{
    struct peers *p = arg;

    if (slot != p->slot && !has_link(p, slot, (pid_t)atomic_load(&p->board->slots[slot].pid)))
        (void)dial(p, slot);
    return true;
}

static void on_look_again(struct timer *t)
{
    struct peers *p = container_of(t, struct peers, look_again);

    if (!p->declines)
        (void)board_each(p->board, dial_if_missing, p);
    loop_timer(p->loop, t, LOOK_AGAIN_MS);
}

/* --- All of them --- */

static void on_bell(struct watch *w, uint32_t events)
{
    uint64_t rung;

    (void)events;
    (void)!read(w->fd, &rung, sizeof rung); /* the loop's inbox looks for what has come */
}

int peers_open(struct peers *p, struct loop *l, struct board *b, const char *folder,
               uint32_t instance, const struct peers_events *events, void *user, char *why)
{
    char path[256];
    int slot, err;

    *p = (struct peers){
        .loop = l, .board = b, .events = events, .user = user, .bell = -1, .slot = BOARD_NO_SLOT
    };
    p->folder = mem_dup(folder, strlen(folder) + 1);
    p->bell_watch = (struct watch){ .fd = -1, .on_events = on_bell };
    p->listener.watch.fd = -1;
    p->listener.on_accept = on_accept;
    p->listener.owner = p;
    list_init(&p->all);
    timer_init(&p->look_again, on_look_again);
    if ((p->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
        (err = loop_watch(l, &p->bell_watch, p->bell, EPOLLIN)) < 0) {
        err = err_why(why, -errno, "cannot make a bell: %s", strerror(errno));
        goto fail;
    }
    if ((slot = board_take(b, instance, l->now_ms)) < 0) {
        err =
            err_why(why, slot, "there are %d workers already, and no place for more", BOARD_SLOTS);
        goto fail;
    }
    p->slot = (unsigned)slot;
    p->generation = atomic_load(&b->slots[slot].generation);
    if ((err = path_of(p, p->slot, p->generation, path, sizeof path)) < 0) {
        err_why(why, err, "the path of the folder %s is too long", folder);
        goto fail;
    }
    if ((err = link_listen(&p->listener, l, path, why)) < 0)
        goto fail;
    (void)board_each(b, dial, p);
    loop_timer(l, &p->look_again, LOOK_AGAIN_MS);
    return 0;
fail:
    peers_close(p);
    return err;
}

void peers_close(struct peers *p)
{
    if (!p->folder)
        return;
    p->closing = true;
    loop_timer_stop(p->loop, &p->look_again);
    if (p->slot != BOARD_NO_SLOT && !p->bequeaths)
        board_leave(p->board, p->slot); /* before the links close: it is no death */
    while (!list_empty(&p->all))
        peer_drop(container_of(p->all.next, struct peer, link_all));
    link_listener_close(&p->listener);
    p->slot = BOARD_NO_SLOT;
    loop_unwatch(p->loop, &p->bell_watch);
    if (p->bell >= 0)
        close(p->bell);
    p->bell = -1;
    buf_free(&p->scratch);
    mem_free(p->folder);
    p->folder = NULL;
}

void peers_ring(struct peers *p, unsigned slot)
{
    struct peer *q = slot < BOARD_SLOTS ? p->by_slot[slot] : NULL;

    if (q && board_rouse(p->board, slot))
        (void)!write(q->bell, &(uint64_t){ 1 }, sizeof(uint64_t));
}

void peers_ring_all(struct peers *p)
{
    for (struct list *at = p->all.next; at != &p->all; at = at->next) {
        struct peer *q = container_of(at, struct peer, link_all);
        if (q->slot != BOARD_NO_SLOT)
            peers_ring(p, q->slot);
    }
}

int peers_send(struct peers *p, unsigned slot, uint8_t kind, str data, const int *fds,
               size_t fd_count)
{
    struct peer *q = slot < BOARD_SLOTS ? p->by_slot[slot] : NULL;
    struct buf *b = &p->scratch;

    if (!q || !q->link)
        return ATR_ECLOSED;
    buf_clear(b);
    buf_byte(b, kind);
    buf_add(b, data);
    return link_send(q->link, buf_str(b), fds, fd_count);
}

size_t peers_queued(const struct peers *p, unsigned slot)
{
    const struct peer *q = slot < BOARD_SLOTS ? p->by_slot[slot] : NULL;

    return q && q->link ? q->link->queued_bytes : 0;
}

void peers_each(const struct peers *p, bool (*fn)(void *arg, unsigned slot, uint32_t generation),
                void *arg)
{
    for (const struct list *at = p->all.next; at != &p->all; at = at->next) {
        const struct peer *q = container_of(at, struct peer, link_all);
        if (q->slot != BOARD_NO_SLOT && !fn(arg, q->slot, q->generation))
            return;
    }
}

bool peers_here(const struct peers *p, unsigned slot)
{
    return slot < BOARD_SLOTS && p->by_slot[slot];
}
