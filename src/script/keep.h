/* script/keep.h - see keep.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_KEEP_H
#define SCRIPT_KEEP_H

#include "script/state.h"

/* The socket, which has a slot, is about to be forgotten: keeps its data if it may come back. */
void keep_data(struct script *s, atr_socket *socket);
/* Gives the socket at the top what was kept of it. */
void restore_data(struct script *s, lua_State *L, atr_socket *socket);
/* The client did not come back. */
void forget_data(struct script *s, void *kept);

#endif
