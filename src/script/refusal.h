/* script/refusal.h - decisions that scripts owe: letting in, or refusing with a reason.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_REFUSAL_H
#define SCRIPT_REFUSAL_H

#include "script/state.h"

/* What a refusal says: a text, or a table { message =, data = }; at idx. */
struct refusal {
    atr_str message;
    atr_str data; /* JSON, in an encoder that is not held */
};
/* raised: a text starts with its place in the script, which is cut off. */
struct refusal read_refusal(struct script *s, lua_State *L, int idx, bool raised);
/* Pushes next(err) for a decision. */
void push_next(struct script *s, lua_State *L, atr_decision d);
/* on_done of tasks that owe the decision in task->id: an error refuses. */
struct task;
void refuse_failed(struct task *t, bool ok);

#endif
