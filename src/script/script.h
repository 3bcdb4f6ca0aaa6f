/* script/script.h - runs a Lua application: one LuaJIT state per script, on the public API alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "atrium/types.h"

struct script;

/* Creates a state for app and runs the file's main chunk (as a coroutine: it may wait). On failure
 * returns a negative code; why (ATR_WHY_BYTES) has the message, with file and line. *out is set on
 * success and is freed by script_close(), before atr_app_free(). */
int script_open(atr_app *app, const char *path, struct script **out, char *why);
void script_close(struct script *s); /* NULL is fine */

/* Tells the script that the server listens: runs the handlers of atrium.on("listening", fn) with
 * the URL. */
void script_listening(struct script *s, const char *url);

size_t script_memory(const struct script *s);   /* bytes of the Lua heap */
uint64_t script_errors(const struct script *s); /* handler errors so far */

#endif
