/* tests/conform/store_seats.c - rooms and seats: nobody gets a seat twice, and rooms outlive their
 * node. See store_suite.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_suite.h"

#include "base/mem.h"

static void test_seats_are_reserved(void **state)
{
    char ticket[64];

    (void)state;
    join_both();
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(put("r1", 2, STR(""), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_str(got.r.room, "r1");
    assert_str(got.r.node, "a");
    assert_str(got.r.address, "10.0.0.1:3000");
    assert_str(got.r.value, "m");
    assert_int_equal(got.r.taken, 1);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN); /* full */
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("r1") }, T)),
                     ATR_ELIMIT);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("other"), 0, T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("r1"), 0, T)), 0);
    assert_str(got.r.value, "session");
    assert_int_equal(got.r.count, 1);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("r1"), 0, T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_cancel(s[0], str_of(ticket), T)), ATR_EUNKNOWN);
    assert_int_equal(taken("r1"), 2);
    /* The other one does not come. */
    for (int i = 0; i < 15; i++) {
        backend_advance(999);
        beat_both();
    }
    assert_int_equal(taken("r1"), 2);
    backend_advance(15);
    assert_int_equal(taken("r1"), 1);
    assert_int_equal(ASK(seat_leave(s[0], STR("r1"), STR("b"), nodes_epoch[1], 1, T)),
                     ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_leave(s[0], STR("r1"), STR("a"), nodes_epoch[0], 1, T)), 0);
    assert_int_equal(got.r.taken, 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(ASK(seat_cancel(s[2], str_of(ticket), T)), 0);
    assert_int_equal(taken("r1"), 0);
}

/* However many ask at once, nobody gets a seat twice. */
static void test_no_room_is_overbooked(void **state)
{
    enum { ASKERS = 100 };
    struct got *many = mem_zalloc(ASKERS * sizeof *many);
    int seated = 0;

    (void)state;
    join_both();
    for (int i = 0; i < 6; i++) {
        char id[8];

        snprintf(id, sizeof id, "r%d", i);
        assert_int_equal(put(id, 7, STR(""), 0), 0);
    }
    for (int i = 0; i < ASKERS; i++)
        seat_reserve(s[i % STORES],
                     &(struct seat_wish){ .type = STR("battle"), .order = (unsigned)i % 3 }, take,
                     &many[i]);
    for (int i = 0; i < ASKERS; i++) {
        wait_for(&many[i], 1);
        seated += many[i].err == 0;
        assert_true(many[i].err == 0 || many[i].err == ATR_EUNKNOWN);
        buf_free(&many[i].memory);
    }
    assert_int_equal(seated, 42);
    for (int i = 0; i < 6; i++) {
        char id[8];

        snprintf(id, sizeof id, "r%d", i);
        assert_int_equal(taken(id), 7);
    }
    mem_free(many);
}

static void test_seat_orders(void **state)
{
    (void)state;
    join_both();
    assert_int_equal(put("old", 4, STR(""), 0), 0);
    assert_int_equal(put("mid", 4, STR(""), 0), 0);
    assert_int_equal(put("new", 8, STR(""), 0), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("mid") }, T)), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_str(got.r.room, "old");
    assert_int_equal(reserve(SEAT_FULLEST, STR(""), 1), 0);
    assert_str(got.r.room, "mid");
    assert_int_equal(reserve(SEAT_EMPTIEST, STR(""), 1), 0);
    assert_str(got.r.room, "new");
    /* All of a group in one room: one that has the seats, also where it is not the first. */
    assert_int_equal(reserve(SEAT_FULLEST, STR(""), 6), 0);
    assert_str(got.r.room, "new");
    assert_int_equal(got.r.taken, 7);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 4), ATR_EUNKNOWN);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 3), 0);
    assert_str(got.r.room, "old");
    assert_int_equal(put("endless", 0, STR(""), 0), 0);
    assert_int_equal(reserve(SEAT_EMPTIEST, STR(""), 1000), 0);
    assert_str(got.r.room, "endless");
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), SEATS_COUNT_MAX + 1), ATR_ERANGE);
}

static void test_seat_filters(void **state)
{
    struct buf blue = { 0 }, blue_hard = { 0 }, hard = { 0 }, red = { 0 };

    (void)state;
    join_both();
    seats_filter_add(&blue, STR("colour"), STR("blue"));
    seats_filter_add(&red, STR("colour"), STR("red"));
    seats_filter_add(&hard, STR("mode"), STR("hard"));
    seats_filter_add(&blue_hard, STR("colour"), STR("blue"));
    seats_filter_add(&blue_hard, STR("mode"), STR("hard"));
    assert_int_equal(put("r1", 2, buf_str(&blue), 0), 0);
    assert_int_equal(put("r2", 2, buf_str(&blue_hard), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&red), 1), ATR_EUNKNOWN);
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&hard), 1), 0);
    assert_str(got.r.room, "r2");
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&blue), 2), 0);
    assert_str(got.r.room, "r1");
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&blue), 1), 0);
    assert_str(got.r.room, "r2");
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(put("r1", 2, buf_str(&red), 0), 0); /* its filter changes, its tickets stay */
    assert_int_equal(got.r.taken, 2);
    assert_int_equal(put("r1", 3, buf_str(&red), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, buf_str(&red), 1), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR("\0\1"), 1), ATR_ERANGE);
    assert_int_equal(put("r3", 2, STR("bad"), 0), ATR_ERANGE);
    assert_int_equal(
        ASK(room_list(
            s[2], &(struct room_query){ .type = STR("battle"), .filter = buf_str(&blue_hard) }, T)),
        0);
    assert_int_equal(got.count, 1);
    assert_true(str_eq(item(&got, 0).filter, buf_str(&blue_hard)));
    buf_free(&blue);
    buf_free(&blue_hard);
    buf_free(&hard);
    buf_free(&red);
}

static void test_rooms_that_take_nobody(void **state)
{
    (void)state;
    join_both();
    assert_int_equal(put("locked", 2, STR(""), ROOM_LOCKED), 0);
    assert_int_equal(put("private", 2, STR(""), ROOM_PRIVATE), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("locked") }, T)),
                     ATR_ESTATE);
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("private") }, T)), 0);
    assert_int_equal(put("unlisted", 2, STR(""), ROOM_UNLISTED), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_str(got.r.room, "unlisted");
    assert_int_equal(ASK(room_list(s[2], &(struct room_query){ 0 }, T)), 0);
    assert_int_equal(got.count, 1);
    assert_str(item(&got, 0).key, "locked");
    assert_int_equal(ASK(room_list(s[2], &(struct room_query){ .flags = ROOM_FREE }, T)), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(ASK(room_list(s[2], &(struct room_query){ .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 3);
    assert_int_equal(put("locked", 2, STR(""), 0), 0); /* unlocked */
    assert_int_equal(reserve(SEAT_FULLEST, STR(""), 2), 0);
    assert_str(got.r.room, "locked");
}

static void test_room_ids_are_unique(void **state)
{
    struct room r = { .id = STR("r"), .type = STR("battle"), .node = STR("b"), .max = 4 };

    (void)state;
    join_both();
    r.node_epoch = nodes_epoch[1];
    assert_int_equal(put("r", 2, STR(""), 0), 0);
    assert_int_equal(ASK(room_put(s[1], &r, T)), ATR_EEXISTS);
    assert_int_equal(ASK(room_drop(s[1], STR("r"), STR("b"), nodes_epoch[1], T)), ATR_EUNKNOWN);
    assert_int_equal(ASK(room_drop(s[0], STR("r"), STR("a"), nodes_epoch[0], T)), 0);
    assert_int_equal(ASK(room_put(s[1], &r, T)), 0);
    r.type = STR("other");
    assert_int_equal(ASK(room_put(s[1], &r, T)), ATR_ESTATE);
    r.node_epoch++;
    assert_int_equal(ASK(room_put(s[1], &r, T)), ATR_EFENCED);
    r = (struct room){ .id = STR("s"), .type = STR("battle"), .node = STR("b") };
    r.node_epoch = nodes_epoch[1];
    r.flags = ROOM_SET_TAKEN;
    r.taken = 3;
    assert_int_equal(ASK(room_put(s[1], &r, T)), 0);
    assert_int_equal(taken("s"), 3);
    /* Dropping a room voids its tickets. */
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("s") }, T)), 0);
    assert_int_equal(got.r.taken, 4);
    char ticket[64];
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(ASK(room_drop(s[1], STR("s"), STR("b"), nodes_epoch[1], T)), 0);
    assert_int_equal(ASK(seat_confirm(s[1], str_of(ticket), STR("s"), 0, T)), ATR_EUNKNOWN);
}

static void test_rooms_are_listed_in_pages(void **state)
{
    char id[16], after[64] = "";
    int seen = 0;

    (void)state;
    join_both();
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "r%02d", i);
        assert_int_equal(put(id, 4, STR(""), 0), 0);
    }
    struct room_query q = { .type = STR("battle"), .node = STR("a"), .count = 7 };
    size_t n = 0;
    do {
        q.after = str_n(after, n);
        assert_int_equal(ASK(room_list(s[2], &q, T)), 0);
        for (uint32_t i = 0; i < got.count; i++) {
            snprintf(id, sizeof id, "r%02d", seen++);
            assert_true(str_eq(item(&got, i).key, str_of(id)));
        }
        n = got.r.after.n;
        assert_true(n < sizeof after);
        if (n)
            memcpy(after, got.r.after.p, n);
    } while (got.r.flags & STORE_MORE);
    assert_int_equal(seen, 30);
    q = (struct room_query){ .type = STR("batt") };
    assert_int_equal(ASK(room_list(s[2], &q, T)), 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(ASK(node_list(s[0], STR(""), 1, T)), 0);
    assert_int_equal(item(&got, 0).count, 30);
}

/* A node dies: its rooms are there to be taken over, with their tickets. */
static void test_orphaned_rooms(void **state)
{
    char ticket[64];

    (void)state;
    join_both();
    assert_int_equal(put("r1", 4, STR(""), 0), 0);
    assert_int_equal(put("r2", 4, STR(""), 0), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    backend_advance(999);
    assert_int_equal(ASK(node_beat(s[1], STR("b"), nodes_epoch[1], T)), 0);
    backend_advance(1);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), ATR_EUNKNOWN);
    assert_int_equal(ASK(seat_reserve(s[0], &(struct seat_wish){ .room = STR("r1") }, T)),
                     ATR_ESTATE);
    assert_int_equal(
        ASK(room_list(s[1], &(struct room_query){ .node = STR("a"), .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 2);
    assert_true(item(&got, 0).flags & ROOM_ORPHANED);
    struct room r = { .id = STR("r1"), .type = STR("battle"), .node = STR("b"), .max = 4 };
    r.node_epoch = nodes_epoch[1];
    assert_int_equal(ASK(room_put(s[1], &r, T)), 0);
    assert_int_equal(got.r.taken, 1);
    assert_int_equal(ASK(seat_confirm(s[1], str_of(ticket), STR("r1"), 0, T)), 0);
    assert_int_equal(ASK(room_drop(s[0], STR("r1"), STR("a"), nodes_epoch[0], T)), ATR_EUNKNOWN);
    /* Nobody comes for the other one. */
    for (int i = 0; i < SEATS_ORPHAN_MS / 500; i++) {
        backend_advance(500);
        assert_int_equal(ASK(node_beat(s[1], STR("b"), nodes_epoch[1], T)), 0);
    }
    assert_int_equal(ASK(room_list(s[1], &(struct room_query){ .flags = ROOM_HIDDEN }, T)), 0);
    assert_int_equal(got.count, 1);
}

/* Rooms guarded by a lease: the next holder takes over from a node that is alive. */
static void test_guarded_rooms(void **state)
{
    struct lease_terms by_a, by_b;
    char ticket[64];

    (void)state;
    join_both();
    by_a = (struct lease_terms){ .node = STR("a"), .node_epoch = nodes_epoch[0] };
    by_b = (struct lease_terms){ .node = STR("b"), .node_epoch = nodes_epoch[1] };
    assert_int_equal(ASK(lease_acquire(s[0], STR("room/r"), STR("a"), &by_a, T)), 0);
    uint64_t first = got.r.epoch;
    struct room r = { .id = STR("r"), .type = STR("battle"), .max = 4, .fence = STR("room/r") };
    r.node = STR("a");
    r.node_epoch = nodes_epoch[0];
    r.fence_epoch = first + 1;
    assert_int_equal(ASK(room_put(s[0], &r, T)), ATR_EFENCED);
    r.fence_epoch = first;
    assert_int_equal(ASK(room_put(s[0], &r, T)), 0);
    assert_int_equal(reserve(SEAT_OLDEST, STR(""), 1), 0);
    assert_int_equal(got.r.epoch, first);
    snprintf(ticket, sizeof ticket, "%.*s", STR_ARG(got.r.key));
    assert_int_equal(ASK(lease_release(s[0], STR("room/r"), first, T)), 0);
    assert_int_equal(ASK(lease_acquire(s[1], STR("room/r"), STR("b"), &by_b, T)), 0);
    uint64_t next = got.r.epoch;
    assert_int_equal(ASK(room_put(s[0], &r, T)), ATR_EFENCED);
    struct room taken_over = r;
    taken_over.node = STR("b");
    taken_over.node_epoch = nodes_epoch[1];
    taken_over.fence_epoch = next;
    assert_int_equal(ASK(room_put(s[1], &taken_over, T)), 0);
    assert_int_equal(ASK(seat_confirm(s[0], str_of(ticket), STR("r"), first, T)), ATR_EFENCED);
    assert_int_equal(ASK(seat_confirm(s[1], str_of(ticket), STR("r"), next, T)), 0);
    /* Without the lease nobody may change it, not even its node. */
    taken_over.fence = STR("");
    assert_int_equal(ASK(room_put(s[1], &taken_over, T)), ATR_EFENCED);
}

TEST_MAIN(TEST(test_seats_are_reserved), TEST(test_no_room_is_overbooked), TEST(test_seat_orders),
          TEST(test_seat_filters), TEST(test_rooms_that_take_nobody),
          TEST(test_room_ids_are_unique), TEST(test_rooms_are_listed_in_pages),
          TEST(test_orphaned_rooms), TEST(test_guarded_rooms))
