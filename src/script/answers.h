/* script/answers.h - whom a call is about, and the answers of many, for the files that ask many.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_ANSWERS_H
#define SCRIPT_ANSWERS_H

#include "script/namespace.h"

enum { ANSWERS_FEW = 8 }; /* rooms without memory of their own */

struct answers_target {
    struct nsp *nsp;
    atr_target api;
    uint32_t timeout_ms;
    bool limited; /* timeout_ms was set by the script */
    atr_str few[2][ANSWERS_FEW];
};

/* The operator or namespace at index 1. Pushes what it needs to keep. Raises. */
void answers_target(struct script *s, lua_State *L, struct answers_target *t);

/* For functions of the API that give atr_answers; user is a struct pending. A task is resumed with
 * whether all went well, then, if not, the reason, then the list of values; a function is called
 * with the reason or nil, and the list. */
void answers_arrived(void *user, int err, const atr_answers *answers);

#endif
