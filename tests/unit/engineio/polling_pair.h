/* tests/unit/engineio/polling_pair.h - a polling session with a connection for GETs and one for
 * POSTs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_ENGINEIO_POLLING_PAIR_H
#define UNIT_ENGINEIO_POLLING_PAIR_H

#include "rig.h"

struct pair {
    struct rig g;
    struct client get, post;
    const char *sid, *url;
};

static inline void small_limits(struct eio_options *o)
{
    o->message_bytes_max = 1000;
    o->polling_close_ms = 20;
}

static inline void pair_open(struct pair *p, void (*change)(struct eio_options *o))
{
    rig_open(&p->g, change);
    client_open(&p->get, &p->g);
    client_open(&p->post, &p->g);
    p->sid = polling_session(&p->get);
    p->url = polling_url(p->sid);
    p->g.log.len = 0;
}

static inline void pair_close(struct pair *p)
{
    client_close(&p->get);
    client_close(&p->post);
    rig_close(&p->g);
}

static inline void assert_gone(struct pair *p)
{
    assert_answer(client_get(&p->post, p->url), 400,
                  "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

#endif
