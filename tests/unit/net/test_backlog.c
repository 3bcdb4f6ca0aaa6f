/* tests/unit/net/test_backlog.c - the backlog against a plain array that is searched.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "net/backlog.h"
#include "rng.h"

enum { STEPS = 20000, UNITS_MAX = 256, NAMES = 5 };

/* What is expected to be in it, oldest first. */
struct model {
    struct {
        struct msg *msgs[3];
        uint32_t count;
        bool droppable;
        int name; /* -1: no key */
    } units[UNITS_MAX];
    int count;
};

static int dropped;

static void note(const struct backlog_unit *u)
{
    assert_true(u->droppable);
    assert_int_equal(u->tag, 7);
    dropped++;
}

static str name_of(int i)
{
    static const char *const names[NAMES] = { "a", "b", "position", "\"quoted\"", "" };

    return i < 0 ? STR("") : str_of(names[i]);
}

static void model_remove(struct model *m, int at)
{
    for (uint32_t i = 0; i < m->units[at].count; i++) {
        assert_int_equal(m->units[at].msgs[i]->refs, 1); /* ours alone */
        msg_unref(m->units[at].msgs[i]);
    }
    m->count--;
    memmove(&m->units[at], &m->units[at + 1], (size_t)(m->count - at) * sizeof m->units[0]);
}

static void check(const struct backlog *b, const struct model *m)
{
    size_t bytes = 0, droppable = 0;
    const struct list *at = b->units.next;

    assert_int_equal(b->count, m->count);
    for (int i = 0; i < m->count; i++, at = at->next) {
        const struct backlog_unit *u =
            container_of((struct list *)(uintptr_t)at, struct backlog_unit, link);
        size_t sum = 0;

        assert_int_equal(u->count, m->units[i].count);
        for (uint32_t k = 0; k < u->count; k++) {
            assert_ptr_equal(u->msgs[k], m->units[i].msgs[k]);
            sum += u->msgs[k]->len;
        }
        assert_int_equal(u->bytes, sum);
        bytes += sum;
        droppable += u->droppable ? sum : 0;
    }
    assert_ptr_equal(at, &b->units);
    assert_int_equal(b->bytes, bytes);
    assert_int_equal(b->droppable_bytes, droppable);
}

static void push(struct backlog *b, struct model *m, struct rng *r)
{
    int at = m->count++;
    struct parcel p;

    m->units[at].count = 1 + (uint32_t)rng_below(r, 3);
    m->units[at].droppable = rng_below(r, 3) > 0;
    m->units[at].name = (int)rng_below(r, NAMES + 1) - 1;
    for (uint32_t i = 0; i < m->units[at].count; i++)
        m->units[at].msgs[i] = msg_new(1 + rng_below(r, 100));
    p = parcel_of(m->units[at].msgs, m->units[at].count);
    p.droppable = m->units[at].droppable;
    p.space = (uint64_t)(m->units[at].name & 1);
    p.key = name_of(m->units[at].name);
    backlog_push(b, &p, 7);
}

static void drop_oldest(struct backlog *b, struct model *m)
{
    int at = 0, before = dropped;

    while (at < m->count && !m->units[at].droppable)
        at++;
    assert_int_equal(backlog_drop_oldest(b, note), at < m->count);
    assert_int_equal(dropped - before, at < m->count);
    if (at < m->count)
        model_remove(m, at);
}

static void drop_key(struct backlog *b, struct model *m, int name)
{
    int before = dropped, expected = 0;

    if (name_of(name).n == 0)
        return; /* no key */
    backlog_drop_key(b, (uint64_t)(name & 1), name_of(name), note);
    for (int i = m->count - 1; i >= 0; i--)
        if (m->units[i].droppable && m->units[i].name == name) {
            model_remove(m, i);
            expected++;
        }
    assert_int_equal(dropped - before, expected);
}

static void pop(struct backlog *b, struct model *m)
{
    struct backlog_unit *u = backlog_pop(b);

    assert_int_equal(u != NULL, m->count > 0);
    if (!u)
        return;
    assert_ptr_equal(u->msgs[0], m->units[0].msgs[0]);
    backlog_unit_free(u);
    model_remove(m, 0);
}

static void agrees_with_an_array(void **state)
{
    static struct model m;
    struct backlog b;
    struct rng r = { 20 };

    (void)state;
    backlog_init(&b);
    for (int i = 0; i < STEPS; i++) {
        switch (rng_below(&r, m.count > UNITS_MAX / 2 ? 7 : 5)) {
        default:
            if (m.count < UNITS_MAX)
                push(&b, &m, &r);
            break;
        case 3:
        case 5:
            drop_oldest(&b, &m);
            break;
        case 4:
            if (rng_below(&r, 4) == 0)
                drop_key(&b, &m, (int)rng_below(&r, NAMES));
            break;
        case 6:
            pop(&b, &m);
        }
        check(&b, &m);
    }
    assert_true(dropped > STEPS / 100);
    while (m.count)
        pop(&b, &m);
    assert_int_equal(b.keys.count, 0);
    backlog_fini(&b);
}

static void holds_references_until_it_goes(void **state)
{
    struct msg *m = msg_of(STR("hello"));
    struct parcel p = parcel_of(&m, 1);
    struct backlog b;

    (void)state;
    p.droppable = true;
    p.key = STR("k");
    backlog_init(&b);
    for (int i = 0; i < 3; i++)
        backlog_push(&b, &p, 0);
    assert_int_equal(m->refs, 4);
    backlog_fini(&b);
    assert_int_equal(m->refs, 1);
    msg_unref(m);
}

/* Spaces keep keys apart; keys longer than what counts are alike behind that. */
static void keys_are_apart_by_space(void **state)
{
    static char text[2][BACKLOG_KEY_MAX + 1];
    struct msg *m = msg_of(STR("hello"));
    struct parcel p = parcel_of(&m, 1);
    struct backlog b;

    (void)state;
    p.droppable = true;
    backlog_init(&b);
    for (p.space = 0; p.space < 2; p.space++) {
        p.key = STR("k");
        backlog_push(&b, &p, 7);
    }
    backlog_drop_key(&b, 1, STR("k"), note);
    assert_int_equal(b.count, 1);
    backlog_drop_key(&b, 1, STR("k"), note);
    assert_int_equal(b.count, 1);
    backlog_drop_key(&b, 0, STR("k"), note);
    assert_int_equal(b.count, 0);
    memset(text, 'x', sizeof text);
    text[1][BACKLOG_KEY_MAX] = 'y';
    p.key = str_n(text[0], sizeof text[0]);
    backlog_push(&b, &p, 7);
    backlog_drop_key(&b, p.space, str_n(text[1], sizeof text[1]), note);
    assert_int_equal(b.count, 0);
    backlog_fini(&b);
    msg_unref(m);
}

TEST_MAIN(cmocka_unit_test(agrees_with_an_array), cmocka_unit_test(holds_references_until_it_goes),
          cmocka_unit_test(keys_are_apart_by_space))
