/* script/pace.c - see pace.h. Start reading at pace().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/pace.h"

#include "base/mem.h"

/* A send that waits. Outlives the script, until the API has called back. */
struct paced {
    struct pending *pending; /* its fn is the result of the send */
    atr_app *app;
    struct source source;
    int err;
};

static int drained_entry(lua_State *L)
{
    struct paced *w = lua_touserdata(L, 1);
    struct pending *p = w->pending;

    lua_rawgeti(L, LUA_REGISTRYINDEX, p->fn);
    lua_pushboolean(L, w->err == 0);
    pending_finish(L, p, 2);
    return 0;
}

static void on_drained(void *user, int err)
{
    struct paced w = *(struct paced *)user;

    mem_free(user);
    w.err = err;
    if (w.source.kind && err != ATR_ECLOSED) /* then everything has gone */
        w.source.kind->read(w.source.kind, w.app, w.source.ref, true);
    if (w.pending->script)
        (void)script_enter_once(w.pending->script, drained_entry, &w); /* a failure was logged */
    else
        pending_free(w.pending);
}

/* Main code of coroutines that the script made itself, and functions that C calls, cannot. */
static bool can_wait(const struct script *s, lua_State *L)
{
    return !s->ending && s->running && s->running->L == L && lua_isyieldable(L);
}

int pace(lua_State *L, struct script *s)
{
    struct paced *w;
    struct pending *p;

    if (!atr_must_wait(s->app) || !can_wait(s, L))
        return 1;
    lua_pushvalue(L, -1);
    int result = luaL_ref(L, LUA_REGISTRYINDEX); /* may raise: nothing is held yet */
    p = pending_wait(s, L);
    p->fn = result;
    w = mem_alloc(sizeof *w);
    *w = (struct paced){ .pending = p, .app = s->app, .source = p->task->source };
    if (!atr_wait_drain(s->app, 0, on_drained, w)) {
        pending_free(p);
        mem_free(w);
        return 1;
    }
    if (w->source.kind)
        w->source.kind->read(w->source.kind, s->app, w->source.ref, false);
    return task_wait(L, p);
}
