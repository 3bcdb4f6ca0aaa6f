/* net/drain.h - waiting until connections that are backed up have drained.
 *
 * A send may reach many connections. Those under the policy `block` that it found backed up are
 * noted; who sent may then wait for all of them at once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_DRAIN_H
#define NET_DRAIN_H

#include "net/loop.h"

struct pressure;

/* Forgets what was noted: before a send. */
void drain_forget(void);
/* Whether the sends since then noted somebody. */
bool drain_noted(void);

/* Waits for those noted, or for timeout_ms (0: as long as their policies say; the longest counts).
 * Returns 0 when there are none, or 1: fn is then called once, from the loop: 0 when each has
 * drained or gone, ATR_ETIMEOUT, or ATR_ECLOSED from drain_close(). What was noted is forgotten. */
int drain_wait(struct loop *l, uint32_t timeout_ms, void (*fn)(void *user, int err), void *user);
/* Ends the waits of a loop that goes. */
void drain_close(const struct loop *l);

/* --- for pressure.c --- */
void drain_note(struct pressure *p, uint32_t block_ms);
void drain_over(struct pressure *p); /* it has drained, or its connection has ended */

#endif
