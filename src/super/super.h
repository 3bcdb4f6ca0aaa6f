/* super/super.h - the commands of the supervisor, as `atrium NAME ...` calls them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_SUPER_H
#define SUPER_SUPER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

/* What the layer above knows how to do. */
struct super_outside {
    /* Appends a YAML file as JSON text; a negative code with a sentence in why. */
    int (*read_yaml)(const char *path, struct buf *out, char *why);
};

/* Whether one of them is called so, by PM2's other names too. */
bool super_knows(const char *name);
/* Runs argv[0]; the exit status. */
int super_command(int argc, char **argv, const struct super_outside *outside);
void super_usage(FILE *out);
/* The table of keys, for docs/supervisor.md. */
void super_markdown(FILE *out);

#endif
