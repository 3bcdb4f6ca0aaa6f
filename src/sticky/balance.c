/* sticky/balance.c - which worker a new session begins in.
 *
 * What a worker has to do is in its slot: how many sessions it serves, and how many are on their
 * way to it, so that a crowd that comes at once does not all go to who was the least loaded when it
 * came.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/random.h"
#include "sticky/parts.h"

/* A worker without a sign of life for so long is busy, or stuck: others come first. */
enum { SILENT_MS = 3000 };

struct candidates {
    const struct sticky *s;
    bool silent_too, connections; /* connections: those count, not sessions */
    uint32_t port;                /* who accepts on another one has clients of its own */
    unsigned count, best;         /* best: by what is looked for */
    uint64_t least;               /* its load */
    unsigned first, next;         /* the lowest slot; the lowest above s->last */
    unsigned wanted;              /* the how many-th, for chance */
};

static bool takes_sessions(const struct candidates *c, unsigned slot)
{
    const struct peers *p = c->s->peers;
    const struct board_slot *b = &p->board->slots[slot];
    uint64_t beat_ms = atomic_load_explicit(&b->beat_ms, memory_order_relaxed);

    return atomic_load(&b->state) == BOARD_SERVING && atomic_load(&b->port) == c->port &&
           (c->silent_too || slot == p->slot || beat_ms + SILENT_MS >= p->loop->now_ms);
}

static void by_load(struct candidates *c, unsigned slot)
{
    const struct board *b = c->s->peers->board;
    uint64_t load = c->connections
                        ? atomic_load_explicit(&b->slots[slot].connections, memory_order_relaxed)
                        : board_load(b, slot);

    if (load >= c->least) /* among equals this worker, which is looked at first */
        return;
    c->least = load;
    c->best = slot;
}

static void by_turn(struct candidates *c, unsigned slot)
{
    if (slot < c->first)
        c->first = slot;
    if (slot > c->s->last && slot < c->next)
        c->next = slot;
    c->best = c->next != BOARD_NO_SLOT ? c->next : c->first;
}

static void by_chance(struct candidates *c, unsigned slot)
{
    if (c->count - 1 == c->wanted)
        c->best = slot;
}

static bool look(void *arg, unsigned slot, uint32_t generation)
{
    struct candidates *c = arg;

    (void)generation;
    if (!takes_sessions(c, slot))
        return true;
    c->count++;
    if (c->connections || c->s->balance == STICKY_LEAST_CONNECTION)
        by_load(c, slot);
    else if (c->s->balance == STICKY_ROUND_ROBIN)
        by_turn(c, slot);
    else
        by_chance(c, slot);
    return true;
}

static void look_at_all(struct candidates *c)
{
    c->port = atomic_load(&c->s->peers->board->slots[c->s->peers->slot].port);
    c->best = c->first = c->next = BOARD_NO_SLOT;
    c->least = UINT64_MAX;
    (void)look(c, c->s->peers->slot, 0);
    peers_each(c->s->peers, look, c);
}

static struct candidates among(const struct sticky *s, unsigned wanted, bool silent_too)
{
    struct candidates c = { .s = s, .silent_too = silent_too, .wanted = wanted };

    look_at_all(&c);
    return c;
}

unsigned sticky_least_connected(const struct sticky *s)
{
    struct candidates c = { .s = s, .connections = true };

    look_at_all(&c);
    return c.count ? c.best : s->peers->slot;
}

unsigned sticky_choose(struct sticky *s)
{
    bool silent_too = false;
    struct candidates c = among(s, 0, silent_too);

    if (c.count == 0)
        c = among(s, 0, silent_too = true);
    if (c.count == 0)
        return s->peers->slot; /* which refuses, or is about to begin */
    if (s->balance == STICKY_RANDOM)
        c = among(s, (unsigned)(random_u64() % c.count), silent_too);
    return s->last = c.best;
}

/* --- On the way. Who dies between saying that it sends and sending leaves the count too high;
 * sticky_beat() sees to that. --- */

void sticky_sent(struct sticky *s, unsigned slot)
{
    atomic_fetch_add(&s->peers->board->slots[slot].coming, 1);
}

void sticky_unsent(struct sticky *s, unsigned slot)
{
    board_came(s->peers->board, slot);
}

/* What came a beat ago and has begun nothing has been refused, or is waiting for a decision. */
static void forget_due(struct sticky *s)
{
    if (s->due == s->due_seen)
        while (s->due > 0) {
            s->due--;
            sticky_arrived(s);
        }
    s->due_seen = s->due;
}

void sticky_beat(struct sticky *s)
{
    _Atomic uint64_t *coming = &s->peers->board->slots[s->peers->slot].coming;
    uint64_t now;

    forget_due(s);
    now = atomic_load(coming);

    /* What is on its way arrives within a beat, or moves the count. */
    if (now && now == s->coming_seen && s->arrivals == s->arrivals_seen)
        (void)atomic_compare_exchange_strong(coming, &now, 0);
    s->coming_seen = atomic_load(coming);
    s->arrivals_seen = s->arrivals;
}

void sticky_is_due(struct sticky *s)
{
    s->due++;
}

void sticky_arrived(struct sticky *s)
{
    s->arrivals++;
    board_came(s->peers->board, s->peers->slot);
}
