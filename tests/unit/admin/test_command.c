/* What administrators may do, and what makes no sense.
 *
 * SPDX-License-Identifier: MIT
 */
#include "desk.h"

static struct desk d;
static struct peer boss, one, two;
static char one_id[SIO_ID_LEN + 1];

static int open_with(const char *options)
{
    desk_open(&d, options, NULL);
    peer_join(&one, &d.rig);
    memcpy(one_id, one.sid, SIO_ID_LEN);
    peer_join(&two, &d.rig);
    desk_sit(&d, &boss);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return open_with("{\"auth\":false}");
}

static int teardown(void **state)
{
    (void)state;
    peer_close(&one);
    peer_close(&two);
    peer_close(&boss);
    buf_clear(&d.rig.log);
    desk_close(&d);
    return 0;
}

static void order(const char *format)
{
    char text[512];

    (void)snprintf(text, sizeof text, format, one_id);
    peer_say(&boss, text);
    rig_settle(&d.rig);
    buf_clear(&d.rig.log);
}

static void orders_are_carried_out(void **state)
{
    (void)state;
    order("42/admin,[\"emit\",\"/\",null,\"all\",1,{\"a\":[]}]");
    assert_heard(&one, "42[\"all\",1,{\"a\":[]}]");
    assert_heard(&two, "42[\"all\",1,{\"a\":[]}]");
    order("42/admin,[\"emit\",\"/\",\"%s\",\"you\"]");
    assert_heard(&one, "42[\"you\"]");
    order("42/admin,[\"join\",\"/\",\"r\",\"%s\"]");
    order("42/admin,[\"emit\",\"\",[\"r\",\"s\"],\"room\"]");
    assert_heard(&one, "42[\"room\"]");
    order("42/admin,[\"join\",\"/\",[\"a\",\"b\"]]");
    assert_int_equal(hub_group(&d.rig.main->hub, STR("a"))->count, 2);
    assert_int_equal(hub_group(&d.rig.main->hub, STR("b"))->count, 2);
    order("42/admin,[\"leave\",\"/\",\"a\",\"%s\"]");
    assert_int_equal(hub_group(&d.rig.main->hub, STR("a"))->count, 1);
    order("42/admin,[\"leave\",\"/\",\"b\",\"\"]");
    assert_null(hub_group(&d.rig.main->hub, STR("b")));
    order("42/admin,[\"_disconnect\",\"/\",false,\"%s\"]");
    assert_heard(&one, "41");
    assert_false(one.closed);
    order("42/admin,[\"_disconnect\",\"/\",true]");
    desk_await(&two, "close(");
    assert_int_equal(d.admin->stats.commands, 9);
    assert_int_equal(d.admin->stats.commands_refused, 0);
    assert_heard(&two, "41 close(1005)");
}

static void attachments_go_along(void **state)
{
    (void)state;
    order("451-/admin,[\"emit\",\"/\",\"%s\",\"file\",{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&boss, STR("bytes"));
    assert_heard(&one, "451-[\"file\",{\"_placeholder\":true,\"num\":0}] b(bytes)");
    buf_clear(&d.rig.log);
}

static void nonsense_is_refused(void **state)
{
    static const char *const nonsense[] = {
        "42/admin,[\"emit\"]",
        "42/admin,[\"emit\",\"/\"]",
        "42/admin,[\"emit\",\"/\",null]",
        "42/admin,[\"emit\",\"/\",null,7]",
        "42/admin,[\"emit\",\"/\",null,\"connect\"]",
        "42/admin,[\"emit\",\"/\",null,\"disconnec\\u0074\"]",
        "42/admin,[\"emit\",\"/\",{\"a\":1},\"x\"]",
        "42/admin,[\"emit\",\"/\",[1],\"x\"]",
        "42/admin,[\"emit\",\"/nowhere\",null,\"x\"]",
        "42/admin,[\"emit\",null,null,\"x\"]",
        "42/admin,[\"join\",\"/\"]",
        "42/admin,[\"join\",\"/\",\"\"]",
        "42/admin,[\"join\",\"/\",null]",
        "42/admin,[\"leave\",\"/\",{},\"a\"]",
        "42/admin,[\"_disconnect\"]",
        "42/admin,[\"_disconnect\",\"/\",true,7]",
        "42/admin,[\"join\",\"/"
        "\",[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\","
        "\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]]",
    };
    (void)state;

    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        peer_say(&boss, nonsense[i]);
        rig_settle(&d.rig);
        assert_int_equal(d.admin->stats.commands_refused, i + 1);
    }
    assert_int_equal(d.admin->stats.commands, 0);
    assert_null(map_get(&d.rig.io.namespaces, STR("/nowhere")));
    assert_int_equal(d.rig.main->hub.count, 2);
    assert_heard(&one, "");
    buf_clear(&d.rig.log);
}

/* The owner may listen in the namespace too, to these and to other events. */
static void events_reach_the_owner_as_well(void **state)
{
    (void)state;
    peer_say(&boss, "42/admin,[\"own\",1]");
    assert_log(&d.rig, "event(/admin,\"own\",[\"own\",1])");
    assert_int_equal(d.admin->stats.commands + d.admin->stats.commands_refused, 0);
    peer_say(&one, "42[\"emit\",\"/\",null,\"x\"]"); /* no administrator */
    assert_log(&d.rig, "event(/,\"emit\",[\"emit\",\"/\",null,\"x\"])");
    assert_heard(&two, "");
}

static void an_administrator_may_end_himself(void **state)
{
    (void)state;
    peer_say(&boss, "42/admin,[\"_disconnect\",\"/admin\",true]");
    desk_await(&boss, "close(");
    assert_int_equal(d.admin->nsp->hub.count, 0);
    assert_log(&d.rig, "leaving(/admin,server namespace disconnect) left(/admin,server namespace "
                       "disconnect)");
}

static int readonly_setup(void **state)
{
    (void)state;
    return open_with("{\"auth\":false,\"readonly\":true}");
}

static void readonly_means_it(void **state)
{
    struct peer late;
    (void)state;

    order("42/admin,[\"emit\",\"/\",null,\"all\"]");
    order("42/admin,[\"join\",\"/\",\"r\"]");
    order("42/admin,[\"leave\",\"/\",\"%s\"]");
    order("42/admin,[\"_disconnect\",\"/\",true]");
    assert_heard(&one, "");
    assert_int_equal(d.rig.main->hub.count, 2);
    assert_int_equal(d.rig.main->hub.groups.count, 0);
    assert_int_equal(d.admin->stats.commands, 0);
    assert_int_equal(d.admin->stats.commands_refused, 4);
    peer_open(&late, &d.rig);
    peer_say(&late, "40/admin");
    assert_told(&late,
                "[\"config\",{\"supportedFeatures\":[\"AGGREGATED_EVENTS\",\"ALL_EVENTS\"]}]");
    peer_close(&late);
}

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(DESK_TEST(orders_are_carried_out), DESK_TEST(attachments_go_along),
          DESK_TEST(nonsense_is_refused), DESK_TEST(events_reach_the_owner_as_well),
          DESK_TEST(an_administrator_may_end_himself),
          cmocka_unit_test_setup_teardown(readonly_means_it, readonly_setup, teardown))
