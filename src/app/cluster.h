/* app/cluster.h - a worker's part in its cluster: the board and its ring, the other workers, its
 * sessions' ids and its journal, joined to the application that it serves.
 *
 * In order: cluster_join() before the application makes anything; cluster_serve() once it listens;
 * the rest follows from the application's own end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_CLUSTER_H
#define APP_CLUSTER_H

#include "api/app.h"
#include "bus/ring_bus.h"
#include "cluster/exchange.h"
#include "cluster/journal.h"
#include "app/handover.h"
#include "sticky/sticky.h"

struct cluster {
    struct app_cluster joined; /* what the application knows of it */
    atr_app *app;              /* NULL: closed */
    struct board board;
    struct peers peers;
    struct ring_bus bus;
    struct exchange exchange;
    struct journal journal;
    struct sticky sticky;
    struct handover handover;
    int folder_fd;
    struct timer beat;
    uint64_t beat_due_ms;
    struct list estates; /* of struct estate: inherited before there was anybody to take it */
    bool serving;
    uint64_t inherited; /* workers whose sessions this one took over */
};

struct cluster_options {
    int board_fd;       /* taken */
    const char *folder; /* for the workers' sockets; made if need be */
    unsigned instance;
};

/* On failure c is closed, why says. */
int cluster_join(struct cluster *c, atr_app *app, const struct cluster_options *o,
                 char *why) MUST_CHECK;
/* The application listens: sessions may begin here. */
void cluster_serve(struct cluster *c);

#endif
