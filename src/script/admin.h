/* script/admin.h - see admin.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_ADMIN_H
#define SCRIPT_ADMIN_H

#include "script/state.h"

/* The io is there: from now on its administrators see the data of sockets. */
void describe_watch(struct script *s);

#endif
