/* Data of sockets: told when it has changed, also when a handler took its time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "desk.h"

static void changes_are_told_once(void **state)
{
    struct desk d;
    struct peer p, q;
    (void)state;

    desk_open(&d, "{\"auth\":false}", NULL);
    desk_sit(&d, &p);
    d.data = "{\"a\":1}";
    peer_join(&q, &d.rig);
    assert_told(&p, "[\"socket_updated\",{\"id\":\"");
    assert_told(&p, "\"nsp\":\"/\",\"data\":{\"a\":1}}]");
    desk_forget(&p);
    peer_say(&q, "42[\"e\"]");
    assert_told(&p, "event_received");
    assert_not_told(&p, "socket_updated");
    d.data = "{\"a\":2}"; /* behind the handler's back */
    admin_changes_look(d.admin);
    assert_told(&p, "\"nsp\":\"/\",\"data\":{\"a\":2}}]");
    desk_forget(&p);
    for (int i = 0; i < 20; i++)
        admin_changes_look(d.admin);
    assert_string_equal(desk_heard(&p), "");
    assert_true(list_empty(&d.admin->touched)); /* it has been quiet for long enough */
    peer_say(&q, "41");
    rig_settle(&d.rig);
    assert_int_equal(d.admin->changes.count, 1); /* the administrator's own */
    peer_close(&p);
    peer_close(&q);
    buf_clear(&d.rig.log);
    desk_close(&d);
}

/* Their ids have other lengths. */
static void clients_of_old_are_looked_at_too(void **state)
{
    struct desk d;
    struct peer p, q, r;
    (void)state;

    desk_open(&d, "{\"auth\":false}", NULL);
    (void)sio_server_of(&d.rig.io, STR("/n"));
    desk_sit(&d, &p);
    d.data = "{\"a\":1}";
    peer_open_v2(&q, &d.rig);
    peer_say(&q, "40/n");
    peer_open_v2(&r, &d.rig);
    peer_say(&r, "40/n");
    for (int i = 0; i < 5; i++) {
        peer_say(&q, "42/n,[\"e\"]");
        peer_say(&r, "42/n,[\"e\"]");
    }
    rig_settle(&d.rig);
    assert_int_equal(d.admin->changes.count, 5); /* the administrator's own, and two for each */
    peer_close(&q);
    peer_close(&r);
    rig_settle(&d.rig);
    assert_int_equal(d.admin->changes.count, 1);
    peer_close(&p);
    buf_clear(&d.rig.log);
    desk_close(&d);
}

TEST_MAIN(cmocka_unit_test(changes_are_told_once),
          cmocka_unit_test(clients_of_old_are_looked_at_too))
