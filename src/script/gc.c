/* script/gc.c - when garbage is collected.
 *
 * LuaJIT collects as memory grows; a server whose connections come and go in waves would carry the
 * garbage of the last wave until the next. So connections owe: after they came or went, a timer
 * runs bounded steps until a whole cycle is done, then rests. A quiet process is never woken for
 * garbage.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/state.h"

enum {
    PAUSE_PERCENT = 130, /* a cycle starts when the heap has grown by 30 per cent since the last */
    STEP_MUL = 300,
    FIRST_MS = 200, /* a wave has time to pass */
    NEXT_MS = 5,
    STEP_KIB = 256, /* of work at a time: some hundred microseconds */
    DEBT_MIN = 64   /* connections below which it is not worth a cycle */
};

static int step_entry(lua_State *L)
{
    bool *done = lua_touserdata(L, 1);

    *done = lua_gc(L, LUA_GCSTEP, STEP_KIB);
    return 0;
}

static void on_timer(void *user)
{
    struct script *s = user;
    bool done = true;

    s->gc_timer = 0;
    (void)script_enter_once(s, step_entry, &done); /* a finalizer's error was logged */
    if (done)
        s->gc_debt = 0;
    else
        s->gc_timer = atr_timer_start(s->app, NEXT_MS, 0, on_timer, s);
}

void gc_owe(struct script *s)
{
    if (++s->gc_debt == DEBT_MIN && !s->gc_timer && !s->closing)
        s->gc_timer = atr_timer_start(s->app, FIRST_MS, 0, on_timer, s);
}

void gc_open(struct script *s)
{
    lua_gc(s->L, LUA_GCSETPAUSE, PAUSE_PERCENT);
    lua_gc(s->L, LUA_GCSETSTEPMUL, STEP_MUL);
}

void gc_close(struct script *s)
{
    if (s->gc_timer)
        atr_timer_stop(s->app, s->gc_timer);
    s->gc_timer = 0;
}
