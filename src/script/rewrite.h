/* script/rewrite.h - the replacer and the reviver of a script: what looks over the values of events
 * and acknowledgements on their way out and in. Written in Lua (lua/rewrite.lua); they may not
 * wait.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_REWRITE_H
#define SCRIPT_REWRITE_H

#include "script/state.h"

/* The values from *first to *last, which stay on the stack, through the replacer; what it makes of
 * them is pushed, and from *first to *last then. Raises what the replacer raises. */
void rewrite_out(struct script *s, lua_State *L, int *first, int *last);

/* The count values at the top through the reviver; how many there are then. name (p NULL: none) is
 * an event's, which the reviver is given in front of them. -1 when it raised, which was logged and
 * counted; they are popped then. */
int rewrite_in(struct script *s, lua_State *L, int count, atr_str name);

#endif
