/* tests/unit/sticky/workers.c - see workers.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "count.h"

struct worker workers[WORKERS];
static int board_fd, fds_before;
static char folder[64];

static void on_peer(void *user, unsigned slot, uint32_t generation, bool here)
{
    (void)user, (void)slot, (void)generation, (void)here;
}

static void on_message(void *user, unsigned slot, uint8_t kind, str data, const int *fds, size_t n)
{
    struct worker *w = user;

    assert_true(sticky_on_message(&w->sticky, slot, kind, data, fds, n));
}

static const struct peers_events events = { .on_peer = on_peer, .on_message = on_message };

static void turn_all(void)
{
    for (int i = 0; i < WORKERS; i++)
        if (workers[i].open)
            assert_int_equal(loop_turn(&workers[i].rig.loop, 0), 0);
}

void workers_settle(void)
{
    for (int k = 0; k < 20; k++)
        turn_all();
}

static void worker_open(int i)
{
    struct worker *w = &workers[i];
    char why[ATR_WHY_MAX] = "";

    rig_open(&w->rig, NULL);
    w->rig.fds = -1;
    w->rig.beside = turn_all;
    assert_int_equal(board_open(&w->board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why), 0);
    assert_int_equal(peers_open(&w->peers, &w->rig.loop, &w->board, folder, 0, &events, w, why), 0);
    assert_int_equal(sticky_open(&w->sticky, &w->peers, &w->rig.http, why), 0);
    w->rig.engine.places = &w->sticky.places;
    w->rig.echo = true;
    w->open = true;
    worker_state(i, BOARD_SERVING);
}

void worker_close(int i)
{
    struct worker *w = &workers[i];

    if (!w->open)
        return;
    eio_server_close(&w->rig.engine, EIO_SERVER_SHUTTING_DOWN);
    workers_settle();
    assert_int_equal(w->sticky.sessions, 0);
    sticky_close(&w->sticky);
    sticky_close(&w->sticky);
    peers_close(&w->peers);
    board_close(&w->board);
    w->open = false;
    w->rig.beside = NULL;
    rig_close(&w->rig);
    assert_int_equal(w->sticky.stats.waiting, 0);
    assert_int_equal(w->sticky.stats.pipes, 0);
}

void worker_state(int i, enum board_state state)
{
    atomic_store(&workers[i].board.slots[workers[i].peers.slot].state, state);
}

void worker_port(int i, uint32_t port)
{
    atomic_store(&workers[i].board.slots[workers[i].peers.slot].port, port);
}

uint64_t worker_sessions(int i)
{
    return atomic_load(&workers[i].board.slots[workers[i].peers.slot].sessions);
}

void workers_open(void)
{
    char why[ATR_WHY_MAX];

    fds_before = fd_count();
    strcpy(folder, "/tmp/atrium-sticky-XXXXXX");
    assert_non_null(mkdtemp(folder));
    board_fd = board_create(&(struct board_options){ 1 << 16, 4096, 8192 }, why);
    assert_true(board_fd >= 0);
    for (int i = 0; i < WORKERS; i++)
        worker_open(i);
    workers_settle();
    for (int i = 0; i < WORKERS; i++)
        for (int k = 0; k < WORKERS; k++)
            assert_true(i == k || peers_here(&workers[i].peers, workers[k].peers.slot));
}

void workers_close(void)
{
    for (int i = 0; i < WORKERS; i++) {
        if (workers[i].open) /* none was lost on the way */
            assert_int_equal(atomic_load(&workers[i].board.slots[workers[i].peers.slot].coming), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        worker_close(i);
    close(board_fd);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(fd_count(), fds_before);
}

/* Who has a port of its own keeps what comes to it. */
const char *session_of(int i)
{
    static char sids[32][EIO_SID_LEN + 1];
    static unsigned at;
    char *sid = sids[at++ % 32];
    struct client c;

    worker_port(i, 7);
    client_open(&c, &workers[i].rig);
    strcpy(sid, polling_session(&c));
    client_close(&c);
    worker_port(i, 0);
    workers_settle();
    return sid;
}

int workers_setup(void **state)
{
    (void)state;
    workers_open();
    return 0;
}

int workers_teardown(void **state)
{
    (void)state;
    workers_close();
    return 0;
}
