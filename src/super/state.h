/* super/state.h - run/state.json: what the next supervisor has to know of this one.
 *
 * Written in one step, before a new process is let run, and whenever something in it has changed.
 * It is of one boot of the machine: after another there is nothing to adopt (resurrect starts what
 * was saved).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_STATE_H
#define SUPER_STATE_H

#include "base/buf.h"
#include "base/err.h"

struct home;
struct supervisor;

int state_save(struct supervisor *s, char *why) MUST_CHECK;
/* Adopts what the last supervisor left. A file that cannot be read is put aside, and said. */
void state_adopt(struct supervisor *s);
/* Whether there is something to adopt, without doing it. */
bool state_exists(const struct home *h);

/* dump.json: what resurrect starts. */
int state_dump(struct supervisor *s, char *why) MUST_CHECK;
/* Returns how many applications it started. */
int state_resurrect(struct supervisor *s, char *why) MUST_CHECK;

#endif
