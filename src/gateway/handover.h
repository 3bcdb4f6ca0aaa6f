/* gateway/handover.h - connections that go on in another process, their channels with them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef GATEWAY_HANDOVER_H
#define GATEWAY_HANDOVER_H

#include "gateway/conn.h"

/* The first open connection at place *at or behind, which then is the place after it; NULL: there
 * is no more. Begins at 0. What is frozen on the way disturbs nothing. */
struct gateway_conn *gateway_conn_next(const struct gateway *g, uint32_t *at);

/* Appends c's map (proto/frozen.h) to out, calls on_freeze and takes c apart: its memory lives
 * until the end of the iteration. *fd is its descriptor, the caller's. ATR_ESTATE: it is closing,
 * or nobody would be told of it there; nothing was changed. From a job or a timer. */
int gateway_conn_freeze(struct gateway_conn *c, struct buf *out, int *fd) MUST_CHECK;

/* Takes the connection that `in` begins with, whose map has *used bytes. It is in its channels at
 * once; on_thaw comes from a job of the loop, and it is not read from before. Calls nobody back. fd
 * is ours in any case: it is closed when the map makes no sense (ATR_ESYNTAX), there is no endpoint
 * for it (ATR_EUNKNOWN) or the gateway closes (ATR_ECLOSED). */
int gateway_conn_thaw(struct gateway *g, str in, size_t *used, int fd) MUST_CHECK;

/* --- internal to the layer --- */
void gateway_arrivals_init(struct gateway *g);
void gateway_arrivals_drop(struct gateway *g);

#endif
