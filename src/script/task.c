/* script/task.c - running handlers in reused coroutines; waiting; what becomes of errors.
 *
 * Invariants
 *   - script->running is the task whose code is innermost on the C stack;
 *   - an idle task's thread has ended without error and has an empty stack, so it can run again;
 *   - a task whose thread failed is dropped, never reused.
 *
 * Start reading at task_start() and resume().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/task.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"

static struct task *task_new(struct script *s, lua_State *L)
{
    lua_State *thread = lua_newthread(L); /* may raise: nothing is held yet */
    int anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    struct task *t = mem_alloc(sizeof *t);

    *t = (struct task){ .script = s, .L = thread, .anchor = anchor };
    list_init(&t->link);
    list_append(&s->tasks, &t->link);
    s->task_count++;
    return t;
}

static void task_free(struct task *t)
{
    t->script->task_count--;
    t->script->background_count -= t->background;
    luaL_unref(t->script->L, LUA_REGISTRYINDEX, t->anchor);
    list_remove(&t->link);
    mem_free(t);
}

static void task_release(struct task *t)
{
    struct script *s = t->script;

    if (s->idle_count == TASKS_IDLE_MAX) {
        task_free(t);
        return;
    }
    lua_settop(t->L, 0);
    s->background_count -= t->background;
    t->background = false;
    t->next = s->idle;
    s->idle = t;
    s->idle_count++;
}

struct failure {
    struct task *task;
    const char *message; /* NULL: the error is at the top of the task's thread */
};

static int failure_entry(lua_State *L)
{
    struct failure *f = lua_touserdata(L, 1);
    lua_State *of = f->task->L;

    if (f->message) {
        lua_pushstring(L, f->message);
        lua_xmove(L, of, 1);
    }
    lua_pushvalue(of, -1); /* a copy: on_done wants the error too */
    lua_xmove(of, L, 1);
    report_error(f->task->script, L, of);
    return 0;
}

static void main_done(struct task *t, bool ok);

/* A table raised where somebody asks for the outcome is an answer (a refusal, a status), and a main
 * chunk that fails at once is reported by script_open(): both are no news. */
static bool is_answer(const struct task *t, const char *message)
{
    return t->on_done == main_done || (t->on_done && !message && lua_istable(t->L, -1));
}

static void task_failed(struct task *t, const char *message)
{
    struct failure f = { t, message };

    if (message || !is_answer(t, message)) {
        t->script->errors++;
        atr_handler_failed(t->script->app);
        (void)script_enter_once(t->script, failure_entry, &f);
    }
    if (t->on_done)
        t->on_done(t, false);
    task_free(t);
}

static void task_done(struct task *t)
{
    if (t->on_done)
        t->on_done(t, true);
    task_release(t);
}

static void resume(struct task *t, int nargs)
{
    struct script *s = t->script;
    struct task *outer = s->running;
    struct source source = s->source;
    bool background = background_set(s, t->background);

    s->source = t->source;
    t->waiting = false;
    s->running = t;
    s->deep++;
    int status = lua_resume(t->L, nargs);
    s->deep--;
    s->running = outer;
    s->source = source;
    s->background = background;
    if (status == 0) {
        task_done(t);
    } else if (status != LUA_YIELD) {
        task_failed(t, NULL);
    } else if (!t->waiting) {
        task_failed(t, "coroutine.yield() outside a coroutine of the script's own: "
                       "nothing would resume the handler");
    }
}

void task_start_with(struct script *s, lua_State *L, int nargs,
                     void (*on_done)(struct task *t, bool ok), uint64_t id, int ref)
{
    struct task *t = s->idle;

    if (t) {
        s->idle = t->next;
        s->idle_count--;
    } else {
        t = task_new(s, L);
    }
    t->source = s->source;
    t->background = s->background;
    s->background_count += t->background;
    t->on_done = on_done;
    t->id = id;
    t->ref = ref;
    if (nargs + 1 > LUA_MINSTACK && !lua_checkstack(t->L, nargs + 1)) {
        task_release(t);
        script_error(L, "too many arguments");
    }
    lua_xmove(L, t->L, nargs + 1);
    resume(t, nargs);
}

void task_start(struct script *s, lua_State *L, int nargs)
{
    task_start_with(s, L, nargs, NULL, 0, LUA_NOREF);
}

static void main_done(struct task *t, bool ok)
{
    struct main_result *r = (struct main_result *)(uintptr_t)t->id;
    const char *message = ok ? NULL : lua_tostring(t->L, -1);

    r->ended = true;
    r->failed = !ok;
    if (!ok)
        (void)err_why(r->why, ATR_ESCRIPT, "%s", message ? message : "the script failed");
}

void task_run_main(struct script *s, lua_State *L, struct main_result *r)
{
    bool before = background_set(s, true);

    task_start_with(s, L, 0, main_done, (uint64_t)(uintptr_t)r, LUA_NOREF);
    s->background = before;
}

void task_detach_main(struct script *s)
{
    struct list *at, *next;

    list_each(at, next, &s->tasks)
    {
        struct task *t = container_of(at, struct task, link);
        if (t->on_done == main_done)
            t->on_done = NULL;
    }
}

/* --- Waiting --- */

static struct pending *pending_new(struct script *s)
{
    struct pending *p = mem_alloc(sizeof *p);

    *p = (struct pending){ .script = s, .fn = LUA_NOREF };
    list_init(&p->link);
    list_append(&s->pending, &p->link);
    return p;
}

struct pending *pending_wait(struct script *s, lua_State *L)
{
    if (s->ending)
        script_error(L, "the script is closing: nothing can be waited for");
    if (!s->running || s->running->L != L)
        script_error(L, "cannot wait inside a coroutine of the script's own (use atrium.spawn)");
    if (!lua_isyieldable(L))
        script_error(L, "cannot wait inside a function that C calls (of sort, gsub, ...)");
    struct pending *p = pending_new(s);
    p->task = s->running;
    return p;
}

struct pending *pending_call(struct script *s, lua_State *L, int idx)
{
    check_open(s, L);
    lua_pushvalue(L, idx);
    int fn = luaL_ref(L, LUA_REGISTRYINDEX); /* may raise */
    struct pending *p = pending_new(s);

    p->fn = fn;
    return p;
}

void pending_free(struct pending *p)
{
    if (p->script)
        luaL_unref(p->script->L, LUA_REGISTRYINDEX, p->fn);
    list_remove(&p->link);
    mem_free(p);
}

int task_wait(lua_State *L, struct pending *p)
{
    ASSERT(p->task && p->task->L == L);
    p->task->waiting = true;
    return lua_yield(L, 0);
}

void pending_finish(lua_State *L, struct pending *p, int nresults)
{
    struct task *t = p->task;

    if (!t) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, p->fn);
        lua_insert(L, -nresults - 1);
        struct script *s = p->script;
        pending_free(p);
        task_start(s, L, nresults);
        return;
    }
    pending_free(p);
    if (nresults > LUA_MINSTACK && !lua_checkstack(t->L, nresults)) {
        lua_pop(L, nresults); /* the wait then gives nothing, which its caller reports */
        nresults = 0;
    }
    lua_xmove(L, t->L, nresults);
    resume(t, nresults);
}

static int sleep_entry(lua_State *L)
{
    pending_finish(L, lua_touserdata(L, 1), 0);
    return 0;
}

static void sleep_over(void *user)
{
    struct pending *p = user;

    p->timer = 0;
    (void)script_enter_once(p->script, sleep_entry, p); /* a failure was logged */
}

static int l_sleep(lua_State *L)
{
    struct script *s = script_of(L);
    uint32_t ms = check_ms(L, 1);
    struct pending *p = pending_wait(s, L);

    p->timer = atr_timer_start(s->app, ms, 0, sleep_over, p);
    return task_wait(L, p);
}

static int l_spawn(lua_State *L)
{
    struct script *s = script_of(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    check_open(s, L);
    if (s->deep >= SCRIPT_TASKS_DEEP)
        script_error(L, "tasks start tasks inside each other without end");
    task_start(s, L, lua_gettop(L) - 1);
    return 0;
}

void tasks_close(struct script *s)
{
    while (!list_empty(&s->pending)) {
        struct pending *p = container_of(s->pending.next, struct pending, link);

        list_remove(&p->link);
        p->script = NULL; /* its callback, still to come, frees it */
        if (p->timer) {
            atr_timer_stop(s->app, p->timer);
            mem_free(p);
        }
    }
    while (!list_empty(&s->tasks)) {
        struct task *t = container_of(s->tasks.next, struct task, link);

        list_remove(&t->link);
        mem_free(t);
    }
    s->idle = NULL;
}

void task_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "sleep", l_sleep);
    core_add(L, s, core, "spawn", l_spawn);
}
