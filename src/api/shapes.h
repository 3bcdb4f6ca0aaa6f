/* api/shapes.h - settings that are more than a number or a text: transports, httpCompression, cors,
 * cookie, connectionStateRecovery; and the Engine.IO options that all settings together make.
 *
 * Strings of decoded options live in an arena of the server they belong to.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_SHAPES_H
#define API_SHAPES_H

#include "admin/admin.h"
#include "api/settings.h"
#include "base/arena.h"
#include "engineio/options.h"
#include "socketio/options.h"

/* 0, or a negative code and the sentence in why. */
int shape_check(enum setting_name n, str json, char *why);

/* The setting connectionStateRecovery, checked or not. */
int shapes_recovery(str json, struct sio_recovery_options *out, char *why);
/* The setting admin. 1: instrument with out; 0: do not. */
int shapes_admin(str json, struct arena *strings, struct admin_options *out, char *why);
/* The setting parser; a negative code when it is none. out may be NULL. */
int shapes_parser(str json, enum sio_parser *out);
/* Fills o from checked settings. */
void shapes_engine_options(struct settings *s, struct arena *strings, struct eio_options *o);

/* Decodes perMessageDeflate, also for others that have an option of that name. */
int shapes_deflate(str json, struct ws_deflate_options *o, char *why);

#endif
