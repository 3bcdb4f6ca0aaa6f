/* app/sources.h - where an application's settings come from: flags, environment, file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_SOURCES_H
#define APP_SOURCES_H

#include "atrium/app.h"

struct invocation {
    const char *script; /* NULL: none was named */
    const char *config; /* --config; NULL: ./atrium.yaml when there is one */
};

/* Reads flags into app, in both forms: --ping-interval 300, --ping-interval=300. Returns 0 or a
 * negative code with a sentence in why. */
int sources_flags(atr_app *app, int argc, char **argv, struct invocation *out, char *why);

/* Reads the environment: ATRIUM_PING_INTERVAL for pingInterval, and so on; PORT for port. */
int sources_environment(atr_app *app, char *why);

/* Reads an atrium.yaml. path NULL: ./atrium.yaml, which may be missing. Errors name file and line.
 */
int config_file_read(atr_app *app, const char *path, char *why);

/* All of it, in the order of rank. */
int sources_read(atr_app *app, int argc, char **argv, struct invocation *out, char *why);

#endif
