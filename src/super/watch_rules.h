/* super/watch_rules.h - which files an application's `watch` and `ignore_watch` mean.
 *
 * Patterns are paths, of which each part may hold *, ? and [...], and ** stands for any number of
 * parts. Pure: nothing is looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_WATCH_RULES_H
#define SUPER_WATCH_RULES_H

#include "super/spec.h"

struct watch_root {
    char *path;    /* absolute */
    char *pattern; /* absolute; NULL: everything below path */
};

struct watch_rules {
    char *cwd;
    char *home; /* of the supervisor: never watched */
    struct watch_root *roots;
    size_t root_count;
    char **ignored; /* as given */
    size_t ignored_count;
    char **own; /* patterns, absolute: log files */
    size_t own_count;
};

/* Whether the description wants anything to be watched. */
bool watch_rules_wanted(const struct spec *s);
void watch_rules_init(struct watch_rules *r, const struct spec *s, const char *home);
void watch_rules_fini(struct watch_rules *r);

/* Whether a change of that absolute path means nothing. */
bool watch_rules_leave_out(const struct watch_rules *r, const char *path, bool folder);

/* Whether the pattern fits the path, or a folder that it is in. Internal, for its test. */
bool watch_pattern_fits(str pattern, str path);

#endif
