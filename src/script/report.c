/* script/report.c - errors of handlers, and the log of scripts.
 *
 * A handler that always fails is called as often as a peer likes: beyond ERRORS_PER_SECOND errors
 * are counted, and said so once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "script/task.h"

enum { ERRORS_PER_SECOND = 20, LEVEL_WARN = 2, LEVEL_ERROR = 3, FIELDS_MAX = 64 };

/* Leaves a text for the value at the top in its place. */
static void to_text(lua_State *L)
{
    if (luaL_callmeta(L, -1, "__tostring")) {
        lua_replace(L, -2);
        return;
    }
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "message");
        if (lua_isstring(L, -1)) {
            lua_replace(L, -2);
            return;
        }
        lua_pop(L, 1);
    }
    if (!lua_isstring(L, -1)) {
        lua_pushfstring(L, "(the error is a %s)", luaL_typename(L, -1));
        lua_replace(L, -2);
    }
}

static bool may_log(struct script *s)
{
    uint64_t now = atr_app_now(s->app);
    char text[64];

    if (now - s->errors_since_ms >= 1000) {
        if (s->errors_hidden) {
            snprintf(text, sizeof text, "%u more errors were not shown", s->errors_hidden);
            atr_log(s->app, LEVEL_WARN, "handler-error", text);
        }
        s->errors_since_ms = now;
        s->errors_logged = s->errors_hidden = 0;
    }
    if (s->errors_logged++ < ERRORS_PER_SECOND)
        return true;
    s->errors_hidden++;
    return false;
}

/* A line of the log per line of the traceback, so that it can be read. */
static void log_lines(struct script *s, const char *text)
{
    char line[512];

    while (*text) {
        size_t n = strcspn(text, "\n");

        if (*text == '\t')
            snprintf(line, sizeof line, "  %.*s", (int)n - 1, text + 1);
        else
            snprintf(line, sizeof line, "%.*s", (int)n, text);
        atr_log(s->app, LEVEL_ERROR, "handler-error", line);
        text += n;
        text += *text == '\n';
    }
}

/* "file:line" at the start of message, when that is in the function that failed and LuaJIT does not
 * know the line any more: a runtime error (not error()) leaves no position in the innermost frame,
 * only in its message. Returns the length of the file's name; 0: no such place. */
static size_t lost_place(lua_State *of, const char *message)
{
    lua_Debug frame;
    size_t n;

    if (!lua_getstack(of, 0, &frame) || !lua_getinfo(of, "Sl", &frame))
        return 0;
    n = strlen(frame.short_src);
    if (*frame.what == 'C' || frame.currentline > 0 || strncmp(message, frame.short_src, n) != 0 ||
        message[n] != ':' || message[n + 1] < '0' || message[n + 1] > '9')
        return 0;
    return n;
}

/* The traceback of `of` under the message at the top, which it replaces. */
static void push_traceback(lua_State *L, lua_State *of)
{
    static const char head[] = "\nstack traceback:\n\t";
    const char *message = lua_tostring(L, -1), *trace, *first;
    size_t file = lost_place(of, message);

    luaL_traceback(L, of, message, 0);
    lua_remove(L, -2);
    trace = lua_tostring(L, -1);
    if (!file || !(first = strstr(trace + strlen(message), head)))
        return;
    first += sizeof head - 1 + file; /* behind the file's name, which has no line */
    size_t digits = strspn(message + file + 1, "0123456789");
    if (*first != ':' || (first[1] >= '0' && first[1] <= '9'))
        return;
    lua_pushlstring(L, trace, (size_t)(first - trace));
    lua_pushlstring(L, message + file, digits + 1);
    lua_pushstring(L, first);
    lua_concat(L, 3);
    lua_remove(L, -2);
}

void report_error(struct script *s, lua_State *L, lua_State *of)
{
    if (!may_log(s))
        return;
    to_text(L);
    push_traceback(L, of);
    log_lines(s, lua_tostring(L, -1));
}

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };

/* log(level, event, { key, value, key, value, ... }): texts all */
static int l_log(lua_State *L)
{
    int level = luaL_checkoption(L, 1, NULL, levels);
    const char *event = luaL_checkstring(L, 2);
    atr_str fields[FIELDS_MAX][2];
    size_t count;

    luaL_checktype(L, 3, LUA_TTABLE);
    count = lua_objlen(L, 3) / 2;
    if (count > FIELDS_MAX)
        count = FIELDS_MAX;
    for (size_t i = 0; i < count * 2; i++) {
        lua_rawgeti(L, 3, (int)i + 1); /* stays alive in the list */
        fields[i / 2][i % 2] = check_atr_str(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    atr_log_fields(script_of(L)->app, level, event, (const atr_str(*)[2])fields, count);
    return 0;
}

/* raise(message): with the place of the script's code, however it was called. */
static int l_raise(lua_State *L)
{
    return script_error(L, "%s", luaL_checkstring(L, 1));
}

void log_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "raise", l_raise);
    core_add(L, s, core, "log", l_log);
}
