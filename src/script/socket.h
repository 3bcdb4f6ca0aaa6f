/* script/socket.h - sockets of Socket.IO as scripts see them.
 *
 * A socket is a Lua table: [1] is its slot, above it its listeners (script/listeners.h), and
 * whatever fields the script puts there. The slot leads to the API's ref; the API's user pointer
 * leads back to the slot. When the socket has gone [1] is 0 and everything done to it does nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_SOCKET_H
#define SCRIPT_SOCKET_H

#include "script/state.h"

/* Pushes the socket's table, made at first sight. nsp: where it is known to be, or NULL. */
void socket_push(struct script *s, lua_State *L, atr_socket *socket, struct nsp *nsp);
/* The table will not be found again; its slot is free. */
void socket_forget(struct script *s, uint32_t slot);

static inline uint32_t socket_slot(const atr_socket *socket)
{
    return (uint32_t)(uintptr_t)atr_socket_user(socket);
}

/* The slot of the socket at idx, which is raised about when it is something else. NULL: gone. */
struct slot *check_socket(struct script *s, lua_State *L, int idx);
/* The same as the API's object. */
atr_socket *check_live_socket(struct script *s, lua_State *L, int idx);

/* Raises when the value at idx is no name for an event to emit. */
void check_event_name(lua_State *L, int idx);
/* Encodes the event whose name is at first, up to last. Raises. */
struct encoder *encode_event(struct script *s, lua_State *L, int first, int last);
/* The same for clients: what the replacer makes of them. It stays on the stack, where bytes in it
 * are borrowed from. */
struct encoder *encode_packet(struct script *s, lua_State *L, int first, int last);

/* The functions of emit.c. */
void emit_open(lua_State *L, struct script *s, int core);

#endif
