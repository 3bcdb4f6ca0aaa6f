/* script/database.c - SQLite databases of scripts; a query waits, and blocks nobody.
 *
 * A handle is a userdata with the slot of a struct database; the database is closed by close(), by
 * the end of the script, or never otherwise: queries may be under way.
 *
 * Start reading at l_query() and rows_entry().
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>

#include "base/err.h"
#include "base/mem.h"
#include "script/bytes.h"
#include "script/task.h"

enum { FEW = 16, PARAMS_MAX = 32766, COLUMNS_MAX = 2000 };

struct database {
    struct list link;   /* in script->databases */
    atr_sqlite *handle; /* NULL: closed */
};

/* The handle at index 1; it points to NULL once it was closed. */
static struct database **check_handle(lua_State *L)
{
    bool is = false;

    if (lua_type(L, 1) == LUA_TUSERDATA && lua_getmetatable(L, 1)) {
        is = lua_rawequal(L, -1, lua_upvalueindex(2));
        lua_pop(L, 1);
    }
    if (!is)
        script_error(L, "database expected (call it with a colon: db:query(...))");
    return lua_touserdata(L, 1);
}

static struct database *check_database(lua_State *L)
{
    struct database **handle = check_handle(L);

    /* Finalizers of a state that is closed may still have handles, which point nowhere then. */
    if (script_of(L)->closing || !*handle)
        script_error(L, "the database is closed");
    return *handle;
}

/* --- Parameters --- */

static void read_number(atr_cell *c, lua_Number n)
{
    if (n == floor(n) && n >= -0x1p53 && n <= 0x1p53) {
        c->type = ATR_CELL_INTEGER;
        c->integer = (int64_t)n;
    } else {
        c->type = ATR_CELL_REAL;
        c->real = n;
    }
}

static void read_param(struct script *s, lua_State *L, int idx, atr_cell *c)
{
    str bytes;

    *c = (atr_cell){ .type = ATR_CELL_NULL };
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        return;
    case LUA_TNUMBER:
        read_number(c, lua_tonumber(L, idx));
        return;
    case LUA_TBOOLEAN:
        c->type = ATR_CELL_INTEGER;
        c->integer = lua_toboolean(L, idx);
        return;
    case LUA_TSTRING:
        c->type = ATR_CELL_TEXT;
        c->bytes = check_atr_str(L, idx);
        return;
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, idx)) /* atrium.null */
            return;
        break;
    case LUA_TUSERDATA:
        bytes = bytes_at(L, idx, &s->types);
        if (!bytes.p)
            break;
        c->type = ATR_CELL_BLOB;
        c->bytes = atr_str_of(bytes);
        return;
    default:
        break;
    }
    script_error(L, "cannot bind %s as parameter %d", luaL_typename(L, idx), idx - 2);
}

/* --- Results --- */

struct result {
    struct pending *pending;
    int err;
    const char *message;
    const atr_rows *rows;
};

static void push_cell(struct script *s, lua_State *L, const atr_cell *c)
{
    switch (c->type) {
    case ATR_CELL_INTEGER:
        lua_pushnumber(L, (lua_Number)c->integer);
        return;
    case ATR_CELL_REAL:
        lua_pushnumber(L, c->real);
        return;
    case ATR_CELL_TEXT:
        lua_pushlstring(L, c->bytes.p, c->bytes.n);
        return;
    case ATR_CELL_BLOB:
        bytes_push(L, &s->types, (str){ c->bytes.p, c->bytes.n });
        return;
    case ATR_CELL_NULL:
        break;
    }
    lua_pushnil(L); /* an absent field: a row is asked for its columns by name */
}

/* { {column = value}, ..., changes =, lastInsertRowid = }, marked as an array: may be emitted. */
static void push_rows(struct script *s, lua_State *L, const atr_rows *rows)
{
    int width = (int)rows->column_count, names = lua_gettop(L) + 1;
    const atr_cell *c = rows->cells;

    luaL_checkstack(L, width + 8, "too many columns");
    for (int i = 0; i < width; i++)
        lua_pushstring(L, rows->columns[i]);
    lua_createtable(L, (int)rows->row_count, 2);
    for (size_t r = 0; r < rows->row_count; r++) {
        lua_createtable(L, 0, width);
        for (int i = 0; i < width; i++, c++) {
            lua_pushvalue(L, names + i);
            push_cell(s, L, c);
            lua_rawset(L, -3);
        }
        lua_rawseti(L, -2, (int)r + 1);
    }
    lua_pushnumber(L, (lua_Number)rows->changes);
    lua_setfield(L, -2, "changes");
    lua_pushnumber(L, (lua_Number)rows->last_insert_id);
    lua_setfield(L, -2, "lastInsertRowid");
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->types.array_ref);
    lua_setmetatable(L, -2);
}

/* Gives the task the rows, or nil and the message. */
static int rows_entry(lua_State *L)
{
    struct result *r = lua_touserdata(L, 1);
    struct pending *p = r->pending;

    if (r->err || r->rows->column_count > COLUMNS_MAX) {
        lua_pushnil(L);
        lua_pushstring(L, r->err ? r->message : "too many columns");
        pending_finish(L, p, 2);
        return 0;
    }
    push_rows(p->script, L, r->rows);
    pending_finish(L, p, 1);
    return 0;
}

static void on_rows(void *user, int err, const char *message, const atr_rows *rows)
{
    struct result r = { user, err, message, rows };

    if (!r.pending->script) {
        pending_free(r.pending);
        return;
    }
    (void)script_enter_once(r.pending->script, rows_entry, &r); /* a failure was logged */
}

/* --- What scripts call --- */

/* database(path) */
static int l_open(lua_State *L)
{
    struct script *s = script_of(L);
    str path = check_str(L, 1);
    struct database **handle;

    check_open(s, L);
    if (path.p[0] != '/' && path.p[0] != ':') { /* relative to the script's folder */
        lua_pushfstring(L, "%s/%s", s->dir, path.p);
        path.p = lua_tolstring(L, -1, &path.n);
    }
    handle = lua_newuserdata(L, sizeof(struct database *));
    *handle = NULL;
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, -2);
    struct database *d = mem_alloc(sizeof *d);
    *d = (struct database){ .handle = atr_sqlite_open(s->app, atr_str_of(path)) };
    list_init(&d->link);
    list_append(&s->databases, &d->link);
    *handle = d;
    return 1;
}

/* query(database, sql, ...): rows, or nil and a message. Waits. */
static int l_query(lua_State *L)
{
    struct script *s = script_of(L);
    struct database *d = check_database(L);
    atr_str sql = check_atr_str(L, 2);
    int count = lua_gettop(L) - 2;
    atr_cell few[FEW], *params = few;

    luaL_argcheck(L, count <= PARAMS_MAX, 3, "too many parameters");
    if (count > FEW)
        params = lua_newuserdata(L, (size_t)count * sizeof *params);
    for (int i = 0; i < count; i++)
        read_param(s, L, i + 3, &params[i]);
    struct pending *p = pending_wait(s, L);
    int err = atr_sqlite_query(d->handle, sql, params, (size_t)count, on_rows, p);
    if (err < 0) {
        pending_free(p);
        lua_pushnil(L);
        lua_pushstring(L, err == ATR_ELIMIT ? "too many queries are waiting" : err_text(err));
        return 2;
    }
    return task_wait(L, p);
}

static void database_close(struct database *d)
{
    list_remove(&d->link);
    atr_sqlite_close(d->handle);
    d->handle = NULL;
}

static int l_close(lua_State *L)
{
    struct database **handle = check_handle(L), *d = *handle;

    if (script_of(L)->closing || !d) /* closing twice is fine */
        return 0;
    *handle = NULL;
    database_close(d);
    mem_free(d);
    return 0;
}

void databases_close(struct script *s)
{
    while (!list_empty(&s->databases)) {
        struct database *d = container_of(s->databases.next, struct database, link);

        database_close(d);
        mem_free(d); /* handles left in Lua are not followed any more: see check_database() */
    }
}

static void add(lua_State *L, struct script *s, int core, const char *name, lua_CFunction fn)
{
    lua_pushlightuserdata(L, s);
    lua_getfield(L, core, "database_type");
    lua_pushcclosure(L, fn, 2);
    lua_setfield(L, core, name);
}

void database_open(lua_State *L, struct script *s, int core)
{
    lua_newtable(L);
    lua_setfield(L, core, "database_type");
    add(L, s, core, "database", l_open);
    add(L, s, core, "query", l_query);
    add(L, s, core, "database_close", l_close);
}
