/* tests/unit/hub/test_hub.c - membership against a naive model, events, memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hub/hub.h"

#include "base/mem.h"
#include "test.h"

enum { MEMBERS = 40, GROUPS = 12, STEPS = 60000 };

struct model {
    struct hub hub;
    struct hub_member members[MEMBERS];
    bool entered[MEMBERS];
    bool in[MEMBERS][GROUPS];
    int created, deleted, joined, left; /* what the events told */
};

static uint32_t seed = 1;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static str group_name(uint32_t i)
{
    static char names[GROUPS][8];

    /* One group has the empty name: a room may be called anything. */
    return (str){ names[i], i == 0 ? 0 : (size_t)snprintf(names[i], 8, "g%u", i) };
}

static uint32_t number_of(const struct model *m, const struct hub_member *member)
{
    return (uint32_t)(member - m->members);
}

static uint32_t count_in(const struct model *m, uint32_t g)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < MEMBERS; i++)
        n += m->in[i][g];
    return n;
}

static void check_group(const struct model *m, uint32_t g)
{
    const struct hub_group *group = hub_group(&m->hub, group_name(g));
    uint32_t n = count_in(m, g);

    assert_int_equal(group != NULL, n > 0);
    if (!group)
        return;
    assert_int_equal(group->count, n);
    assert_true(str_eq(hub_group_name(group), group_name(g)));
    for (uint32_t i = 0; i < group->count; i++) {
        const struct hub_group_member *gm = &group->members[i];

        assert_true(m->in[number_of(m, gm->member)][g]);
        assert_ptr_equal(gm->member->groups[gm->at].group, group);
        assert_int_equal(gm->member->groups[gm->at].at, i);
    }
}

static void check_all(const struct model *m)
{
    uint32_t entered = 0, groups = 0;

    for (uint32_t i = 0; i < MEMBERS; i++) {
        uint32_t n = 0;

        entered += m->entered[i];
        if (m->entered[i])
            assert_ptr_equal(m->hub.members[m->members[i].at], &m->members[i]);
        else
            assert_int_equal(m->members[i].at, HUB_NOWHERE);
        for (uint32_t g = 0; g < GROUPS; g++) {
            n += m->in[i][g];
            assert_int_equal(hub_in(&m->hub, &m->members[i], group_name(g)), m->in[i][g]);
        }
        assert_int_equal(m->members[i].group_count, n);
    }
    for (uint32_t g = 0; g < GROUPS; g++) {
        groups += count_in(m, g) > 0;
        check_group(m, g);
    }
    assert_int_equal(m->hub.count, entered);
    assert_int_equal(m->hub.groups.count, groups);
    assert_int_equal(m->created - m->deleted, groups);
}

static void on_create(void *user, str g)
{
    (void)g;
    ((struct model *)user)->created++;
}
static void on_delete(void *user, str g)
{
    assert_null(hub_group(&((struct model *)user)->hub, g));
    ((struct model *)user)->deleted++;
}
static void on_join(void *user, str g, struct hub_member *m)
{
    assert_true(hub_in(&((struct model *)user)->hub, m, g));
    ((struct model *)user)->joined++;
}
static void on_leave(void *user, str g, struct hub_member *m)
{
    assert_false(hub_in(&((struct model *)user)->hub, m, g));
    ((struct model *)user)->left++;
}

static void set_up(struct model *m)
{
    *m = (struct model){ 0 };
    hub_init(&m->hub, NULL, m);
    m->hub.events = (struct hub_events){ on_create, on_delete, on_join, on_leave };
    for (uint32_t i = 0; i < MEMBERS; i++)
        hub_member_init(&m->members[i]);
}

static void step(struct model *m)
{
    uint32_t i = pick(MEMBERS), g = pick(GROUPS);
    struct hub_member *member = &m->members[i];

    switch (pick(8)) {
    case 0:
        if (!m->entered[i])
            hub_enter(&m->hub, member);
        m->entered[i] = true;
        break;
    case 1:
        hub_exit(&m->hub, member);
        m->entered[i] = false;
        memset(m->in[i], 0, sizeof m->in[i]);
        break;
    case 2:
    case 3:
    case 4:
        assert_int_equal(hub_leave(&m->hub, member, group_name(g)), m->in[i][g]);
        m->in[i][g] = false;
        break;
    default:
        assert_int_equal(hub_join(&m->hub, member, group_name(g)), !m->in[i][g]);
        m->in[i][g] = true;
    }
}

static void follows_the_model(void **state)
{
    static struct model m;
    (void)state;

    set_up(&m);
    for (int i = 0; i < STEPS; i++) {
        step(&m);
        if (i % 50 == 0)
            check_all(&m);
    }
    check_all(&m);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        hub_exit(&m.hub, &m.members[i]);
        hub_exit(&m.hub, &m.members[i]); /* safe twice */
        assert_null(m.members[i].groups);
    }
    assert_int_equal(m.created, m.deleted);
    assert_int_equal(m.joined, m.left);
    hub_fini(&m.hub);
}

/* A crowd that comes and goes leaves no array of its size behind. */
static void memory_follows_the_crowd(void **state)
{
    enum { CROWD = 5000 };
    static struct hub_member members[CROWD];
    struct hub h;
    const struct hub_group *g;
    (void)state;

    hub_init(&h, NULL, NULL);
    for (int i = 0; i < CROWD; i++) {
        hub_member_init(&members[i]);
        hub_enter(&h, &members[i]);
        hub_join(&h, &members[i], STR("crowd"));
    }
    g = hub_group(&h, STR("crowd"));
    assert_true(g->cap >= CROWD);
    for (int i = CROWD; i-- > 3;)
        hub_exit(&h, &members[i]);
    g = hub_group(&h, STR("crowd"));
    assert_int_equal(g->count, 3);
    assert_true(g->cap <= 16);
    assert_true(h.cap <= 32);
    for (int i = 0; i < 3; i++)
        hub_exit(&h, &members[i]);
    assert_null(hub_group(&h, STR("crowd")));
    hub_fini(&h);
}

/* Joining and leaving at any steady size does not resize back and forth. */
static void steady_change_does_not_thrash(void **state)
{
    enum { CROWD = 64 };
    static struct hub_member members[CROWD];
    struct hub h;
    (void)state;

    for (uint32_t size = 2; size < CROWD; size++) {
        uint64_t before;

        hub_init(&h, NULL, NULL);
        for (uint32_t i = 0; i <= size; i++) {
            hub_member_init(&members[i]);
            hub_enter(&h, &members[i]);
            hub_join(&h, &members[i], STR("always"));
            hub_join(&h, &members[i], STR("room"));
        }
        hub_leave(&h, &members[size], STR("room"));
        before = mem_count();
        for (int i = 0; i < 100; i++) {
            hub_join(&h, &members[size], STR("room"));
            hub_leave(&h, &members[size], STR("room"));
        }
        assert_true(mem_count() - before <= 2);
        for (uint32_t i = 0; i <= size; i++)
            hub_exit(&h, &members[i]);
        hub_fini(&h);
    }
}

/* Events may change membership themselves. */
static struct hub reentrant;
static int rejoined;

static void join_again(void *user, str g, struct hub_member *m)
{
    (void)user;
    if (rejoined++ == 0) {
        char copy[16];

        memcpy(copy, g.p, g.n);
        hub_join(&reentrant, m, (str){ copy, g.n });
    }
}

static void leave_at_once(void *user, str g)
{
    struct hub_member *m = user;

    hub_leave(&reentrant, m, g);
}

static void events_may_change_membership(void **state)
{
    struct hub_member m;
    (void)state;

    hub_member_init(&m);
    hub_init(&reentrant, NULL, &m);
    reentrant.events.on_leave = join_again;
    hub_enter(&reentrant, &m);
    hub_join(&reentrant, &m, STR("a"));
    hub_leave(&reentrant, &m, STR("a"));
    assert_true(hub_in(&reentrant, &m, STR("a")));
    assert_int_equal(hub_leave(&reentrant, &m, STR("a")), 1);
    reentrant.events = (struct hub_events){ .on_create = leave_at_once };
    assert_int_equal(hub_join(&reentrant, &m, STR("b")), 1);
    assert_false(hub_in(&reentrant, &m, STR("b")));
    hub_exit(&reentrant, &m);
    hub_fini(&reentrant);
}

TEST_MAIN(cmocka_unit_test(follows_the_model), cmocka_unit_test(memory_follows_the_crowd),
          cmocka_unit_test(steady_change_does_not_thrash),
          cmocka_unit_test(events_may_change_membership))
