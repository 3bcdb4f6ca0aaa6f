/* script/decode.c - JSON text to Lua values, in one pass over the tokens.
 *
 * The stack of open containers is Lua's own: a container under construction is at the top, above it
 * at most the key that waits for its value. Arrays count their elements in `next`, one per level.
 *
 * Start reading at decode_args() and value().
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/value.h"

#include <lauxlib.h>

#include "base/assert.h"
#include "script/bytes.h"

enum { SLOTS_PER_LEVEL = 3, HINT_MAX = 8 };

struct walk {
    struct json_reader reader;
    const struct value_types *types;
    const atr_data *data; /* NULL: no attachments */
    lua_State *L;
};

void decoder_free(struct decoder *d)
{
    buf_free(&d->scratch);
}

/* Replaces the object at the top by its attachment when it is a placeholder. */
static void resolve(struct walk *w)
{
    lua_State *L = w->L;
    double num;

    lua_pushliteral(L, "_placeholder");
    lua_rawget(L, -2);
    bool marked = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (!marked)
        return;
    lua_pushliteral(L, "num");
    lua_rawget(L, -2);
    num = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (!(num >= 0 && num < (double)w->data->attachment_count))
        return;
    atr_str bytes = w->data->attachments[(size_t)num];
    lua_pop(L, 1);
    bytes_push(L, w->types, (str){ bytes.p, bytes.n });
}

/* Puts the value at the top into the container below it. */
static void store(lua_State *L, bool keyed, int *next)
{
    if (keyed)
        lua_rawset(L, -3);
    else
        lua_rawseti(L, -2, (*next)++);
}

/* Pushes the value that starts with token t; containers are walked without recursion. */
static int value(struct walk *w, enum json_token t)
{
    lua_State *L = w->L;
    struct json_reader *r = &w->reader;
    int next[JSON_DEPTH + 1];
    bool object[JSON_DEPTH + 1];
    unsigned depth = 0; /* of containers opened here */

    for (;; t = json_reader_next(r)) {
        switch (t) {
        case JSON_T_KEY:
            lua_pushlstring(L, r->string.p, r->string.n);
            continue;
        case JSON_T_ARRAY:
        case JSON_T_OBJECT:
            if (depth == JSON_DEPTH || !lua_checkstack(L, SLOTS_PER_LEVEL + LUA_MINSTACK))
                return -1;
            depth++;
            next[depth] = 1;
            object[depth] = t == JSON_T_OBJECT;
            lua_newtable(L);
            if (t == JSON_T_ARRAY) {
                lua_rawgeti(L, LUA_REGISTRYINDEX, w->types->array_ref);
                lua_setmetatable(L, -2);
            }
            continue;
        case JSON_T_NULL:
            lua_pushlightuserdata(L, NULL);
            break;
        case JSON_T_FALSE:
        case JSON_T_TRUE:
            lua_pushboolean(L, t == JSON_T_TRUE);
            break;
        case JSON_T_NUMBER:
            lua_pushnumber(L, r->number);
            break;
        case JSON_T_STRING:
            lua_pushlstring(L, r->string.p, r->string.n);
            break;
        case JSON_T_OBJECT_END:
            if (w->data && w->data->attachment_count)
                resolve(w);
            depth--;
            break;
        case JSON_T_ARRAY_END:
            depth--;
            break;
        default:
            return -1;
        }
        if (depth == 0)
            return 0;
        store(L, object[depth], &next[depth]);
    }
}

int decode_value(struct decoder *d, lua_State *L, str text, const atr_data *data)
{
    struct walk w = { .types = d->types, .L = L, .data = data };
    int top = lua_gettop(L);

    json_reader_init(&w.reader, text, &d->scratch);
    if (!lua_checkstack(L, LUA_MINSTACK) || value(&w, json_reader_next(&w.reader)) < 0) {
        lua_settop(L, top);
        return -1;
    }
    return 0;
}

int decode_args(struct decoder *d, lua_State *L, const atr_data *data, int skip)
{
    struct walk w = { .types = d->types, .L = L, .data = data };
    int top = lua_gettop(L), count = 0;
    enum json_token t;

    json_reader_init(&w.reader, (str){ data->json.p, data->json.n }, &d->scratch);
    if (json_reader_next(&w.reader) != JSON_T_ARRAY)
        return -1;
    while ((t = json_reader_next(&w.reader)) != JSON_T_ARRAY_END) {
        if (skip > 0) { /* an event's name: a string or a number */
            skip--;
            continue;
        }
        if (count++ == VALUE_ARGS_MAX || !lua_checkstack(L, LUA_MINSTACK) || value(&w, t) < 0) {
            lua_settop(L, top);
            return -1;
        }
    }
    return count;
}
