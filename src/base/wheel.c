/* base/wheel.c - a hierarchical timing wheel that is indexed by the bits of absolute time.
 *
 * Level 0 has a slot per millisecond, each level above one per 64 slots of the level below. A timer
 * sits at the level of the highest 6-bit digit in which its time differs from now, in the slot of
 * that digit. Hence
 *   - all slots in use at a level lie ahead of the present digit: nothing wraps around;
 *   - everything at a level is due before anything at the levels above, so the first occupied slot
 * of the lowest occupied level comes next;
 *   - a timer's slot follows from its time and now alone, as long as now has not reached that slot.
 * When now reaches a slot above level 0, its timers are dealt to the levels below: a timer moves at
 * most once per level.
 *
 * Start reading at wheel_advance().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/wheel.h"

#include <stddef.h>

#include "base/assert.h"

_Static_assert(WHEEL_BITS *WHEEL_LEVELS >= 64, "every time has a level");

/* Where a timer that is due at at_ms > w->now_ms belongs. */
static inline unsigned level_of(const struct wheel *w, uint64_t at_ms)
{
    return (63u - (unsigned)__builtin_clzll(at_ms ^ w->now_ms)) / WHEEL_BITS;
}

static inline unsigned slot_of(uint64_t at_ms, unsigned level)
{
    return at_ms >> (level * WHEEL_BITS) & (WHEEL_SLOTS - 1);
}

static void place(struct wheel *w, struct timer *t)
{
    unsigned level, slot;

    if (t->at_ms <= w->now_ms) {
        list_append(&w->due, &t->link);
        return;
    }
    level = level_of(w, t->at_ms);
    slot = slot_of(t->at_ms, level);
    list_append(&w->slots[level][slot], &t->link);
    w->occupied[level] |= (uint64_t)1 << slot;
}

void wheel_init(struct wheel *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    w->count = 0;
    list_init(&w->due);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        w->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    }
}

void timer_init(struct timer *t, void (*on_fire)(struct timer *t))
{
    list_init(&t->link);
    t->at_ms = 0;
    t->on_fire = on_fire;
}

void timer_start(struct wheel *w, struct timer *t, uint64_t delay_ms)
{
    timer_stop(w, t);
    if (__builtin_add_overflow(w->now_ms, delay_ms, &t->at_ms))
        t->at_ms = UINT64_MAX;
    place(w, t);
    w->count++;
}

void timer_stop(struct wheel *w, struct timer *t)
{
    unsigned level, slot;

    if (!timer_running(t))
        return;
    list_remove(&t->link);
    w->count--;
    if (t->at_ms <= w->now_ms)
        return; /* it was due, in no slot */
    level = level_of(w, t->at_ms);
    slot = slot_of(t->at_ms, level);
    if (list_empty(&w->slots[level][slot]))
        w->occupied[level] &= ~((uint64_t)1 << slot);
}

/* The next slot to be reached and the time at which it begins. False: no timer is in a slot. */
static bool next_slot(const struct wheel *w, unsigned *level, unsigned *slot, uint64_t *begin)
{
    for (unsigned i = 0; w->count && i < WHEEL_LEVELS; i++) {
        unsigned above = (i + 1) * WHEEL_BITS;
        uint64_t base = above < 64 ? w->now_ms >> above << above : 0;

        if (!w->occupied[i])
            continue;
        *level = i;
        *slot = (unsigned)__builtin_ctzll(w->occupied[i]);
        *begin = base | (uint64_t)*slot << (i * WHEEL_BITS);
        return true;
    }
    return false;
}

/* Moves now to now_ms and puts all that became due on w->due, in order of time. */
static void collect(struct wheel *w, uint64_t now_ms)
{
    unsigned level, slot;
    uint64_t begin;

    while (next_slot(w, &level, &slot, &begin) && begin <= now_ms) {
        struct list arrived;

        w->now_ms = begin;
        w->occupied[level] &= ~((uint64_t)1 << slot);
        list_take(&arrived, &w->slots[level][slot]);
        while (!list_empty(&arrived)) {
            struct timer *t = container_of(arrived.next, struct timer, link);

            list_remove(&t->link);
            place(w, t);
        }
    }
    w->now_ms = now_ms;
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
    struct list firing;

    if (now_ms > w->now_ms)
        collect(w, now_ms);
    /* Whatever callbacks start with a delay of 0 lands on w->due and waits for the next call. */
    list_take(&firing, &w->due);
    while (!list_empty(&firing)) {
        struct timer *t = container_of(firing.next, struct timer, link);

        list_remove(&t->link);
        w->count--;
        t->on_fire(t);
    }
}

int64_t wheel_next(const struct wheel *w)
{
    unsigned level, slot;
    uint64_t begin;

    if (!list_empty(&w->due))
        return 0;
    if (!next_slot(w, &level, &slot, &begin))
        return -1;
    begin -= w->now_ms;
    return begin > INT64_MAX ? INT64_MAX : (int64_t)begin;
}
