/* script/bytes.h - binary values: what atrium.bytes() makes and attachments arrive as.
 *
 * Immutable, like strings, and distinct from them, so that a script says which of its strings are
 * text: text goes out as JSON, bytes as an attachment.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_BYTES_H
#define SCRIPT_BYTES_H

#include <lua.h>

#include "base/str.h"

struct value_types;

/* Pushes a value with a copy of s. */
void bytes_push(lua_State *L, const struct value_types *types, str s);
/* The content of the value at idx; p == NULL when it is no bytes. */
str bytes_at(lua_State *L, int idx, const struct value_types *types);

/* Makes the metatable, and adds the functions bytes and is_bytes to the table at core. */
void bytes_open(lua_State *L, struct value_types *types, int core);

#endif
