/* The figures of a server, as the page draws them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "desk.h"

static void figures_are_told_every_two_seconds(void **state)
{
    struct desk d;
    struct peer p, q;
    (void)state;

    desk_open(&d, "{\"auth\":false,\"serverId\":\"one \\\"1\\\"\"}", NULL);
    (void)sio_server_of(&d.rig.io, STR("/b"));
    (void)sio_server_of(&d.rig.io, STR("/a"));
    desk_sit(&d, &p);
    peer_join(&q, &d.rig);
    peer_say(&q, "42[\"some event\"]");
    peer_close(&q);
    desk_forget(&p);
    desk_await(&p, "server_stats");
    assert_told(&p, "[\"server_stats\",{\"serverId\":\"one \\\"1\\\"\",\"hostname\":\"");
    assert_told(
        &p, "\"clientsCount\":1,\"pollingClientsCount\":0,\"aggregatedEvents\":[{\"timestamp\":");
    assert_told(&p, "\"type\":\"rawConnection\",\"count\":1}");
    assert_told(&p, "\"type\":\"packetsIn\",\"count\":");
    assert_told(&p, "\"type\":\"bytesIn\",\"count\":");
    assert_told(&p, "\"type\":\"packetsOut\",\"count\":");
    assert_told(&p, "\"type\":\"bytesOut\",\"count\":");
    assert_told(&p, "\"type\":\"rawDisconnection\",\"subType\":\"transport close\",\"count\":1}");
    assert_told(&p, "\"namespaces\":[{\"name\":\"/\",\"socketsCount\":0},{\"name\":\"/admin\","
                    "\"socketsCount\":1},{\"name\":\"/b\",\"socketsCount\":0},{\"name\":\"/a\","
                    "\"socketsCount\":0}]}]");
    desk_forget(&p);
    desk_await(&p, "server_stats"); /* counted anew */
    assert_not_told(&p, "rawDisconnection");
    peer_close(&p);
    buf_clear(&d.rig.log);
    desk_close(&d);
}

TEST_MAIN(cmocka_unit_test(figures_are_told_every_two_seconds))
