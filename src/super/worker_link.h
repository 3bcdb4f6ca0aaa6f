/* super/worker_link.h - the supervisor's end of the connection to an Atrium worker: see worker.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_WORKER_LINK_H
#define SUPER_WORKER_LINK_H

struct process;

/* Connects to p->socket and says hello. When that fails it is tried again each second. */
void worker_link_open(struct process *p);

#endif
