/* app/handover_heirs.c - the workers that get the connections: looking for them, their links.
 *
 * Start reading at handover_look_for_heirs().
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "api/handover.h"
#include "app/handover_bequest.h"
#include "base/log.h"
#include "base/mem.h"

/* All that so many batches may be, where the last connection of each is as large as can be: there
 * is always room for one that was frozen. */
#define QUEUE_BYTES_MAX                                                                            \
    ((size_t)HANDOVER_BATCHES_AHEAD *                                                              \
     (2 * HANDOVER_BATCH_BYTES + 2 * (size_t)LINK_MESSAGE_BYTES_MAX))

struct heir *handover_first_heir(const struct bequest *g)
{
    return list_empty(&g->heirs) ? NULL : container_of(g->heirs.next, struct heir, link);
}

/* --- Telling --- */

void handover_tell(struct heir *h, enum handover_message what, str data)
{
    struct buf b = { 0 };

    buf_byte(&b, (uint8_t)what);
    buf_add(&b, data);
    (void)link_send(h->to, buf_str(&b), NULL, 0); /* a link that takes no more has closed */
    buf_free(&b);
}

void handover_tell_all(struct bequest *g, enum handover_message what, str data)
{
    for (struct list *at = g->heirs.next; at != &g->heirs; at = at->next)
        handover_tell(container_of(at, struct heir, link), what, data);
}

/* --- The link --- */

static void drop_heir(struct heir *h)
{
    struct bequest *g = h->in;
    struct link *l = h->to;

    if (g->turn == h)
        g->turn = NULL;
    list_remove(&h->link);
    h->to = NULL;
    if (l)
        link_close(l, 0);
    mem_free(h);
}

static void on_message(struct link *l, str data, const int *fds, size_t fd_count)
{
    struct heir *h = l->owner;
    uint8_t what = data.n ? (uint8_t)data.p[0] : 0;

    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    if (what == HANDOVER_READY)
        h->ready = true;
    else if (what == HANDOVER_TAKEN && data.n == 1 + sizeof h->taken)
        memcpy(&h->taken, data.p + 1, sizeof h->taken);
    if (h->in->phase != TAIL)
        bequest_tick_in(h->in, 0);
}

/* What it has not taken is lost, or its successor's to find in its journal. */
static void on_close(struct link *l, int err)
{
    struct heir *h = l->owner;
    struct bequest *g = h->in;

    (void)err;
    if (!h->to)
        return;
    h->to = NULL;
    log_event(LOG_WARN, "heir-lost", "slot=%u batches=%u taken=%u", h->slot, h->sent, h->taken);
    drop_heir(h);
    if (g->phase != TAIL)
        bequest_tick_in(g, 0);
}

static const struct link_events link_events = { on_message, on_close, NULL };

/* --- Heirs --- */

static void add_heir(struct bequest *g, unsigned slot)
{
    struct cluster *c = bequest_cluster(g);
    struct heir *h;
    int ends[2];

    if (link_pair(ends) < 0)
        return;
    h = mem_zalloc(sizeof *h);
    *h = (struct heir){ .in = g, .slot = slot };
    list_init(&h->link);
    if (peers_send(&c->peers, slot, HANDOVER_PEERS_LINK, STR(""), &ends[1], 1) < 0) {
        close(ends[0]);
    } else if ((h->to = link_new(bequest_loop(g), ends[0], &link_events, h))) {
        h->to->queued_bytes_max = QUEUE_BYTES_MAX;
        g->met = true;
        list_append(&g->heirs, &h->link);
        h = NULL;
    }
    close(ends[1]);
    mem_free(h);
}

static bool look_for_heir(void *arg, unsigned slot, uint32_t generation)
{
    struct bequest *g = arg;
    const struct board_slot *s = &bequest_cluster(g)->board.slots[slot];
    pid_t wanted = g->order.heir;

    (void)generation;
    if (atomic_load(&s->state) == BOARD_SERVING &&
        (wanted < 0 || (uint32_t)wanted == atomic_load(&s->pid)))
        add_heir(g, slot);
    return true;
}

/* The state of the application is for who takes its place. */
static void send_state(struct bequest *g)
{
    struct buf json = { 0 };

    if (g->order.heir > 0 && handover_save(bequest_cluster(g)->app, &json) < 0)
        log_event(LOG_ERROR, "save-failed", "hint=%s",
                  "the application's state is not handed over");
    handover_tell_all(g, HANDOVER_BEGIN, buf_str(&json));
    buf_free(&json);
}

static bool is_another(void *arg, unsigned slot)
{
    const struct bequest *g = arg;
    const struct board_slot *s = &bequest_cluster(g)->board.slots[slot];

    return (uint32_t)g->order.heir != atomic_load(&s->pid) ||
           atomic_load(&s->state) != BOARD_SERVING;
}

bool handover_heir_serves(struct bequest *g)
{
    return g->order.heir > 0 && !board_each(&bequest_cluster(g)->board, is_another, g);
}

void handover_look_for_heirs(struct bequest *g)
{
    peers_each(&bequest_cluster(g)->peers, look_for_heir, g);
    if (g->met)
        send_state(g);
}

/* --- How far they are --- */

bool handover_all_taken(const struct bequest *g)
{
    for (struct list *at = g->heirs.next; at != &g->heirs; at = at->next) {
        const struct heir *h = container_of(at, struct heir, link);
        if (h->taken != h->sent)
            return false;
    }
    return true;
}

struct heir *handover_next_heir(struct bequest *g)
{
    struct list *at = g->turn ? &g->turn->link : &g->heirs;

    for (struct list *stop = at;;) {
        at = at->next;
        if (at != &g->heirs) {
            struct heir *h = container_of(at, struct heir, link);

            if (h->ready && h->sent - h->taken < HANDOVER_BATCHES_AHEAD)
                return g->turn = h;
        }
        if (at == stop)
            return NULL;
    }
}

bool handover_all_ready(const struct bequest *g)
{
    for (struct list *at = g->heirs.next; at != &g->heirs; at = at->next)
        if (!container_of(at, struct heir, link)->ready)
            return false;
    return true;
}

void handover_drop_unready(struct bequest *g)
{
    struct list *at, *after;

    list_each(at, after, &g->heirs)
    {
        struct heir *h = container_of(at, struct heir, link);
        if (!h->ready)
            drop_heir(h);
    }
}

void handover_drop_heirs(struct bequest *g)
{
    while (handover_first_heir(g))
        drop_heir(handover_first_heir(g));
}
