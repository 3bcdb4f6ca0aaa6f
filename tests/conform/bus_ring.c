/* tests/conform/bus_ring.c - the ring for the suite of buses: a small one, so that it goes round.
 *
 * SPDX-License-Identifier: MIT
 */
#include "bus_nodes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus/ring_bus.h"
#include "test.h"

struct backend {
    struct board board;
    struct peers peers;
    struct ring_bus ring;
};

static struct backend backends[NODES_MAX];
static int board_fd = -1;
static char folder[64];

static void on_peer(void *user, unsigned slot, uint32_t generation, bool here)
{
    ring_bus_on_peer(&((struct backend *)user)->ring, slot, generation, here);
}

static void on_message(void *user, unsigned slot, uint8_t kind, str data, const int *fds,
                       size_t fd_count)
{
    (void)fds;
    assert_int_equal(fd_count, 0);
    assert_true(ring_bus_on_message(&((struct backend *)user)->ring, slot, kind, data));
}

static const struct peers_events peers_events = { .on_peer = on_peer, .on_message = on_message };

void backend_open(int i)
{
    struct backend *b = &backends[i];
    char why[ATR_WHY_MAX] = "";

    if (board_fd < 0) {
        strcpy(folder, "/tmp/atrium-bus-XXXXXX");
        assert_non_null(mkdtemp(folder));
        board_fd = board_create(&(struct board_options){ 1 << 20, 4096, 8192 }, why);
        assert_true(board_fd >= 0);
    }
    assert_int_equal(board_open(&b->board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why), 0);
    assert_int_equal(peers_open(&b->peers, &nodes[i].loop, &b->board, folder, (uint32_t)i,
                                &peers_events, b, why),
                     0);
    ring_bus_open(&b->ring, &b->peers, &node_events, &nodes[i]);
    nodes[i].bus = &b->ring.base;
}

void backend_close(int i)
{
    struct backend *b = &backends[i];

    b->ring.base.ops->close(&b->ring.base);
    peers_close(&b->peers);
    board_close(&b->board);
}

void backend_fini(void)
{
    close(board_fd);
    board_fd = -1;
    rmdir(folder);
}
