/* tests/unit/hub/test_fanout.c - whom a target reaches, against a naive model.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hub/hub.h"

#include "base/mem.h"
#include "test.h"

enum { MEMBERS = 60, GROUPS = 8, NAMES = GROUPS + MEMBERS, ROUNDS = 20000 };

static struct hub hub;
static struct hub_member members[MEMBERS];
static bool in[MEMBERS][GROUPS], entered[MEMBERS];
static uint32_t calls[MEMBERS];
static uint32_t seed = 7;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* Names 0 to GROUPS - 1 are groups, the rest members' own. */
static str name_of(uint32_t i)
{
    static char names[NAMES][8];

    return (str){ names[i], (size_t)snprintf(names[i], 8, i < GROUPS ? "g%u" : "m%u",
                                             i < GROUPS ? i : i - GROUPS) };
}

static struct hub_member *own(void *user, str name)
{
    (void)user;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        if (entered[i] && str_eq(name, name_of(GROUPS + i)))
            return &members[i];
    }
    return NULL;
}

static bool answers(uint32_t m, uint32_t name)
{
    if (name < GROUPS)
        return in[m][name];
    /* Member 1 is in a group of its own name besides. */
    return name - GROUPS == m && (entered[m] || m == 1);
}

static void set_up(void)
{
    hub_init(&hub, own, NULL);
    memset(in, 0, sizeof in);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        hub_member_init(&members[i]);
        entered[i] = pick(4) != 0;
        if (entered[i])
            hub_enter(&hub, &members[i]);
        for (uint32_t g = 0; g < GROUPS; g++) {
            if ((in[i][g] = pick(3) == 0))
                hub_join(&hub, &members[i], name_of(g));
        }
    }
    hub_join(&hub, &members[1], name_of(GROUPS + 1));
}

static void tear_down(void)
{
    for (uint32_t i = 0; i < MEMBERS; i++)
        hub_exit(&hub, &members[i]);
    hub_fini(&hub);
}

static void note(void *arg, struct hub_member *m)
{
    assert_ptr_equal(arg, &hub);
    calls[m - members]++;
}

static bool expected(const struct hub_target *t, const uint32_t *names, const uint32_t *except,
                     uint32_t m)
{
    bool hit = t->group_count == 0 && entered[m];

    for (size_t i = 0; i < t->group_count; i++)
        hit |= answers(m, names[i]);
    for (size_t i = 0; i < t->except_count; i++)
        hit &= !answers(m, except[i]);
    return hit && t->sender != &members[m];
}

static void one_round(void)
{
    uint32_t names[5], except[4], n = pick(6), x = pick(5), count = 0;
    str group_names[5], except_names[4];
    struct hub_target t = { group_names, n, except_names, x, NULL };

    for (uint32_t i = 0; i < n; i++)
        group_names[i] = name_of(names[i] = pick(pick(2) ? GROUPS : NAMES));
    for (uint32_t i = 0; i < x; i++)
        except_names[i] = name_of(except[i] = pick(pick(2) ? GROUPS : NAMES));
    if (pick(3) == 0)
        t.sender = &members[pick(MEMBERS)];
    memset(calls, 0, sizeof calls);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        bool hit = expected(&t, names, except, i);

        count += hit;
        calls[i] = hit ? UINT32_MAX : 0; /* one call makes it 0 again */
    }
    assert_int_equal(hub_each(&hub, &t, note, &hub), count);
    for (uint32_t i = 0; i < MEMBERS; i++)
        assert_int_equal(calls[i], 0);
}

static void reaches_each_once(void **state)
{
    (void)state;
    for (int world = 0; world < 20; world++) {
        set_up();
        for (int i = 0; i < ROUNDS / 20; i++)
            one_round();
        tear_down();
    }
}

/* The mark wraps round: nobody is taken for met because of an old one. */
static void marks_survive_wrapping(void **state)
{
    (void)state;
    set_up();
    for (int i = 0; i < 50; i++)
        one_round();
    hub.mark = UINT32_MAX - 20;
    for (int i = 0; i < 200; i++)
        one_round();
    assert_true(hub.mark < 1000);
    tear_down();
}

static void allocates_nothing(void **state)
{
    uint64_t before;
    (void)state;

    set_up();
    before = mem_count();
    for (int i = 0; i < 1000; i++)
        one_round();
    assert_int_equal(mem_count(), before);
    tear_down();
}

static void empty_hub_reaches_nobody(void **state)
{
    str nowhere = STR("nowhere");
    struct hub h;
    (void)state;

    hub_init(&h, NULL, NULL);
    assert_int_equal(hub_each(&h, &(struct hub_target){ 0 }, note, NULL), 0);
    assert_int_equal(
        hub_each(&h, &(struct hub_target){ &nowhere, 1, &nowhere, 1, NULL }, note, NULL), 0);
    hub_fini(&h);
}

TEST_MAIN(cmocka_unit_test(reaches_each_once), cmocka_unit_test(marks_survive_wrapping),
          cmocka_unit_test(allocates_nothing), cmocka_unit_test(empty_hub_reaches_nobody))
