/* app/handover_bequest.h - what the files of the old worker's side share: what is given, and the
 * workers that it is given to.
 *
 * handover_give.c has the phases, handover_heirs.c the links to the heirs, handover_batch.c what is
 * sent to them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_HANDOVER_BEQUEST_H
#define APP_HANDOVER_BEQUEST_H

#include "app/cluster.h"
#include "app/handover_parts.h"

enum {
    HANDOVER_TICK_MS = 20,
    HANDOVER_BATCH_BYTES = 1 << 20, /* of a batch, but for its last connection */
    HANDOVER_BATCHES_AHEAD = 2      /* that an heir has not taken yet */
};

struct heir {
    struct list link; /* in bequest->heirs */
    struct bequest *in;
    struct link *to; /* NULL: it has gone */
    unsigned slot;
    bool ready;
    uint32_t sent, taken; /* batches */
};

enum bequest_phase { GREETING, MOVING, TAIL };

struct bequest {
    struct handover *h;
    struct handover_order order;
    struct list heirs; /* of struct heir, the first one gets what polls */
    struct heir *turn;
    struct timer tick;
    uint64_t until_ms; /* of the phase */
    enum bequest_phase phase;
    uint32_t fences; /* peers that may still send what they meant for this worker */
    bool met;        /* heirs were found */
    bool ended;      /* the old worker does the rest */
    bool broken;     /* the heir of the batch that is made has gone */
    struct buf item;
    uint32_t items; /* of the batch that is made */
    size_t bytes;
};

static inline struct cluster *bequest_cluster(const struct bequest *g)
{
    return g->h->cluster;
}
static inline struct loop *bequest_loop(const struct bequest *g)
{
    return &bequest_cluster(g)->app->loop;
}
static inline void bequest_tick_in(struct bequest *g, uint64_t ms)
{
    loop_timer(bequest_loop(g), &g->tick, ms);
}

/* --- handover_heirs.c --- */
/* Links to those that may take something, and greets them; g->met says whether there are any. */
void handover_look_for_heirs(struct bequest *g);
/* Whether the board says that the successor serves. Who was busy while it started does not know it
 * as a peer yet. */
bool handover_heir_serves(struct bequest *g);
struct heir *handover_first_heir(const struct bequest *g); /* NULL: there is none (any more) */
/* The next one in turn that may be given a batch; NULL: none just now. */
struct heir *handover_next_heir(struct bequest *g);
bool handover_all_ready(const struct bequest *g);
bool handover_all_taken(const struct bequest *g); /* whatever was given */
void handover_tell(struct heir *h, enum handover_message what, str data);
void handover_tell_all(struct bequest *g, enum handover_message what, str data);
void handover_drop_unready(struct bequest *g);
void handover_drop_heirs(struct bequest *g);

/* --- handover_batch.c --- */
/* Returns whether there was anything to give. */
bool handover_give_batch(struct bequest *g, struct heir *h);

#endif
