/* app/sources.c - flags and environment variables as settings.
 *
 * Both carry bare text. It is turned into JSON by the setting's kind: numbers and truth values as
 * they are, texts quoted, shapes quoted unless they are JSON already.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app/sources.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/settings.h"
#include "base/buf.h"
#include "proto/json.h"

/* The setting called so in camelCase or with dashes; SETTINGS_COUNT: none. */
static enum setting_name find(str flag)
{
    enum setting_name n;

    for (n = 0; n < SETTINGS_COUNT; n++) {
        const char *name = settings_name(n);
        size_t i = 0;
        for (; *name && i < flag.n; name++, i++) {
            if (flag.p[i] == '-' && isupper((unsigned char)*name))
                i++;
            if (i == flag.n || tolower((unsigned char)*name) != tolower((unsigned char)flag.p[i]))
                break;
        }
        if (!*name && i == flag.n)
            break;
    }
    return n;
}

/* Sets a setting from bare text. */
static int set_text(atr_app *app, enum setting_name n, str text, atr_source source, char *why)
{
    enum setting_kind kind = settings_kind(n);
    bool as_json = kind == SETTING_COUNT || kind == SETTING_BOOL ||
                   (kind == SETTING_SHAPE && json_check(text, JSON_DEPTH) == 0);
    struct buf json = { 0 };
    const char *name = settings_name(n);

    if (as_json && text.n)
        buf_add(&json, text);
    else
        json_write_string(&json, text);
    str out = buf_str(&json);
    int err =
        atr_app_set(app, (atr_str){ name, strlen(name) }, (atr_str){ out.p, out.n }, source, why);
    buf_free(&json);
    return err;
}

static int set_flag(atr_app *app, str name, const char *value, char *why)
{
    enum setting_name n = find(name);

    if (n == SETTINGS_COUNT) /* the table's own sentence, with the nearest name */
        return atr_app_set(app, (atr_str){ name.p, name.n }, ATR_STR("null"), ATR_FLAG, why);
    if (!value && settings_kind(n) == SETTING_BOOL)
        value = "true";
    if (!value)
        return err_why(why, ATR_ESYNTAX, "--%.*s needs a value", STR_ARG(name));
    return set_text(app, n, str_of(value), ATR_FLAG, why);
}

static bool is_bool(str name)
{
    enum setting_name n = find(name);

    return n < SETTINGS_COUNT && settings_kind(n) == SETTING_BOOL;
}

int sources_flags(atr_app *app, int argc, char **argv, struct invocation *out, char *why)
{
    int err;

    *out = (struct invocation){ 0 };
    for (int i = 1; i < argc; i++) {
        str flag = str_of(argv[i]), name;
        const char *value = NULL;
        if (!str_starts(flag, STR("--"))) {
            if (out->script)
                return err_why(why, ATR_ESYNTAX, "one script at a time: both %s and %s were named",
                               out->script, argv[i]);
            out->script = argv[i];
            continue;
        }
        flag = str_n(flag.p + 2, flag.n - 2);
        (void)str_cut(&flag, '=', &name);
        if (flag.p)
            value = flag.p; /* the rest of a terminated argument */
        else if (i + 1 < argc &&
                 !(is_bool(name) && strcmp(argv[i + 1], "true") && strcmp(argv[i + 1], "false")))
            value = argv[++i];
        if (!str_eq(name, STR("config"))) {
            err = set_flag(app, name, value, why);
        } else {
            out->config = value;
            err = value ? 0 : err_why(why, ATR_ESYNTAX, "--config needs a file name");
        }
        if (err < 0)
            return err;
    }
    return 0;
}

int sources_environment(atr_app *app, char *why)
{
    int err;

    for (enum setting_name n = 0; n < SETTINGS_COUNT; n++) {
        char variable[80] = "ATRIUM_";
        size_t len = strlen(variable);
        for (const char *at = settings_name(n); *at && len + 3 < sizeof variable; at++) {
            if (isupper((unsigned char)*at) && variable[len - 1] != '_' &&
                !isupper((unsigned char)at[-1])) /* allowEIO3 is ATRIUM_ALLOW_EIO3 */
                variable[len++] = '_';
            variable[len++] = (char)toupper((unsigned char)*at);
        }
        variable[len] = 0;
        const char *value = getenv(variable);
        if ((!value || !*value) && n == SET_port)
            value = getenv(strcpy(variable, "PORT"));
        if (!value || !*value)
            continue;
        if ((err = set_text(app, n, str_of(value), ATR_ENVIRONMENT, why)) < 0)
            return err_wrap(why, err, "environment variable %s", variable);
    }
    return 0;
}

int sources_read(atr_app *app, int argc, char **argv, struct invocation *out, char *why)
{
    int err = sources_flags(app, argc, argv, out, why);

    if (err == 0)
        err = sources_environment(app, why);
    return err < 0 ? err : config_file_read(app, out->config, why);
}
