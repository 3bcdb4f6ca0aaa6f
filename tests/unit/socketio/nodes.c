/* tests/unit/socketio/nodes.c - see nodes.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "nodes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct node nodes[NODES];
static int board_fd, fds_before;
static char folder[64];

static void on_peer(void *user, unsigned slot, uint32_t generation, bool here)
{
    ring_bus_on_peer(&((struct node *)user)->bus, slot, generation, here);
}

static void on_message(void *user, unsigned slot, uint8_t kind, str data, const int *fds,
                       size_t fd_count)
{
    (void)fds;
    assert_int_equal(fd_count, 0);
    assert_true(ring_bus_on_message(&((struct node *)user)->bus, slot, kind, data));
}

static const struct peers_events peers_events = { .on_peer = on_peer, .on_message = on_message };

void nodes_settle(void)
{
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < NODES; i++)
            if (nodes[i].open)
                rig_settle(&nodes[i].rig);
}

static void node_open(int i, void (*change)(struct sio_options *o))
{
    struct node *n = &nodes[i];
    char why[ATR_WHY_MAX] = "";

    rig_open(&n->rig, change);
    n->rig.fds = -1;
    assert_int_equal(board_open(&n->board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why), 0);
    assert_int_equal(
        peers_open(&n->peers, &n->rig.loop, &n->board, folder, 0, &peers_events, n, why), 0);
    assert_int_equal(journal_open(&n->journal, &n->board, n->peers.slot), 0);
    exchange_init(&n->exchange, &n->rig.loop);
    ring_bus_open(&n->bus, &n->peers, &exchange_events, &n->exchange);
    exchange_use(&n->exchange, &n->bus.base);
    sio_cluster_open(&n->rig.io, &n->exchange);
    sio_sessions_open(&n->rig.io, &n->journal);
    n->open = true;
}

void node_close(int i)
{
    struct node *n = &nodes[i];

    if (!n->open)
        return;
    sio_server_close(&n->rig.io); /* its journal is left to others */
    rig_settle(&n->rig);
    sio_cluster_free(&n->rig.io);
    exchange_fini(&n->exchange);
    n->bus.base.ops->close(&n->bus.base);
    journal_close(&n->journal);
    peers_close(&n->peers);
    board_close(&n->board);
    rig_settle(&n->rig);
    rig_close(&n->rig);
    n->open = false;
}

void nodes_open(void (*change)(struct sio_options *o))
{
    char why[ATR_WHY_MAX];

    fds_before = fd_count();
    strcpy(folder, "/tmp/atrium-sio-XXXXXX");
    assert_non_null(mkdtemp(folder));
    board_fd = board_create(&(struct board_options){ 1 << 20, 4096, 1 << 20 }, why);
    assert_true(board_fd >= 0);
    for (int i = 0; i < NODES; i++)
        node_open(i, change);
    nodes_settle();
}

void nodes_close(void)
{
    for (int i = 0; i < NODES; i++)
        node_close(i);
    close(board_fd);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(fd_count(), fds_before);
}
