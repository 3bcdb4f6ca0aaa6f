/* script/namespace.h - namespaces as scripts see them.
 *
 * A namespace is a Lua table: [1] is its index in script->nsps, above it its listeners, `name` its
 * name. Those of io:of(name) live as long as the script; a dynamic one may end, and then its [1] is
 * 0.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_NAMESPACE_H
#define SCRIPT_NAMESPACE_H

#include "script/refusal.h"
#include "script/state.h"

struct nsp {
    struct script *script;
    atr_namespace *handle;
    uint32_t index;
    bool watching; /* for outgoing events */
};

/* What is known of a namespace of the API, made when new. guess: probably it; may be NULL. */
struct nsp *namespace_of(struct script *s, lua_State *L, atr_namespace *handle, struct nsp *guess);
/* Pushes its table. */
void namespace_push(struct script *s, lua_State *L, const struct nsp *n);
/* The namespace whose table (or another table with its index under 1) is at idx. Raises. */
struct nsp *check_namespace(struct script *s, lua_State *L, int idx);

/* Catch-all listeners for outgoing events exist from now on. */
void namespace_watch_outgoing(struct nsp *n);

#endif
