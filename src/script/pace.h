/* script/pace.h - sends that wait for clients who do not keep up, and who is not read from
 * meanwhile.
 *
 * Under the policy `block` a send that met a connection which is backed up waits for it, when it is
 * made by a task. If the task handles something that a client sent, that client is not read from
 * until the wait is over: so what holds the output up is felt by whoever causes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_PACE_H
#define SCRIPT_PACE_H

#include "script/task.h"

/* A kind of client connections: stops or resumes reading from the one of that ref. */
struct source_kind {
    void (*read)(const struct source_kind *kind, atr_app *app, atr_ref ref, bool on);
};

/* In an entry: tasks that are started until the end of the entry handle what this client sent.
 * Returns who it was before, to be set again. */
static inline struct source source_set(struct script *s, const struct source_kind *kind,
                                       atr_ref ref)
{
    struct source before = s->source;

    s->source = (struct source){ kind, ref };
    return before;
}

/* Ends a C function of a script that has sent something and has its result at the top: `return
 * pace(L, s)`. A second result is true when it has waited for drain, false when that took too long.
 */
int pace(lua_State *L, struct script *s);

extern const struct source_kind socket_source; /* event.c */

#endif
