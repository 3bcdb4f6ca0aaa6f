/* hub/fanout.c - walking the members that a target names, each once.
 *
 * Only a target of several groups, or one with exceptions, needs to remember whom it has met: it
 * takes a fresh mark from the hub, puts it on whoever is left out, then on whoever was called, and
 * passes by those that have it. One group or everyone without exceptions is a bare walk over an
 * array.
 *
 * Start reading at hub_each().
 *
 * SPDX-License-Identifier: MIT
 */
#include "hub/hub.h"

#include "base/assert.h"

struct walk {
    struct hub *hub;
    const struct hub_member *sender;
    void (*fn)(void *arg, struct hub_member *m);
    void *arg;
    bool marking; /* a member that has the mark is passed by */
    uint32_t mark;
    uint32_t called;
};

static inline void visit(struct walk *w, struct hub_member *m)
{
    if (m == w->sender)
        return;
    if (w->marking) {
        if (m->mark == w->mark)
            return;
        m->mark = w->mark;
    }
    w->called++;
    w->fn(w->arg, m);
}

static struct hub_member *named(const struct hub *h, str name)
{
    return h->named ? h->named(h->user, name) : NULL;
}

/* A mark that no member has. Once in four thousand million fan-outs the old ones are wiped. */
static uint32_t fresh_mark(struct hub *h)
{
    if (++h->mark == 0) {
        uint32_t at = 0;
        const struct hub_group *g;

        for (uint32_t i = 0; i < h->count; i++)
            h->members[i]->mark = 0;
        /* Those who joined a group but have not entered yet. */
        while ((g = map_next(&h->groups, &at)))
            for (uint32_t i = 0; i < g->count; i++)
                g->members[i].member->mark = 0;
        h->mark = 1;
    }
    return h->mark;
}

static void leave_out(struct hub *h, const struct hub_target *t, uint32_t mark)
{
    for (size_t i = 0; i < t->except_count; i++) {
        struct hub_member *m = named(h, t->except[i]);
        const struct hub_group *g = hub_group(h, t->except[i]);

        if (m)
            m->mark = mark;
        for (uint32_t k = 0; g && k < g->count; k++)
            g->members[k].member->mark = mark;
    }
}

static void walk_everyone(struct walk *w)
{
    struct hub_member **members = w->hub->members;

    for (uint32_t i = 0, n = w->hub->count; i < n; i++)
        visit(w, members[i]);
}

static void walk_name(struct walk *w, str name)
{
    struct hub_member *own = named(w->hub, name);
    const struct hub_group *g = hub_group(w->hub, name);

    if (own)
        visit(w, own);
    for (uint32_t i = 0, n = g ? g->count : 0; i < n; i++) {
        /* Whoever answers to the name may be in a group called so as well. */
        if (g->members[i].member != own)
            visit(w, g->members[i].member);
    }
}

uint32_t hub_each(struct hub *h, const struct hub_target *t,
                  void (*fn)(void *arg, struct hub_member *m), void *arg)
{
    struct walk w = { .hub = h, .sender = t->sender, .fn = fn, .arg = arg };

    ASSERT(h->walking == 0);
    w.marking = t->group_count > 1 || t->except_count > 0;
    if (w.marking) {
        w.mark = fresh_mark(h);
        leave_out(h, t, w.mark);
    }
    h->walking++;
    if (t->group_count == 0)
        walk_everyone(&w);
    for (size_t i = 0; i < t->group_count; i++)
        walk_name(&w, t->groups[i]);
    h->walking--;
    return w.called;
}
