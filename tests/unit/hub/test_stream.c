/* tests/unit/hub/test_stream.c - what a member missed, against a model that writes down at each
 * packet who it went to.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hub/stream.h"

#include "base/slab.h"
#include "test.h"

enum { MEMBERS = 6, GROUPS = 5, PACKETS = 400 };

static struct hub_stream stream;
static char heard[64 * 1024];

static void hear(void *arg, struct msg *const *msgs, size_t n)
{
    (void)arg;
    for (size_t i = 0; i < n; i++) {
        str text = msg_payload(msgs[i]);

        strncat(heard, text.p, text.n);
        strcat(heard, i + 1 < n ? "+" : " ");
    }
}

static void add(uint64_t now_ms, const char *text, const struct hub_audience *to)
{
    struct msg *m = msg_of(str_of(text));

    hub_stream_add(&stream, now_ms, &m, 1, to);
    msg_unref(m);
}

static const char *missed(uint64_t after, const char *name, const str *groups, size_t count)
{
    struct hub_reader r = { str_of(name), groups, count };

    heard[0] = '\0';
    hub_stream_each(&stream, after, &r, hear, NULL);
    return heard;
}

static void test_tells_by_target(void **state)
{
    str room = STR("room"), mine[] = { STR("me"), STR("room") };

    (void)state;
    hub_stream_init(&stream, 1 << 20);
    add(1, "all", &(struct hub_audience){ 0 });
    add(1, "room", &(struct hub_audience){ .groups = &room, .group_count = 1 });
    add(1, "you", &(struct hub_audience){ .only = STR("you") });
    add(1, "me", &(struct hub_audience){ .only = STR("me") });
    add(1, "mine", &(struct hub_audience){ .sender = STR("me") });
    add(1, "yours", &(struct hub_audience){ .sender = STR("you") });
    add(1, "not-room", &(struct hub_audience){ .except = &room, .except_count = 1 });
    assert_string_equal(missed(0, "me", mine, 2), "all room me yours ");
    assert_string_equal(missed(0, "me", mine, 1), "all me yours not-room ");
    assert_string_equal(missed(2, "me", mine, 2), "me yours ");
    assert_string_equal(missed(stream.last, "me", mine, 2), "");
    assert_int_equal(stream.last, 7);
    hub_stream_fini(&stream);
}

static void test_keeps_a_packet_whole_and_shared(void **state)
{
    struct msg *msgs[] = { msg_of(STR("text")), msg_of(STR("bytes")) };
    struct hub_audience all = { 0 };

    (void)state;
    hub_stream_init(&stream, 1 << 20);
    hub_stream_add(&stream, 1, msgs, 2, &all);
    assert_int_equal(msgs[0]->refs, 2);
    assert_string_equal(missed(0, "me", NULL, 0), "text+bytes ");
    hub_stream_fini(&stream);
    assert_int_equal(msgs[0]->refs, 1);
    assert_int_equal(msgs[1]->refs, 1);
    msg_unref(msgs[0]);
    msg_unref(msgs[1]);
}

static void test_groups_are_those_of_the_time(void **state)
{
    str a = STR("a"), b = STR("b");
    struct hub_audience to_a = { .groups = &a, .group_count = 1 },
                        to_b = { .groups = &b, .group_count = 1 };

    (void)state;
    hub_stream_init(&stream, 1 << 20);
    add(1, "a1", &to_a);
    add(1, "b1", &to_b);
    hub_stream_moved(&stream, 1, STR("me"), b, true);
    hub_stream_moved(&stream, 1, STR("you"), a, false);
    add(1, "a2", &to_a);
    add(1, "b2", &to_b);
    hub_stream_moved(&stream, 1, STR("me"), a, false);
    add(1, "a3", &to_a);
    add(1, "b3", &to_b);
    assert_string_equal(missed(0, "me", &b, 1), "a1 a2 b2 b3 ");
    assert_string_equal(missed(3, "me", &b, 1), "a2 b2 b3 ");
    hub_stream_fini(&stream);
}

static void test_knows_what_it_dropped(void **state)
{
    struct hub_audience all = { 0 };

    (void)state;
    hub_stream_init(&stream, 1 << 20);
    assert_true(hub_stream_holds(&stream, 0, 0));
    assert_false(hub_stream_holds(&stream, 1, 0));
    for (uint64_t t = 1; t <= 100; t++)
        add(t, "x", &all);
    assert_int_equal(hub_stream_oldest(&stream), 1);
    hub_stream_expire(&stream, 51);
    assert_int_equal(stream.count, 50);
    assert_int_equal(hub_stream_oldest(&stream), 51);
    assert_true(hub_stream_holds(&stream, 50, 0));
    assert_true(hub_stream_holds(&stream, 100, 0));
    assert_false(hub_stream_holds(&stream, 101, 0));
    assert_false(hub_stream_holds(&stream, 49, 50)); /* the entry of time 50 may be wanted */
    assert_true(hub_stream_holds(&stream, 49, 51));  /* it may not */
    hub_stream_expire(&stream, 1000);
    assert_int_equal(stream.count, 0);
    assert_int_equal(stream.bytes, 0);
    assert_int_equal(hub_stream_oldest(&stream), 0);
    assert_true(hub_stream_holds(&stream, 100, 0));
    add(1001, "y", &all);
    assert_int_equal(stream.last, 101);
    assert_string_equal(missed(100, "me", NULL, 0), "y ");
    hub_stream_fini(&stream);
}

static void test_stays_within_its_bytes(void **state)
{
    struct hub_audience all = { 0 };
    struct msg *big;

    (void)state;
    hub_stream_init(&stream, 10000);
    for (uint64_t t = 1; t <= 1000; t++) {
        add(t, "twenty bytes of text", &all);
        assert_true(stream.bytes <= 10000);
    }
    assert_true(stream.count > 20 && stream.count < 200);
    assert_int_equal(stream.dropped_for_want_bytes + stream.count, 1000);
    assert_false(hub_stream_holds(&stream, 0, 1));
    big = msg_new(20000);
    hub_stream_add(&stream, 1001, &big, 1, &all);
    assert_int_equal(big->refs, 1); /* too large to be kept at all, but numbered */
    msg_unref(big);
    assert_int_equal(stream.last, 1001);
    assert_int_equal(stream.count, 0);
    assert_false(hub_stream_holds(&stream, 1000, 1));
    assert_true(hub_stream_holds(&stream, 1001, 1));
    hub_stream_fini(&stream);
}

/* --- Against the model --- */

static uint32_t seed = 11;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static str name(uint32_t i)
{
    static char names[MEMBERS + GROUPS][8];
    int n = i < MEMBERS ? snprintf(names[i], 8, "m%u", i) : snprintf(names[i], 8, "g%u", i);

    return (str){ names[i], (size_t)n };
}

static bool in[MEMBERS][MEMBERS + GROUPS];

static bool reaches(const struct hub_audience *to, uint32_t m, const uint32_t *groups,
                    const uint32_t *except)
{
    bool reached = to->group_count == 0;

    if (to->only.n)
        return str_eq(to->only, name(m));
    if (to->sender.n && str_eq(to->sender, name(m)))
        return false;
    for (size_t i = 0; i < to->group_count; i++)
        reached = reached || in[m][groups[i]];
    for (size_t i = 0; i < to->except_count; i++)
        reached = reached && !in[m][except[i]];
    return reached;
}

static void random_packet(uint32_t number, char went[MEMBERS])
{
    uint32_t groups[2] = { pick(MEMBERS + GROUPS), pick(MEMBERS + GROUPS) };
    uint32_t except[2] = { pick(MEMBERS + GROUPS), pick(MEMBERS + GROUPS) };
    str group_names[] = { name(groups[0]), name(groups[1]) };
    str except_names[] = { name(except[0]), name(except[1]) };
    struct hub_audience to = { .groups = group_names, .except = except_names };
    char text[16];

    if (pick(4) == 0) {
        to.only = name(pick(MEMBERS));
    } else {
        to.sender = pick(3) ? (str){ 0 } : name(pick(MEMBERS));
        to.group_count = pick(3);
        to.except_count = pick(3);
    }
    snprintf(text, sizeof text, "%u", number);
    for (uint32_t m = 0; m < MEMBERS; m++)
        went[m] = reaches(&to, m, groups, except);
    add(number, text, &to);
}

static void check_member(uint32_t m, uint64_t after, char went[][MEMBERS])
{
    static char want[64 * 1024];
    str groups[MEMBERS + GROUPS];
    size_t count = 0;

    for (uint32_t g = 0; g < MEMBERS + GROUPS; g++) {
        if (in[m][g])
            groups[count++] = name(g);
    }
    want[0] = '\0';
    for (uint64_t n = after + 1; n <= stream.last; n++) {
        if (went[n][m])
            snprintf(want + strlen(want), 16, "%u ", (unsigned)n);
    }
    assert_string_equal(missed(after, name(m).p, groups, count), want);
}

static void test_agrees_with_the_model(void **state)
{
    static char went[PACKETS + 1][MEMBERS];

    (void)state;
    for (uint32_t round = 0; round < 40; round++) {
        memset(in, 0, sizeof in);
        memset(went, 0, sizeof went);
        hub_stream_init(&stream, 1 << 20);
        for (uint32_t m = 0; m < MEMBERS; m++)
            in[m][m] = true;
        for (uint32_t n = 1; n <= PACKETS; n++) {
            uint32_t m = pick(MEMBERS), g = pick(MEMBERS + GROUPS);

            if (pick(4)) {
                random_packet(n, went[n]);
                continue;
            }
            in[m][g] = !in[m][g];
            hub_stream_moved(&stream, n, name(m), name(g), in[m][g]);
        }
        for (uint32_t m = 0; m < MEMBERS; m++)
            check_member(m, pick(PACKETS), went);
        hub_stream_expire(&stream, PACKETS / 2);
        for (uint32_t m = 0; m < MEMBERS; m++)
            check_member(m, PACKETS / 2 + pick(PACKETS / 2), went);
        hub_stream_fini(&stream);
    }
    slab_trim();
}

TEST_MAIN(cmocka_unit_test(test_tells_by_target),
          cmocka_unit_test(test_keeps_a_packet_whole_and_shared),
          cmocka_unit_test(test_groups_are_those_of_the_time),
          cmocka_unit_test(test_knows_what_it_dropped),
          cmocka_unit_test(test_stays_within_its_bytes),
          cmocka_unit_test(test_agrees_with_the_model))
