/* super/worker_link.h - the supervisor's end of the connection to an Atrium worker: see worker.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_WORKER_LINK_H
#define SUPER_WORKER_LINK_H

struct process;

/* Connects to p->socket and says hello. When that fails it is tried again each second. */
void worker_link_open(struct process *p);
/* Answers a process that asked: fd stays the caller's, text names the folder; or fd is a negative
 * code, and text says why. */
void worker_link_give_board(struct process *p, int fd, const char *text);

#endif
