/* super/apps_file.h - from an ecosystem file (as JSON) or a command line to descriptions that a
 * supervisor can use as they are: names given, paths absolute, modes decided.
 *
 * It looks at the file system (does the script exist?) but starts nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_APPS_FILE_H
#define SUPER_APPS_FILE_H

#include "super/spec.h"

struct apps {
    struct spec *list;
    size_t count;
};

struct apps_context {
    const char *folder;   /* absolute: what relative paths are relative to */
    const char *env_name; /* of --env; NULL: none */
};

/* Reads a document: {"apps": [...]}, a list of applications, or one. Other members beside "apps"
 * are not looked at. The descriptions are not finished yet. */
int apps_read(struct apps *a, str json, const struct apps_context *c, char *why) MUST_CHECK;

/* Fills in what follows from the rest, and checks that it can be started. */
int apps_finish(struct spec *s, const char *folder, char *why) MUST_CHECK;

/* Whether the script is an application of Atrium, which knows how to be a worker. */
bool spec_is_atrium(const struct spec *s);

void apps_fini(struct apps *a);

#endif
