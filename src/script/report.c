/* script/report.c - errors of handlers, and the log of scripts.
 *
 * A handler that always fails is called as often as a peer likes: beyond ERRORS_PER_SECOND errors
 * are counted, and said so once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "script/task.h"

enum { ERRORS_PER_SECOND = 20, LEVEL_WARN = 2, LEVEL_ERROR = 3 };

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

void report_error(struct script *s, lua_State *L, lua_State *of)
{
    if (!may_log(s))
        return;
    to_text(L);
    luaL_traceback(L, of, lua_tostring(L, -1), 0);
    log_lines(s, lua_tostring(L, -1));
    lua_pop(L, 1);
}

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };

/* log(level, event, text) */
static int l_log(lua_State *L)
{
    int level = luaL_checkoption(L, 1, NULL, levels);

    atr_log(script_of(L)->app, level, luaL_checkstring(L, 2), luaL_checkstring(L, 3));
    return 0;
}

void log_open(lua_State *L, struct script *s, int core)
{
    core_add(L, s, core, "log", l_log);
}
