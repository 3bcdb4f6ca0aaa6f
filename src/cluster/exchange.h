/* cluster/exchange.h - one bus for all the layers above: each gets the notes of its own kinds, and
 * all share the requests.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_EXCHANGE_H
#define CLUSTER_EXCHANGE_H

#include "cluster/request.h"

/* A layer that listens: kinds from `first` on, `count` of them. As bus_events; on_missed and
 * on_node go to everybody and may be NULL. */
struct exchange_user {
    uint16_t first, count;
    const struct bus_events *events;
    void *user;
    /* Questions whose `what` is in the same range. May be NULL. */
    const struct request_handler *questions;
};

struct exchange {
    struct bus *bus;
    struct loop *loop;
    struct requests requests;
    struct exchange_user *users;
    size_t user_count;
    /* Whether somebody is still to look after what a node left that has ended. NULL: nobody is. */
    bool (*settling)(void *user);
    void *settling_user;
};
static inline bool exchange_settling(const struct exchange *x)
{
    return x->settling && x->settling(x->settling_user);
}

/* What a bus is opened with; its user is the exchange. */
extern const struct bus_events exchange_events;

/* Before the bus is opened with exchange_events. */
void exchange_init(struct exchange *x, struct loop *loop);
/* Once the bus is there. */
void exchange_use(struct exchange *x, struct bus *bus);
void exchange_fini(struct exchange *x); /* ends open requests; the bus still is there */
void exchange_add(struct exchange *x, const struct exchange_user *u);
/* Ends what it has asked, with ATR_ECLOSED. */
void exchange_remove(struct exchange *x, uint16_t first);

#endif
