/* script/state.h - a script: its Lua state, and how C comes into Lua and back.
 *
 * Ways in. Every callback of the public API enters through script_enter(), which runs a C function
 * on the main thread of the state under a protected call: whatever it raises is logged, never
 * lost in C. From there handlers run in tasks (script/task.h).
 *
 * Rules
 *   1. A call that may raise uses the lua_State that the innermost protected call belongs to: the
 *      main one inside an entry, the task's inside a function that a script called. Values for a
 *      task that does not run are pushed on the main one and moved.
 *   2. Nothing of the API raises, so no C frame of it is ever jumped over.
 *   3. Scripts hold slots and refs, no pointers.
 *   4. What the API may call after script_close() holds a struct door or a struct pending, never a
 *      struct script.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_STATE_H
#define SCRIPT_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

#include "atrium/atrium.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/list.h"
#include "script/script.h"
#include "script/value.h"

enum {
    SCRIPT_DEPTH_MAX =
        100, /* entries inside entries: a handler that disconnects whose handler ... */
    SCRIPT_TASKS_DEEP = 200, /* tasks that start tasks that ...: the C stack is not endless */
    SCRIPT_ENCODERS = 8,     /* events that are encoded while others are being sent */
    SCRIPT_NAMES_MAX = 4096  /* event names with a number of their own */
};

struct task;
struct nsp;
struct source_kind;

/* What registrations that cannot be taken back point to. Lives for ever; script is NULL once the
 * script was closed. */
struct door {
    struct script *script;
    struct arena memory; /* of the registrations */
    struct door *next;   /* every door, so that they stay reachable */
};

/* A socket of Socket.IO that the script knows. */
enum {
    SLOT_ANY = 1, /* has catch-all listeners */
    SLOT_USE = 2, /* has socket middleware */
    SLOT_OUT = 4  /* has catch-all listeners for outgoing events */
};
struct slot {
    atr_ref ref;  /* 0: a free slot */
    uint32_t nsp; /* of a used one: its namespace; of a free one: the next free slot */
    uint32_t flags;
};

/* Functions of embedded Lua that C calls; refs into the registry. */
struct callbacks {
    int any_event;    /* (socket, ack or nil, name, ...): catch-all listeners and middleware */
    int any_outgoing; /* (socket, name, ...) */
};

/* The client whose event or message is being handled (pace.h); kind NULL: nobody's. */
struct source {
    const struct source_kind *kind;
    atr_ref ref;
};

struct script {
    atr_app *app;
    atr_io *io; /* NULL until asked for */
    lua_State *L;
    struct door *door;
    char *path, *dir;
    bool opened, ending, closing; /* ending: "close" is told; nobody would wake who waits */

    /* The allocator of the state, which ours counts for. */
    lua_Alloc alloc;
    void *alloc_user;
    size_t memory, memory_max;

    /* Ways in. */
    unsigned depth;
    int enter_event, enter_connection, enter_call; /* prepared entries */

    /* Tasks. */
    struct task *running;            /* NULL: no script code is on the stack */
    unsigned deep;                   /* tasks on the stack */
    struct task *idle;               /* for reuse */
    unsigned idle_count, task_count; /* all: the idle ones too */
    struct list tasks;               /* all */
    struct source source;            /* of tasks that are started now */
    bool background;                 /* so are these: of the program's own, not begun by a client */
    unsigned background_count;       /* tasks of that kind */
    struct list pending;             /* of struct pending */

    /* Values. */
    struct value_types types;
    struct decoder decoder;
    struct encoder encoders[SCRIPT_ENCODERS];
    struct encoder describer; /* of what administrators see */
    bool told_unsaved;        /* that data of sockets is no JSON, and dies with the server */
    unsigned encoding;        /* encoders whose text is in use */

    /* Sockets and namespaces. */
    struct slot *slots; /* slot 0 is never used */
    uint32_t slot_cap, slot_free;
    int sockets_ref;         /* slot to socket */
    const void *socket_type; /* metatable */
    int socket_type_ref, nsp_type_ref, engine_socket_type_ref, websocket_type_ref;
    unsigned socket_width;                  /* array part that sockets have needed */
    struct nsp **nsps;                      /* 0 is never used */
    uint32_t nsp_count, nsp_free;           /* places; where to look for a free one */
    int nsps_ref;                           /* index to namespace object */
    int nsp_names_ref;                      /* name to index */
    int server_ref, engine_ref, module_ref; /* the objects io, io.engine, and for events of all */
    int deferred_ref;                       /* disconnects whose handlers run later */
    atr_ref deferred_timer;                 /* 0: none waits */
    int allow_ref;                          /* allowRequest */
    int replacer_ref, reviver_ref;          /* LUA_NOREF: none */
    int save_ref, restore_ref;              /* of onHandover; the same */
    bool reviving;                          /* the reviver is on the stack */
    int names_ref;                          /* event name to number */
    unsigned name_count;
    bool drains; /* somebody listens to "drain" of a socket */

    struct id_table timers; /* of struct script_timer */
    struct list databases;  /* of struct database */
    struct list engines;    /* of struct engine */
    struct callbacks callbacks;

    /* Garbage. */
    atr_ref gc_timer; /* 0: not running */
    unsigned gc_debt; /* connections that came and went since the last full cycle */

    /* Errors. */
    uint64_t errors;
    uint64_t errors_since_ms;
    unsigned errors_logged, errors_hidden;
};

/* In a function that core_add() made: its script. */
static inline struct script *script_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}
/* Puts a C function, whose first upvalue is the script, into the table at core. */
void core_add(lua_State *L, struct script *s, int core, const char *name, lua_CFunction fn);

static inline atr_str atr_str_of(str s)
{
    return (atr_str){ s.p, s.n };
}

/* Makes fn an entry: what script_enter() takes. */
int script_prepare(lua_State *L, lua_CFunction fn);
/* Calls the entry with arg as its light userdata argument. 0, or -1 when it raised (it was logged).
 */
int script_enter(struct script *s, int entry, void *arg);
/* The same for a function that is entered rarely. */
int script_enter_once(struct script *s, lua_CFunction fn, void *arg);

/* An encoder, emptied. Hold it through encoder_hold() while its text is in use by a call that may
 * come back into the script. */
struct encoder *encoder_take(struct script *s, lua_State *L);
static inline void encoder_hold(struct script *s)
{
    s->encoding++;
}
static inline void encoder_release(struct script *s)
{
    s->encoding--;
}

atr_io *script_io(struct script *s);
/* Calls the handlers of atrium.on(event). text may be NULL. */
void server_tell(struct script *s, const char *event, const char *text);

/* As luaL_error(), but the place is that of the script's own code: frames of the embedded sources
 * are passed over. */
int script_error(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Raises when the script is being closed: finalizers of its state must not begin anything. */
void check_open(struct script *s, lua_State *L);
/* An argument that is a text: string or number. */
str check_str(lua_State *L, int idx);
static inline atr_str check_atr_str(lua_State *L, int idx)
{
    return atr_str_of(check_str(L, idx));
}
/* Milliseconds: a number from 0 to 2^31. */
uint32_t check_ms(lua_State *L, int idx);
/* A 64-bit ref or id as Lua keeps it: a string of eight bytes. */
void push_ref(lua_State *L, uint64_t ref);
uint64_t check_ref(lua_State *L, int idx);
/* A callback of API walks over pairs: sets them in the table at the top of arg, a lua_State; values
 * of one name are joined by ", ". */
void set_pair(void *arg, atr_str name, atr_str value);
/* Pushes JSON text as a value; nil when it is empty or broken. */
void push_json(struct script *s, lua_State *L, atr_str text);

/* Each part of the library adds its C functions to the table at index core. */
void value_open(lua_State *L, struct script *s, int core);
void task_open(lua_State *L, struct script *s, int core);
void listeners_open(lua_State *L, struct script *s, int core);
void socket_open(lua_State *L, struct script *s, int core);
void handshake_open(lua_State *L, struct script *s, int core);
void event_open(lua_State *L, struct script *s, int core);
void rewrite_open(lua_State *L, struct script *s, int core);
void handover_open(lua_State *L, struct script *s, int core);
void room_open(lua_State *L, struct script *s, int core);
void namespace_open(lua_State *L, struct script *s, int core);
void broadcast_open(lua_State *L, struct script *s, int core);
void cluster_open(lua_State *L, struct script *s, int core);
void server_open(lua_State *L, struct script *s, int core);
void describe_open(lua_State *L, struct script *s, int core);
void engine_open(lua_State *L, struct script *s, int core);
void engine_hooks_open(lua_State *L, struct script *s, int core);
void websocket_open(lua_State *L, struct script *s, int core);
void websocket_calls(lua_State *L, struct script *s, int core);
void http_open(lua_State *L, struct script *s, int core);
void timer_open(lua_State *L, struct script *s, int core);
void database_open(lua_State *L, struct script *s, int core);
void store_open(lua_State *L, struct script *s, int core);
void log_open(lua_State *L, struct script *s, int core);

/* And gives back what it registered or holds. */
void events_close(struct script *s);
void handover_close(struct script *s);
void namespaces_close(struct script *s);
void server_close(struct script *s);
void describe_close(struct script *s);
void engines_close(struct script *s);
void databases_close(struct script *s);
void timers_close(struct script *s);

/* Garbage of connections is collected soon, a bounded step at a time. */
void gc_owe(struct script *s);
void gc_open(struct script *s);
/* metrics.c: adds what the script uses to the application's metrics. */
void metrics_open(struct script *s);
void gc_close(struct script *s);

#endif
