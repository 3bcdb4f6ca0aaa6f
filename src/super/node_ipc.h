/* super/node_ipc.h - the channel that Node gives a program to its parent: process.send() and
 * process.on('message').
 *
 * A socket whose number is in NODE_CHANNEL_FD, a line of JSON per message. Only what PM2 does with
 * it is done: 'ready' comes, 'shutdown' goes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_NODE_IPC_H
#define SUPER_NODE_IPC_H

#include "super/process.h"
#include "super/spec.h"

/* Whether the program may use one: it is Node, or its description speaks of messages. */
bool node_ipc_wanted(const struct spec *s);

/* Makes the channel of p; *theirs is for the program, and the caller's. */
int node_ipc_open(struct process *p, int *theirs) MUST_CHECK;
void node_ipc_close(struct node_ipc *ipc, struct loop *l);
int node_ipc_send(struct node_ipc *ipc, str line);

/* The environment with what Node looks for; takes the old one. */
char **node_ipc_environment(char **words);

#endif
