/* hub/hub.c - who is in which group.
 *
 * Invariants
 *   - for a member m and i < m->group_count: g = m->groups[i].group has
 *     g->members[m->groups[i].at] == { m, i }, and the reverse; a removal moves the last entry of
 *     either array into the gap and mends the one back-index that this changes;
 *   - a group is in the map exactly while it has members;
 *   - arrays shrink when three quarters of them are unused, so that a crowd that left costs
 * nothing, and none shrinks at a size at which it would soon grow again.
 *
 * Start reading at hub_join().
 *
 * SPDX-License-Identifier: MIT
 */
#include "hub/hub.h"

#include "base/assert.h"
#include "base/mem.h"

enum { GROUPS_MIN = 2, MEMBERS_MIN = 4, EVERYONE_MIN = 16 };

void hub_init(struct hub *h, struct hub_member *(*named)(void *user, str name), void *user)
{
    *h = (struct hub){ .named = named, .user = user };
}

void hub_fini(struct hub *h)
{
    ASSERT(h->count == 0);
    ASSERT(h->groups.count == 0);
    mem_free(h->members);
    map_free(&h->groups);
    *h = (struct hub){ 0 };
}

void hub_member_init(struct hub_member *m)
{
    *m = (struct hub_member){ .at = HUB_NOWHERE };
}

/* The capacity that an array of `count` entries should have before one more is put in. */
static uint32_t grown(uint32_t count, uint32_t cap, uint32_t least)
{
    if (count < cap)
        return cap;
    ASSERT(cap < UINT32_MAX / 2);
    return cap ? cap * 2 : least;
}

/* The same after one was taken out. */
static uint32_t shrunk(uint32_t count, uint32_t cap, uint32_t least)
{
    return cap > least && count <= cap / 4 ? cap / 2 : cap;
}

static void resize_everyone(struct hub *h, uint32_t cap)
{
    if (cap == h->cap)
        return;
    h->members = mem_realloc(h->members, cap * sizeof(struct hub_member *));
    h->cap = cap;
}

static void resize_group(struct hub_group *g, uint32_t cap)
{
    if (cap == g->cap)
        return;
    g->members = mem_realloc(g->members, cap * sizeof *g->members);
    g->cap = cap;
}

static void resize_groups(struct hub_member *m, uint32_t cap)
{
    if (cap == m->group_cap)
        return;
    m->groups = mem_realloc(m->groups, cap * sizeof *m->groups);
    m->group_cap = cap;
}

void hub_enter(struct hub *h, struct hub_member *m)
{
    ASSERT(m->at == HUB_NOWHERE);
    ASSERT(h->walking == 0);
    resize_everyone(h, grown(h->count, h->cap, EVERYONE_MIN));
    m->at = h->count;
    m->mark = 0; /* no fan-out's */
    h->members[h->count++] = m;
}

static struct hub_group *group_new(struct hub *h, str name)
{
    struct hub_group *g = mem_zalloc(sizeof *g + name.n);

    ASSERT(name.n <= UINT32_MAX);
    g->name_len = (uint32_t)name.n;
    if (name.n)
        memcpy(g->name, name.p, name.n);
    map_put(&h->groups, hub_group_name(g), g);
    return g;
}

struct hub_group *hub_group(const struct hub *h, str name)
{
    return map_get(&h->groups, name);
}

/* The index of m in g, or HUB_NOWHERE. Looks through the shorter side: usually one or two entries.
 */
static uint32_t place_in(const struct hub_group *g, const struct hub_member *m)
{
    if (m->group_count <= g->count) {
        for (uint32_t i = 0; i < m->group_count; i++) {
            if (m->groups[i].group == g)
                return m->groups[i].at;
        }
        return HUB_NOWHERE;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        if (g->members[i].member == m)
            return i;
    }
    return HUB_NOWHERE;
}

static void link_member(struct hub_group *g, struct hub_member *m)
{
    resize_group(g, grown(g->count, g->cap, MEMBERS_MIN));
    resize_groups(m, grown(m->group_count, m->group_cap, GROUPS_MIN));
    m->groups[m->group_count] = (struct hub_member_group){ g, g->count };
    g->members[g->count++] = (struct hub_group_member){ m, m->group_count++ };
}

int hub_join(struct hub *h, struct hub_member *m, str name)
{
    struct hub_group *g = hub_group(h, name);
    bool created = !g;

    ASSERT(h->walking == 0);
    if (created)
        g = group_new(h, name);
    else if (place_in(g, m) != HUB_NOWHERE)
        return 0;
    link_member(g, m);
    /* The caller's name, not the group's: on_create may have it deleted again. */
    if (created && h->events.on_create)
        h->events.on_create(h->user, name);
    if (h->events.on_join)
        h->events.on_join(h->user, name, m);
    return 1;
}

/* Takes entry i out of m's groups and m out of that group. */
static struct hub_group *unlink_member(struct hub_member *m, uint32_t i)
{
    struct hub_group *g = m->groups[i].group;
    uint32_t at = m->groups[i].at;

    ASSERT(g->members[at].member == m);
    ASSERT(g->members[at].at == i);
    if (at != --g->count) {
        struct hub_group_member moved = g->members[g->count];

        g->members[at] = moved;
        moved.member->groups[moved.at].at = at;
    }
    if (i != --m->group_count) {
        struct hub_member_group moved = m->groups[m->group_count];

        m->groups[i] = moved;
        moved.group->members[moved.at].at = i;
    }
    if (g->count)
        resize_group(g, shrunk(g->count, g->cap, MEMBERS_MIN));
    if (m->group_count) {
        resize_groups(m, shrunk(m->group_count, m->group_cap, GROUPS_MIN));
    } else {
        mem_free(m->groups);
        m->groups = NULL;
        m->group_cap = 0;
    }
    return g;
}

static void leave(struct hub *h, struct hub_member *m, uint32_t i)
{
    struct hub_group *g = unlink_member(m, i);
    str name = hub_group_name(g);

    if (g->count) {
        if (h->events.on_leave)
            h->events.on_leave(h->user, name, m);
        return;
    }
    /* Out of the map first: a callback that joins this name makes another group. */
    map_remove(&h->groups, name);
    if (h->events.on_leave)
        h->events.on_leave(h->user, name, m);
    if (h->events.on_delete)
        h->events.on_delete(h->user, name);
    mem_free(g->members);
    mem_free(g);
}

int hub_leave(struct hub *h, struct hub_member *m, str name)
{
    struct hub_group *g = hub_group(h, name);
    uint32_t at;

    ASSERT(h->walking == 0);
    if (!g || (at = place_in(g, m)) == HUB_NOWHERE)
        return 0;
    leave(h, m, g->members[at].at);
    return 1;
}

bool hub_in(const struct hub *h, const struct hub_member *m, str name)
{
    const struct hub_group *g = m->group_count ? hub_group(h, name) : NULL;

    return g && place_in(g, m) != HUB_NOWHERE;
}

void hub_exit(struct hub *h, struct hub_member *m)
{
    ASSERT(h->walking == 0);
    while (m->group_count)
        leave(h, m, m->group_count - 1);
    if (m->at == HUB_NOWHERE)
        return;
    ASSERT(h->members[m->at] == m);
    if (m->at != --h->count) {
        h->members[m->at] = h->members[h->count];
        h->members[m->at]->at = m->at;
    }
    m->at = HUB_NOWHERE;
    resize_everyone(h, shrunk(h->count, h->cap, EVERYONE_MIN));
}
