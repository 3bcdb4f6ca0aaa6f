/* net/pressure.c - see pressure.h. Start reading at pressure_admit().
 *
 * Invariants
 *   - transport and backlog together never hold more than bytes_max of the policy that admitted the
 *     latest packet;
 *   - while the backlog holds something everything goes there, whatever its policy: order is kept.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/pressure.h"

#include "base/slab.h"
#include "net/drain.h"

/* A unit costs about this much beside its messages, which others may hold as well: so many of a
 * backlog's bytes are taken for each, lest very short messages outgrow the bound. */
enum { UNIT_BYTES_MIN = 64 };

_Thread_local struct pressure_stats pressure_stats;

static const char *const names[OVERFLOW_POLICIES] = { "disconnect", "drop", "dropOldest",
                                                      "keepLatest", "block" };

const char *overflow_name(enum overflow o)
{
    return names[o];
}

int overflow_of(str name)
{
    for (int i = 0; i < OVERFLOW_POLICIES; i++)
        if (str_eq(name, str_of(names[i])))
            return i;
    return -1;
}

static struct pressure *pressure_new(void)
{
    uint8_t class;
    struct pressure *p = slab_alloc(sizeof *p, &class);

    *p = (struct pressure){ .high_water = UINT32_MAX, .class = class };
    backlog_init(&p->backlog);
    list_init(&p->waits);
    list_init(&p->noted);
    pressure_stats.now++;
    pressure_stats.times++;
    return p;
}

void pressure_over(struct pressure **p)
{
    struct pressure *was = *p;

    if (!was)
        return;
    *p = NULL;
    drain_over(was);
    pressure_stats.now--;
    pressure_stats.bytes -= was->backlog.bytes;
    backlog_fini(&was->backlog);
    slab_free(was, was->class);
}

void pressure_begin(struct pressure **p, const struct pressure_policy *policy)
{
    *p = pressure_new();
    if (policy->overflow == OVERFLOW_BLOCK)
        drain_note(*p, policy->block_ms);
}

/* --- Dropping --- */

static void count_drop(const struct backlog_unit *u, enum pressure_drop why)
{
    pressure_stats.drops[u->tag][why]++;
    pressure_stats.dropped_bytes += u->bytes;
    pressure_stats.bytes -= u->bytes;
}

static void count_oldest(const struct backlog_unit *u)
{
    count_drop(u, PRESSURE_DROP_OLDEST);
}

static void count_latest(const struct backlog_unit *u)
{
    count_drop(u, PRESSURE_DROP_LATEST);
}

static bool drops_old(const struct pressure_policy *policy)
{
    return policy->overflow == OVERFLOW_DROP_OLDEST || policy->overflow == OVERFLOW_KEEP_LATEST;
}

static bool drops_new(const struct pressure_policy *policy, const struct parcel *parcel)
{
    return parcel->droppable && (drops_old(policy) || policy->overflow == OVERFLOW_DROP);
}

/* Whether the parcel fits, if everything that may be dropped is. */
static bool can_fit(const struct backlog *b, size_t queued, const struct pressure_policy *policy,
                    const struct parcel *parcel)
{
    return queued + b->bytes - b->droppable_bytes + parcel->bytes <= policy->bytes_max;
}

static bool fits(const struct backlog *b, size_t queued, const struct pressure_policy *policy,
                 const struct parcel *parcel)
{
    return queued + b->bytes + parcel->bytes <= policy->bytes_max &&
           (b->count < policy->bytes_max / UNIT_BYTES_MIN || !b->oldest);
}

enum pressure_verdict pressure_admit(struct pressure **p, size_t queued,
                                     const struct pressure_policy *policy,
                                     const struct parcel *parcel)
{
    struct backlog *b;

    if (!*p)
        *p = pressure_new();
    b = &(*p)->backlog;
    if (policy->overflow == OVERFLOW_DROP && parcel->droppable &&
        !fits(b, queued, policy, parcel)) {
        pressure_stats.drops[OVERFLOW_DROP][PRESSURE_DROP_NEW]++;
        pressure_stats.dropped_bytes += parcel->bytes;
        return PRESSURE_DROPPED;
    }
    if (!can_fit(b, queued, policy, parcel)) {
        if (!drops_new(policy, parcel))
            return PRESSURE_OVERFLOW;
        pressure_stats.drops[policy->overflow][PRESSURE_DROP_NEW]++;
        pressure_stats.dropped_bytes += parcel->bytes;
        return PRESSURE_DROPPED;
    }
    if (policy->overflow == OVERFLOW_KEEP_LATEST && parcel->droppable && parcel->key.n)
        backlog_drop_key(b, parcel->space, parcel->key, count_latest);
    while (!fits(b, queued, policy, parcel) && backlog_drop_oldest(b, count_oldest))
        ;
    if (policy->overflow == OVERFLOW_BLOCK)
        drain_note(*p, policy->block_ms);
    if (b->count == 0 && !(drops_old(policy) && queued >= policy->high_water))
        return PRESSURE_SEND;
    struct parcel kept = *parcel;
    kept.droppable = parcel->droppable && drops_old(policy);
    if (policy->high_water < (*p)->high_water)
        (*p)->high_water = policy->high_water;
    backlog_push(b, &kept, policy->overflow);
    pressure_stats.bytes += kept.bytes;
    return PRESSURE_KEPT;
}

struct backlog_unit *pressure_pump(struct pressure *p, size_t queued)
{
    struct backlog_unit *u;

    if (queued >= p->high_water || !(u = backlog_pop(&p->backlog)))
        return NULL;
    pressure_stats.bytes -= u->bytes;
    return u;
}
