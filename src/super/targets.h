/* super/targets.h - what commands name: "all", a name, a namespace, an id.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_TARGETS_H
#define SUPER_TARGETS_H

#include "super/service.h"

struct targets {
    struct instance **list;
    size_t count;
};

/* names: a JSON array of texts. Each must be something, "all" excepted. Each instance is there
 * once. */
int targets_find(struct targets *t, struct supervisor *s, str names, char *why) MUST_CHECK;
void targets_add(struct targets *t, struct instance *i);
void targets_add_service(struct targets *t, struct service *s);
void targets_free(struct targets *t);

#endif
