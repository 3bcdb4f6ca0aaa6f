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
    bool silent_too;
    uint32_t port;        /* who accepts on another one has clients of its own */
    unsigned count, best; /* best: by what is looked for */
    uint64_t least;       /* its load */
    unsigned first, next; /* the lowest slot; the lowest above s->last */
    unsigned wanted;      /* the how many-th, for chance */
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
    uint64_t load = board_load(c->s->peers->board, slot);

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
    if (c->s->balance == STICKY_ROUND_ROBIN)
        by_turn(c, slot);
    else if (c->s->balance == STICKY_RANDOM)
        by_chance(c, slot);
    else
        by_load(c, slot);
    return true;
}

static struct candidates among(const struct sticky *s, unsigned wanted, bool silent_too)
{
    struct candidates c = { .s = s,
                            .silent_too = silent_too,
                            .port = atomic_load(&s->peers->board->slots[s->peers->slot].port),
                            .best = BOARD_NO_SLOT,
                            .least = UINT64_MAX,
                            .first = BOARD_NO_SLOT,
                            .next = BOARD_NO_SLOT,
                            .wanted = wanted };

    (void)look(&c, s->peers->slot, 0);
    peers_each(s->peers, look, &c);
    return c;
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

void sticky_beat(struct sticky *s)
{
    _Atomic uint64_t *coming = &s->peers->board->slots[s->peers->slot].coming;
    uint64_t now = atomic_load(coming);

    /* What is on its way arrives within a beat, or moves the count. */
    if (now && now == s->coming_seen && s->arrivals == s->arrivals_seen)
        (void)atomic_compare_exchange_strong(coming, &now, 0);
    s->coming_seen = atomic_load(coming);
    s->arrivals_seen = s->arrivals;
}

void sticky_arrived(struct sticky *s)
{
    s->arrivals++;
    board_came(s->peers->board, s->peers->slot);
}
