/* script/engine.h - bare Engine.IO servers of scripts, as far as others need them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_ENGINE_H
#define SCRIPT_ENGINE_H

#include "script/state.h"

/* The server that the object at idx stands for; raises when it is none. */
atr_engine *engine_handle(lua_State *L, int idx);

#endif
