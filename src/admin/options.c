/* admin/options.c - the options of instrument(), from JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/admin.h"
#include "admin/password.h"
#include "base/err.h"
#include "proto/json.h"

static int text_of(str json, const char *name, struct arena *strings, str *out, char *why)
{
    struct buf scratch = { 0 };
    str text;

    if (json_string(json, &scratch, &text) < 0)
        return err_why(why, ATR_ETYPE, "admin: %s must be a text", name);
    *out = arena_copy(strings, text);
    buf_free(&scratch);
    return 0;
}

static int bool_of(str json, const char *name, bool *out, char *why)
{
    enum json_type type = json_type_of(json);

    if (type != JSON_TRUE && type != JSON_FALSE)
        return err_why(why, ATR_ETYPE, "admin: %s must be true or false", name);
    *out = type == JSON_TRUE;
    return 0;
}

static int mode_of(str json, bool *development, char *why)
{
    *development = json_string_is(json, STR("development"));
    if (!*development && !json_string_is(json, STR("production")))
        return err_why(why, ATR_ETYPE, "admin: mode must be \"development\" or \"production\"");
    return 0;
}

static int password_of(str json, struct arena *strings, const char **out, char *why)
{
    str hash;
    int err = text_of(json, "auth.password", strings, &hash, why), cost;

    if (err < 0)
        return err;
    cost = password_hash_cost(hash);
    if (cost < 0)
        return err_why(
            why, ATR_ESYNTAX,
            "admin: the password field must be a valid bcrypt hash ($2a$, $2b$ or $2y$), "
            "such as htpasswd -nB makes");
    if (cost > PASSWORD_COST_MAX)
        return err_why(why, ATR_ERANGE,
                       "admin: a bcrypt hash of cost %d takes seconds for each look; at most %d",
                       cost, PASSWORD_COST_MAX);
    char *copy = arena_alloc(strings, hash.n + 1);
    memcpy(copy, hash.p, hash.n);
    copy[hash.n] = '\0';
    *out = copy;
    return 0;
}

static int auth_member(const struct json_iter *it, struct arena *strings, struct admin_options *o,
                       bool *basic, char *why)
{
    if (json_string_is(it->key, STR("type"))) {
        *basic = json_string_is(it->value, STR("basic"));
        return *basic ? 0 : err_why(why, ATR_ETYPE, "admin: auth.type must be \"basic\"");
    }
    if (json_string_is(it->key, STR("username")))
        return text_of(it->value, "auth.username", strings, &o->username, why);
    if (json_string_is(it->key, STR("password")))
        return password_of(it->value, strings, &o->password, why);
    return err_why(why, ATR_EUNKNOWN,
                   "admin: auth has no option %.*s; there are type, username and password",
                   STR_ARG(it->key));
}

static int auth_of(str json, struct arena *strings, struct admin_options *o, char *why)
{
    enum json_type type = json_type_of(json);
    struct json_iter it;
    bool basic = false;
    int err;

    if (type == JSON_FALSE) {
        o->auth = false;
        return 0;
    }
    if (type != JSON_OBJECT)
        return err_why(why, ATR_ETYPE,
                       "admin: auth must be false, or type (\"basic\"), username and password");
    json_iter_init(&it, json);
    while (json_iter_next(&it))
        if ((err = auth_member(&it, strings, o, &basic, why)) < 0)
            return err;
    if (!basic || !o->username.p || !o->password)
        return err_why(why, ATR_ETYPE, "admin: auth needs type (\"basic\"), username and password");
    o->auth = true;
    return 0;
}

static int member(const struct json_iter *it, struct arena *strings, struct admin_options *o,
                  bool *auth, char *why)
{
    if (json_string_is(it->key, STR("auth"))) {
        *auth = true;
        return auth_of(it->value, strings, o, why);
    }
    if (json_string_is(it->key, STR("namespaceName")))
        return text_of(it->value, "namespaceName", strings, &o->namespace_name, why);
    if (json_string_is(it->key, STR("serverId")))
        return text_of(it->value, "serverId", strings, &o->server_id, why);
    if (json_string_is(it->key, STR("readonly")))
        return bool_of(it->value, "readonly", &o->readonly, why);
    if (json_string_is(it->key, STR("mode")))
        return mode_of(it->value, &o->development, why);
    return err_why(
        why, ATR_EUNKNOWN,
        "admin: no option %.*s; there are auth, namespaceName, readonly, serverId and mode",
        STR_ARG(it->key));
}

int admin_options_read(str json, struct arena *strings, struct admin_options *out, char *why)
{
    struct admin_options o = { .namespace_name = STR("/admin"), .development = true };
    struct json_iter it;
    bool auth = false;
    int err;

    if (json_type_of(json) != JSON_OBJECT)
        return err_why(why, ATR_ETYPE, "admin: an object of options expected");
    json_iter_init(&it, json);
    while (json_iter_next(&it))
        if ((err = member(&it, strings, &o, &auth, why)) < 0)
            return err;
    if (!auth)
        return err_why(why, ATR_ETYPE,
                       "admin: the auth option must be specified, or explicitly set to false");
    *out = o;
    return 0;
}
