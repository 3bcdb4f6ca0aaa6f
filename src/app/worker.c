/* app/worker.c - `atrium worker NAME INSTANCE app.lua ...`: `atrium run` under a supervisor, which
 * is the only one to call it.
 *
 * Listening sockets come from the supervisor, and so does the board by which the workers of the
 * application find each other; it is told what becomes of the process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/cluster.h"
#include "app/command.h"
#include "app/run.h"
#include "app/store.h"
#include "net/tether.h"
#include "super/spawn.h"

struct worker_process {
    atr_app *app;
    struct worker worker;
    struct cluster cluster;
    const char *name;
    unsigned instance;
    uint32_t drain_ms; /* for what could not be handed over */
};

enum { HANDOVER_SPARE_MS = 20000 }; /* beyond what it is set to take */

static int lend(void *lender, const char *host, uint16_t port, char *why)
{
    return worker_listen(lender, host, port, why);
}

static uint32_t setting(const struct worker_process *p, enum setting_name id)
{
    return (uint32_t)settings_number(&p->app->settings, id);
}

/* What could be moved has been, and what is left is closed. Over TLS it is relayed for a while. */
static void on_handed_over(void *user)
{
    struct worker_process *p = user;

    if (tether_count(&p->app->loop) > 0)
        worker_lingers(&p->worker,
                       (uint64_t)setting(p, SET_tlsLinger) + p->drain_ms + HANDOVER_SPARE_MS);
    app_drain(p->app, p->drain_ms);
}

static void on_drain(struct worker *w, uint32_t ms, pid_t heir)
{
    struct worker_process *p = container_of(w, struct worker_process, worker);
    struct handover_order o = { .heir = heir,
                                .move_ms = setting(p, SET_handoverTimeout),
                                .tail_ms = setting(p, SET_handoverTimeout),
                                .on_done = on_handed_over,
                                .user = p };

    p->drain_ms = ms;
    if (heir == 0 || handover_give(&p->cluster.handover, &o) < 0)
        app_drain(p->app, ms);
    else
        worker_lingers(w, (uint64_t)o.move_ms + o.tail_ms + ms + HANDOVER_SPARE_MS);
}

static uint64_t connections(struct worker *w)
{
    return container_of(w, struct worker_process, worker)->app->http.streams_open;
}

static void on_ready(void *user)
{
    worker_ready(&((struct worker_process *)user)->worker);
}

static int join(struct worker_process *p, char *why)
{
    struct cluster_options o = { .instance = p->instance };

    if ((o.board_fd = worker_board(&p->worker, &o.folder, why)) < 0)
        return o.board_fd;
    return cluster_join(&p->cluster, p->app, &o, why);
}

static int on_start(void *user, atr_app *app, char *why)
{
    struct worker_process *p = user;
    int err;

    p->app = app;
    store_place(app, p->name, NULL, true);
    p->worker.on_drain = on_drain;
    p->worker.connections = connections;
    if ((err = worker_open(&p->worker, &app->loop, SPAWN_FD, p->name, p->instance, why)) < 0)
        return err;
    if ((err = join(p, why)) < 0)
        return err;
    app->loop.lend_listener = lend;
    app->loop.lender = &p->worker;
    app->on_ready = on_ready;
    app->ready_user = p;
    /* Of no use to a server, and deadly by default: people send them to whole groups. */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    return 0;
}

static void on_listening(void *user)
{
    struct worker_process *p = user;

    cluster_serve(&p->cluster);
    worker_listening(&p->worker);
}

static void on_end(void *user)
{
    worker_close(&((struct worker_process *)user)->worker);
}

int command_worker(int argc, char **argv)
{
    static const struct run_hooks hooks = { on_start, on_listening, on_end };
    struct worker_process p = { 0 };

    if (argc < 4) {
        fprintf(stderr, "atrium: this command is for the supervisor: use atrium start\n");
        return EXIT_USAGE;
    }
    p.name = argv[1];
    p.instance = (unsigned)strtoul(argv[2], NULL, 10);
    return run_application(argc - 2, argv + 2, &hooks, &p);
}
