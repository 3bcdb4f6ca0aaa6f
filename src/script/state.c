/* script/state.c - the life of a script: its Lua state, libraries and main chunk; entries from C.
 *
 * Start reading at script_open() and script_enter().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/state.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "script/admin.h"
#include "script/embedded.h"
#include "script/task.h"

static struct door *doors; /* every script that ever was: see struct door */

/* Counts, and refuses script code (not us) more than memory_max: it gets a Lua error. */
static void *count_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    struct script *s = user;
    size_t more = new_size > old_size ? new_size - old_size : 0;
    void *new;

    if (more && (s->running || s->reviving) && s->memory + more > s->memory_max)
        return NULL;
    new = s->alloc(s->alloc_user, p, old_size, new_size);
    if (new || new_size == 0)
        s->memory += new_size - old_size;
    return new;
}

static int on_panic(lua_State *L)
{
    const char *message = lua_tostring(L, -1);

    fprintf(stderr, "lua: %s\n", message ? message : "error outside a protected call");
    abort(); /* as any memory that cannot be had; the supervisor starts another worker */
}

/* --- Entries --- */

void core_add(lua_State *L, struct script *s, int core, const char *name, lua_CFunction fn)
{
    lua_pushlightuserdata(L, s);
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, core, name);
}

int script_prepare(lua_State *L, lua_CFunction fn)
{
    lua_pushcfunction(L, fn);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

int script_enter(struct script *s, int entry, void *arg)
{
    lua_State *L = s->L;

    lua_rawgeti(L, LUA_REGISTRYINDEX, entry);
    lua_pushlightuserdata(L, arg);
    s->depth++;
    int err = lua_pcall(L, 1, 0, 0);
    s->depth--;
    if (!err)
        return 0;
    s->errors++;
    atr_handler_failed(s->app);
    atr_log(s->app, 3, "script-error", lua_tostring(L, -1));
    lua_pop(L, 1);
    return -1;
}

struct call {
    lua_CFunction fn;
    void *arg;
};

static int call_entry(lua_State *L)
{
    struct call *call = lua_touserdata(L, 1);

    lua_settop(L, 0);
    lua_pushlightuserdata(L, call->arg);
    return call->fn(L);
}

int script_enter_once(struct script *s, lua_CFunction fn, void *arg)
{
    struct call call = { fn, arg };

    return script_enter(s, s->enter_call, &call);
}

struct encoder *encoder_take(struct script *s, lua_State *L)
{
    if (s->encoding == SCRIPT_ENCODERS)
        script_error(L, "events are sent from inside too many other sends");
    struct encoder *e = &s->encoders[s->encoding];
    encoder_reset(e);
    return e;
}

atr_io *script_io(struct script *s)
{
    if (!s->io) {
        s->io = atr_app_io(s->app);
        describe_watch(s);
    }
    return s->io;
}

/* --- Opening --- */

/* Puts the text at the top, which it pops, before package[field]. */
static void extend_path(lua_State *L, const char *field)
{
    lua_getglobal(L, "package");
    lua_insert(L, -2);
    lua_getfield(L, -2, field);
    lua_concat(L, 2);
    lua_setfield(L, -2, field);
    lua_pop(L, 1);
}

/* Modules beside the script come first. Those of Debian's packages for Lua 5.1 are in LuaJIT's own
 * paths. */
static void set_paths(lua_State *L, const char *dir)
{
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;", dir, dir);
    extend_path(L, "path");
    lua_pushfstring(L, "%s/?.so;", dir);
    extend_path(L, "cpath");
}

static void (*const parts[])(lua_State *L, struct script *s, int core) = {
    value_open,    task_open,      listeners_open, socket_open,       handshake_open, event_open,
    rewrite_open,  namespace_open, room_open,      broadcast_open,    cluster_open,   server_open,
    describe_open, engine_open,    http_open,      engine_hooks_open, websocket_open, timer_open,
    database_open, store_open,     log_open,       handover_open,
};

/* Runs the embedded sources; each gets the core table and adds to it what the next ones use. The
 * last one returns the module. */
static void open_sources(lua_State *L, int core)
{
    for (size_t i = 0; i < embedded_count; i++) {
        const struct embedded *e = &embedded_files[i];

        if (luaL_loadbuffer(L, (const char *)e->text, e->bytes, e->name) != 0)
            lua_error(L);
        lua_pushvalue(L, core);
        lua_call(L, 1, 1);
        if (i + 1 < embedded_count)
            lua_pop(L, 1);
    }
}

static int open_entry(lua_State *L)
{
    struct script *s = lua_touserdata(L, 1);
    int core;

    luaL_openlibs(L);
    s->enter_call = script_prepare(L, call_entry);
    lua_newtable(L);
    core = lua_gettop(L);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        parts[i](L, s, core);
    lua_pushstring(L, s->dir);
    lua_setfield(L, core, "dir");
    lua_pushstring(L, atr_version());
    lua_setfield(L, core, "version");
    open_sources(L, core);
    luaL_findtable(L, LUA_REGISTRYINDEX, "_LOADED", 1);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "atrium");
    set_paths(L, s->dir);
    return 0;
}

/* --- The main chunk --- */

enum { START_MS = 5000 };

struct main_run {
    struct script *script;
    struct main_result result;
    int err;
};

static int main_entry(lua_State *L)
{
    struct main_run *m = lua_touserdata(L, 1);

    if (luaL_loadfile(L, m->script->path) != 0) {
        m->err = err_why(m->result.why, ATR_ESCRIPT, "%s", lua_tostring(L, -1));
        return 0;
    }
    task_run_main(m->script, L, &m->result);
    return 0;
}

static void on_start_late(void *user)
{
    *(bool *)user = true;
}

/* A main chunk may wait (for a database, say) and is to have registered its handlers before the
 * first client comes: the loop turns here until it ends. One that never does, because it loops on a
 * timer, is left to itself after START_MS. */
static void wait_for_main(struct script *s, struct main_run *m)
{
    bool late = false;
    atr_ref timer = atr_timer_start(s->app, START_MS, 0, on_start_late, &late);

    while (!m->result.ended && !late)
        if (atr_app_turn(s->app, -1) < 0)
            break;
    if (!late)
        atr_timer_stop(s->app, timer);
    if (!m->result.ended)
        atr_log(s->app, 2, "script-waits", "the main chunk has not ended yet; going on");
    task_detach_main(s);
}

static int run_main(struct script *s, char *why)
{
    struct main_run m = { .script = s, .result = { .why = why } };

    if (access(s->path, R_OK) != 0)
        return err_why(why, ATR_ESCRIPT, "cannot read the script %s", s->path);
    if (script_enter_once(s, main_entry, &m) < 0)
        return err_why(why, ATR_ESCRIPT, "cannot load the script %s", s->path);
    if (m.err < 0)
        return m.err;
    if (!m.result.ended)
        wait_for_main(s, &m);
    return m.result.failed ? ATR_ESCRIPT : 0;
}

/* The folder of the script, absolute where the system can tell: applications join names to it. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder, *absolute;

    if (!slash)
        folder = str_dup(STR("."));
    else
        folder = str_dup(slash == path ? STR("/") : str_n(path, (size_t)(slash - path)));
    absolute = realpath(folder, NULL);
    if (!absolute)
        return folder;
    mem_free(folder);
    folder = str_dup(str_of(absolute));
    free(absolute);
    return folder;
}

static void set_memory_max(struct script *s)
{
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);

    s->memory_max = pages > 0 && bytes > 0 ? (size_t)pages / 2 * (size_t)bytes : SIZE_MAX / 2;
}

static struct door *door_new(struct script *s)
{
    struct door *d = mem_zalloc(sizeof *d);

    d->script = s;
    d->next = doors;
    doors = d;
    return d;
}

static int open_state(struct script *s, char *why)
{
    s->L = luaL_newstate();
    if (!s->L)
        return err_why(why, ATR_ESCRIPT, "cannot create a Lua state");
    s->alloc = lua_getallocf(s->L, &s->alloc_user);
    lua_setallocf(s->L, count_alloc, s);
    lua_atpanic(s->L, on_panic);
    if (lua_cpcall(s->L, open_entry, s) != 0)
        return err_why(why, ATR_ESCRIPT, "%s", lua_tostring(s->L, -1));
    gc_open(s);
    metrics_open(s);
    return 0;
}

int script_open(atr_app *app, const char *path, struct script **out, char *why)
{
    struct script *s = mem_zalloc(sizeof *s);
    int err;

    s->app = app;
    s->path = str_dup(str_of(path));
    s->dir = folder_of(path);
    s->door = door_new(s);
    list_init(&s->tasks);
    list_init(&s->pending);
    list_init(&s->databases);
    list_init(&s->engines);
    set_memory_max(s);
    for (int i = 0; i < SCRIPT_ENCODERS; i++)
        s->encoders[i].types = &s->types;
    s->decoder.types = &s->types;
    setvbuf(stdout, NULL, _IOLBF, 0); /* print() of a script shows up at once, also in a pipe */
    if ((err = open_state(s, why)) < 0 || (err = run_main(s, why)) < 0) {
        script_close(s);
        return err;
    }
    s->opened = true;
    *out = s;
    return 0;
}

void script_listening(struct script *s, const char *url)
{
    server_tell(s, "listening", url);
}

void script_close(struct script *s)
{
    if (!s)
        return;
    s->ending = true;
    if (s->opened)
        server_tell(s, "close", NULL);
    s->closing = true;
    s->door->script = NULL;
    gc_close(s);
    server_close(s);
    events_close(s);
    namespaces_close(s);
    describe_close(s);
    handover_close(s);
    engines_close(s);
    databases_close(s);
    timers_close(s);
    tasks_close(s);
    if (s->L) {
        lua_setallocf(s->L, s->alloc, s->alloc_user); /* the state frees its heap as a whole */
        lua_close(s->L);
    }
    for (int i = 0; i < SCRIPT_ENCODERS; i++)
        encoder_free(&s->encoders[i]);
    decoder_free(&s->decoder);
    mem_free(s->slots);
    mem_free(s->nsps);
    mem_free(s->path);
    mem_free(s->dir);
    mem_free(s);
}

size_t script_memory(const struct script *s)
{
    return (size_t)lua_gc(s->L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(s->L, LUA_GCCOUNTB, 0);
}

uint64_t script_errors(const struct script *s)
{
    return s->errors;
}
