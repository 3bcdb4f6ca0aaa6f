/* script/task.h - tasks: the coroutines that handlers run in.
 *
 * A handler runs in a task taken from a pool, so a warm event makes no coroutine. A handler that
 * waits keeps its task; the call that waits looks like a plain call. What is waited for is a struct
 * pending: one per outstanding callback of the API.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include "script/state.h"

enum { TASKS_IDLE_MAX = 64 };

struct task {
    struct list link; /* in script->tasks */
    struct script *script;
    lua_State *L;
    int anchor; /* keeps L from the collector */
    bool waiting;
    struct task *next; /* in script->idle */
    /* How the task ended. ok: the results are all that is on t->L; else the error is at its top
     * (it was logged). Runs outside any protected call. NULL: nobody asks. */
    void (*on_done)(struct task *t, bool ok);
    uint64_t id; /* for on_done: a decision or a request */
    int ref;     /* for on_done: a value in the registry */
    struct source source;
    bool background; /* not for a client: nobody waits for its end when clients have gone */
};

/* Runs the function below nargs arguments at the top of L (which belongs to the innermost protected
 * call) in a task, until it ends or waits. Raises only when there is no memory for the task. */
void task_start(struct script *s, lua_State *L, int nargs);
void task_start_with(struct script *s, lua_State *L, int nargs,
                     void (*on_done)(struct task *t, bool ok), uint64_t id, int ref);

/* Tasks that are started until it is set back are the program's own affair. Returns what was. */
static inline bool background_set(struct script *s, bool on)
{
    bool before = s->background;

    s->background = on;
    return before;
}

/* How the main chunk fares. */
struct main_result {
    char *why; /* ATR_WHY_BYTES: the message of its failure */
    bool ended, failed;
};
/* Runs the main chunk, the function at the top of L. When it waits, r is filled later, unless
 * task_detach_main() is called: from then on it is a task as any other. */
void task_run_main(struct script *s, lua_State *L, struct main_result *r);
void task_detach_main(struct script *s);

/* Something that the API owes a callback for. */
struct pending {
    struct list link;      /* in script->pending; self-linked once the script was closed */
    struct script *script; /* NULL: the script was closed */
    struct task *task;     /* who waits; NULL: fn is called */
    int fn;                /* in the registry; of a send that waits: its result */
    bool errors;           /* fn wants the error first */
    atr_ref timer;         /* of a sleep */
};
/* For a task: raises unless L is a running task's thread. */
struct pending *pending_wait(struct script *s, lua_State *L);
/* For the function at idx. */
struct pending *pending_call(struct script *s, lua_State *L, int idx);
void pending_free(struct pending *p);

/* Ends a C function of a script that waits for p: return task_wait(L, p). */
int task_wait(lua_State *L, struct pending *p);
/* In an entry: gives the nresults at the top of the main thread to whoever waits for p; frees p. */
void pending_finish(lua_State *L, struct pending *p, int nresults);

/* Logs the error at the top of L with the traceback of `of`, and counts it. Pops nothing. */
void report_error(struct script *s, lua_State *L, lua_State *of);

void tasks_close(struct script *s);

#endif
