/* script/listeners.h - event listeners of Lua objects: sockets, namespaces, servers.
 *
 * An object is a table. Under 1 it has its handle, above it its listeners: an event name has a
 * number in the script (a few names, many sockets: listeners lie in the array part), and the
 * listener of event k is at [k + 1]. Names beyond SCRIPT_NAMES_MAX have no number; theirs are under
 * the name behind a \1.
 *
 * What is there is the function, or, when there are several or one that is called once, a list.
 * Lists are never changed, only replaced, so that they can be walked while listeners come and go.
 * An entry that is called once is a table around its function.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_LISTENERS_H
#define SCRIPT_LISTENERS_H

#include "script/state.h"

/* Replaces the name at the top by the key of its listeners. False (popped): there can be none. */
bool listener_key(struct script *s, lua_State *L, bool create);

/* Calls what is at index found (a function, a list, or nil) under `key` of the object with the
 * nargs values at the top, each listener in a task of its own. Pops the values. Returns whether
 * there was a listener. */
bool listeners_run(struct script *s, lua_State *L, int object, int key, int found, int nargs);

/* The same by name. */
bool listeners_emit(struct script *s, lua_State *L, int object, const char *name, int nargs);

/* Copies the listeners of the object at one index to another. */
void listeners_copy(lua_State *L, int from, int to);

#endif
