/* tests/conform/store_suite.c - see store_suite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_suite.h"

#include "base/clock.h"
#include "base/slab.h"

struct loop loop;
struct store *s[STORES];
struct got got;

int set_up(void **state)
{
    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    backend_start();
    for (int i = 0; i < STORES; i++)
        s[i] = backend_open();
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < STORES; i++)
        if (s[i])
            store_close(s[i]);
    backend_stop();
    turn();
    loop_fini(&loop);
    buf_free(&got.memory);
    slab_trim();
    return 0;
}

/* --- Asking, and waiting for the answer --- */

void take(void *user, const struct store_answer *a)
{
    struct got *g = user;
    str at;

    g->times++;
    g->err = a->err;
    g->count = a->count;
    buf_clear(&g->memory);
    store_record_write(&g->memory, &a->r);
    buf_add(&g->memory, a->items);
    at = buf_str(&g->memory);
    assert_int_equal(store_record_read(&at, &g->r), 0);
}

struct store_record item(const struct got *g, uint32_t index)
{
    struct store_record r;
    str at = buf_str(&g->memory);

    assert_true(index < g->count);
    for (uint32_t i = 0; i <= index + 1; i++)
        assert_true(store_next(&at, &r));
    return r;
}

void turn(void)
{
    assert_int_equal(loop_turn(&loop, 5), 0);
}

void wait_for(const struct got *g, int times)
{
    uint64_t until = clock_mono_ms() + GIVE_UP_MS;

    while (g->times < times && clock_mono_ms() < until)
        turn();
    assert_int_equal(g->times, times);
}

/* --- What tests of several files do --- */

const struct lease_terms second = { .ttl_ms = 1000 };

uint64_t acquire(int i, const char *name, const char *owner)
{
    assert_int_equal(ASK(lease_acquire(s[i], str_of(name), str_of(owner), &second, T)), 0);
    return got.r.epoch;
}

uint64_t join(int i, const char *id)
{
    assert_int_equal(ASK(node_join(s[i], str_of(id), STR("10.0.0.1:3000"), STR("meta"), 1000, T)),
                     0);
    return got.r.epoch;
}

uint64_t append(const char *name, const char *entry, const struct log_terms *t)
{
    assert_int_equal(ASK(log_append(s[0], str_of(name), str_of(entry), t, T)), 0);
    return got.r.offset;
}

int read_from(const char *name, uint64_t generation, uint64_t offset)
{
    return ASK(log_read(s[1], str_of(name),
                        &(struct log_from){ .generation = generation, .offset = offset }, T));
}

uint64_t nodes_epoch[2];

int put(const char *id, uint64_t max, str filter, uint64_t flags)
{
    return ASK(room_put(s[0],
                        &(struct room){ .id = str_of(id),
                                        .type = STR("battle"),
                                        .node = STR("a"),
                                        .node_epoch = nodes_epoch[0],
                                        .filter = filter,
                                        .metadata = STR("m"),
                                        .flags = flags,
                                        .max = max },
                        T));
}

int reserve(enum seat_order order, str filter, uint64_t count)
{
    return ASK(seat_reserve(s[1],
                            &(struct seat_wish){ .type = STR("battle"),
                                                 .order = order,
                                                 .filter = filter,
                                                 .count = count,
                                                 .value = STR("session") },
                            T));
}

void join_both(void)
{
    nodes_epoch[0] = join(0, "a");
    nodes_epoch[1] = join(1, "b");
}

void beat_both(void)
{
    assert_int_equal(ASK(node_beat(s[0], STR("a"), nodes_epoch[0], T)), 0);
    assert_int_equal(ASK(node_beat(s[1], STR("b"), nodes_epoch[1], T)), 0);
}

uint64_t taken(const char *id)
{
    assert_int_equal(
        ASK(room_list(s[2], &(struct room_query){ .id = str_of(id), .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 1);
    return item(&got, 0).taken;
}
