/* script/encode.c - Lua values to JSON text, in one pass.
 *
 * What cannot be said in JSON is an error, never a guess: functions, NaN, tables that are neither
 * array nor object, and anything too deep (a cycle, most likely). The place of the fault costs
 * nothing until there is one: it is put together while the recursion unwinds.
 *
 * Start reading at encode_value().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/value.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "script/bytes.h"
#include "script/state.h"

#define INTEGER_EXACT 9007199254740992.0 /* 2^53 */

void encoder_reset(struct encoder *e)
{
    if (e->out.cap > VALUE_KEEP_BYTES)
        buf_free(&e->out);
    buf_clear(&e->out);
    e->attachment_count = 0;
}

void encoder_free(struct encoder *e)
{
    buf_free(&e->out);
    mem_free(e->attachments);
    e->attachments = NULL;
    e->attachment_count = e->attachment_cap = 0;
}

static int fail(struct encoder *e, const char *what)
{
    e->what = what;
    e->path[0] = '\0';
    return -1;
}

/* Puts a step before the path; when there is no room the far end is cut off. */
static int at_step(struct encoder *e, const char *step)
{
    char rest[VALUE_PATH_BYTES];
    int n;

    memcpy(rest, e->path, sizeof rest);
    n = snprintf(e->path, sizeof e->path, "%s%s", step, rest);
    if (n >= (int)sizeof e->path)
        memcpy(e->path + sizeof e->path - 4, "...", 4);
    return -1;
}

static int at_index(struct encoder *e, int i)
{
    char step[16];

    snprintf(step, sizeof step, "[%d]", i);
    return at_step(e, step);
}

static int at_key(struct encoder *e, const char *key)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    char step[48];

    if (*key && strspn(key, plain) == strlen(key) && (*key < '0' || *key > '9'))
        snprintf(step, sizeof step, ".%.40s", key);
    else
        snprintf(step, sizeof step, "[\"%.40s\"]", key);
    return at_step(e, step);
}

static int put_number(struct encoder *e, double n)
{
    if (n > -INTEGER_EXACT && n < INTEGER_EXACT && n == (double)(int64_t)n) {
        json_write_integer(&e->out, (int64_t)n);
        return 0;
    }
    if (!isfinite(n))
        return fail(e, isnan(n) ? "NaN" : "infinity");
    json_write_number(&e->out, n);
    return 0;
}

static int put_attachment(struct encoder *e, str bytes)
{
    if (e->plain)
        return fail(e, "bytes (only events and acknowledgements carry them)");
    if (e->attachment_count == e->attachment_cap) {
        e->attachment_cap = e->attachment_cap ? e->attachment_cap * 2 : 8;
        e->attachments = mem_realloc(e->attachments, e->attachment_cap * sizeof(atr_str));
    }
    buf_add(&e->out, STR("{\"_placeholder\":true,\"num\":"));
    buf_u64(&e->out, e->attachment_count);
    buf_byte(&e->out, '}');
    e->attachments[e->attachment_count++] = (atr_str){ bytes.p, bytes.n };
    return 0;
}

static int put(struct encoder *e, lua_State *L, int idx, unsigned depth);

static int put_array(struct encoder *e, lua_State *L, int idx, int count, unsigned depth)
{
    buf_byte(&e->out, '[');
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            buf_byte(&e->out, ',');
        lua_rawgeti(L, idx, i);
        int top = lua_gettop(L);
        int err =
            lua_isnil(L, top) ? fail(e, "a sparse array (nil inside)") : put(e, L, top, depth);
        if (err)
            return at_index(e, i);
        lua_settop(L, top - 1);
    }
    buf_byte(&e->out, ']');
    return 0;
}

static int put_object(struct encoder *e, lua_State *L, int idx, unsigned depth)
{
    bool first = true;

    buf_byte(&e->out, '{');
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        int top = lua_gettop(L);
        str key;

        if (lua_type(L, top - 1) != LUA_TSTRING)
            return fail(e, lua_type(L, top - 1) == LUA_TNUMBER
                               ? "a table whose keys are neither 1..n nor all strings"
                               : "a table with a key that is no string");
        key.p = lua_tolstring(L, top - 1, &key.n);
        if (!first)
            buf_byte(&e->out, ',');
        first = false;
        json_write_string(&e->out, key);
        buf_byte(&e->out, ':');
        if (put(e, L, top, depth))
            return at_key(e, key.p);
        lua_settop(L, top - 1);
    }
    buf_byte(&e->out, '}');
    return 0;
}

/* Whether the keys of the table, whose length is count, are exactly 1..count. */
static bool is_list(lua_State *L, int idx, int count)
{
    int seen = 0;

    /* Lists normally live in a table's array part, which is walked in order and first: then the
     * last element is the last key. Only key 0 may come before them. */
    lua_pushinteger(L, count);
    if (!lua_next(L, idx)) {
        lua_rawgeti(L, idx, 0);
        bool zero = !lua_isnil(L, -1);
        lua_pop(L, 1);
        return !zero;
    }
    lua_pop(L, 2);
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_Number key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;

        lua_pop(L, 1);
        if (!(key >= 1 && key <= count && key == (lua_Number)(int)key)) {
            lua_pop(L, 1);
            return false;
        }
        seen++;
    }
    return seen == count;
}

enum shape { PLAIN, ARRAY, FOREIGN };

/* What the metatable says. Objects of this library have a name there and are no data. */
static enum shape shape_of(struct encoder *e, lua_State *L, int idx)
{
    enum shape shape = PLAIN;
    const char *name;

    if (!lua_getmetatable(L, idx))
        return PLAIN;
    if (lua_topointer(L, -1) == e->types->array) {
        lua_pop(L, 1);
        return ARRAY;
    }
    lua_pushliteral(L, "__name");
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) {
        name = lua_tostring(L, -1);
        if (strncmp(name, "atrium.", 7) == 0) {
            fail(e, name); /* the metatable keeps the string alive */
            shape = FOREIGN;
        }
    }
    lua_pop(L, 2);
    return shape;
}

static int put_table(struct encoder *e, lua_State *L, int idx, unsigned depth)
{
    enum shape shape = shape_of(e, L, idx);
    int count;

    if (shape == FOREIGN)
        return -1;
    if (depth == JSON_DEPTH)
        return fail(e, "a cycle, or more than 256 levels,");
    if (e->out.len > VALUE_BYTES_MAX)
        return fail(e, "more than 256 MiB");
    luaL_checkstack(L, 8, "too deep to encode");
    count = (int)lua_objlen(L, idx);
    if (shape == ARRAY) /* its elements, as in JavaScript; fields beside them are not data */
        return put_array(e, L, idx, count, depth + 1);
    if (count == 0)
        return put_object(e, L, idx, depth + 1);
    if (!is_list(L, idx, count))
        return fail(e, "a table whose keys are neither 1..n nor all strings");
    return put_array(e, L, idx, count, depth + 1);
}

static int put_userdata(struct encoder *e, lua_State *L, int idx)
{
    str bytes = bytes_at(L, idx, e->types);

    return bytes.p ? put_attachment(e, bytes) : fail(e, "userdata");
}

static int put(struct encoder *e, lua_State *L, int idx, unsigned depth)
{
    str s;

    switch (lua_type(L, idx)) {
    case LUA_TSTRING:
        s.p = lua_tolstring(L, idx, &s.n);
        json_write_string(&e->out, s);
        return 0;
    case LUA_TNUMBER:
        return put_number(e, lua_tonumber(L, idx));
    case LUA_TTABLE:
        return put_table(e, L, idx, depth);
    case LUA_TBOOLEAN:
        buf_add(&e->out, lua_toboolean(L, idx) ? STR("true") : STR("false"));
        return 0;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, idx))
            return fail(e, "light userdata");
        buf_add(&e->out, STR("null"));
        return 0;
    case LUA_TUSERDATA:
        return put_userdata(e, L, idx);
    case LUA_TNIL:
        buf_add(&e->out, STR("null"));
        return 0;
    default:
        return fail(e, lua_typename(L, lua_type(L, idx)));
    }
}

int encode_value(struct encoder *e, lua_State *L, int idx)
{
    int top = lua_gettop(L), err = put(e, L, idx < 0 ? top + idx + 1 : idx, 0);

    lua_settop(L, top);
    return err;
}

/* The values from next to last, after what stands at `first`; closes the array. */
static int put_args(struct encoder *e, lua_State *L, int first, int next, int last)
{
    int top = lua_gettop(L);

    for (int i = next; i <= last; i++) {
        if (i > first)
            buf_byte(&e->out, ',');
        if (put(e, L, i, 0)) {
            lua_settop(L, top);
            return at_index(e, i - next + 1);
        }
    }
    buf_byte(&e->out, ']');
    return 0;
}

int encode_args(struct encoder *e, lua_State *L, int first, int last)
{
    buf_byte(&e->out, '[');
    return put_args(e, L, first, first, last);
}

int encode_event_args(struct encoder *e, lua_State *L, int first, int last)
{
    buf_byte(&e->out, '[');
    if (put(e, L, first, 0))
        return -1;
    return put_args(e, L, first, first + 1, last);
}

int encode_raise(struct encoder *e, lua_State *L)
{
    return script_error(L, e->path[0] ? "cannot encode %s at %s" : "cannot encode %s", e->what,
                        e->path);
}
