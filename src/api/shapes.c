/* api/shapes.c - decoding of the settings that have a shape of their own.
 *
 * Each decoder both checks and fills, so that what is accepted and what is used cannot differ: a
 * check is a decoding whose result is thrown away.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/shapes.h"

#include "api/output.h"
#include "api/rates.h"
#include "api/tls.h"
#include "base/err.h"
#include "proto/json.h"

static str text_of(str json, struct arena *strings)
{
    struct buf scratch = { 0 };
    str text = { 0 };

    if (json_string(json, &scratch, &text) < 0)
        return (str){ 0 };
    text = arena_copy(strings, text);
    buf_free(&scratch);
    return text;
}

int shapes_parser(str json, enum sio_parser *out)
{
    static const str names[] = { [SIO_PARSER_DEFAULT] = { "default", 7 },
                                 [SIO_PARSER_MSGPACK] = { "msgpack", 7 },
                                 [SIO_PARSER_AUTO] = { "auto", 4 } };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!json_string_is(json, names[i]))
            continue;
        if (out)
            *out = (enum sio_parser)i;
        return 0;
    }
    return ATR_ERANGE;
}

/* A header value must not smuggle line ends. */
static bool header_safe(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

/* A text, or an array of texts joined by commas. */
static int list_of(str json, const char *what, struct arena *strings, str *out, char *why)
{
    enum json_type type = json_type_of(json);
    struct buf joined = { 0 };
    struct json_iter it;
    int err = 0;

    if (type == JSON_STRING) {
        buf_add(&joined, text_of(json, strings));
    } else if (type == JSON_ARRAY) {
        json_iter_init(&it, json);
        while (json_iter_next(&it)) {
            if (json_type_of(it.value) != JSON_STRING)
                err = ATR_ETYPE;
            if (joined.len)
                buf_byte(&joined, ',');
            buf_add(&joined, text_of(it.value, strings));
        }
    } else {
        err = ATR_ETYPE;
    }
    if (err < 0 || !header_safe(buf_str(&joined)))
        err =
            err_why(why, ATR_ETYPE, "setting \"cors\": %s must be a text or a list of texts", what);
    else
        *out = arena_copy(strings, buf_str(&joined));
    buf_free(&joined);
    return err;
}

static int origins_of(str json, struct arena *strings, struct eio_cors *c, char *why)
{
    enum json_type type = json_type_of(json);
    struct json_iter it;

    c->any_origin = c->reflect_origin = c->single_origin = false;
    c->origin_count = 0;
    if (type == JSON_TRUE || type == JSON_FALSE) {
        c->reflect_origin = type == JSON_TRUE;
        c->enabled = type == JSON_TRUE;
        return 0;
    }
    if (type == JSON_STRING && json_string_is(json, STR("*"))) {
        c->any_origin = true;
        return 0;
    }
    size_t count = type == JSON_ARRAY ? json_count(json) : 1;
    c->origins = arena_alloc(strings, (count + 1) * sizeof *c->origins);
    if (type == JSON_STRING) {
        c->single_origin = true;
        c->origins[c->origin_count++] = text_of(json, strings);
    } else if (type == JSON_ARRAY) {
        json_iter_init(&it, json);
        while (json_iter_next(&it)) {
            if (json_type_of(it.value) != JSON_STRING)
                goto wrong;
            if (json_string_is(it.value, STR("*")))
                c->any_origin = true;
            c->origins[c->origin_count++] = text_of(it.value, strings);
        }
    } else {
        goto wrong;
    }
    for (size_t i = 0; i < c->origin_count; i++)
        if (!header_safe(c->origins[i]))
            goto wrong;
    return 0;
wrong:
    return err_why(
        why, ATR_ETYPE,
        "setting \"cors\": origin must be \"*\", true, false, an origin or a list of origins");
}

static int bool_of(const char *setting, const struct json_iter *it, bool *out, char *why)
{
    enum json_type type = json_type_of(it->value);

    if (type != JSON_TRUE && type != JSON_FALSE)
        return err_why(why, ATR_ETYPE, "setting \"%s\": %.*s must be true or false", setting,
                       STR_ARG(it->key));
    *out = type == JSON_TRUE;
    return 0;
}

static int cors_member(const struct json_iter *it, struct arena *strings, struct eio_cors *c,
                       char *why)
{
    int64_t number;

    if (json_string_is(it->key, STR("origin")))
        return origins_of(it->value, strings, c, why);
    if (json_string_is(it->key, STR("methods")))
        return list_of(it->value, "methods", strings, &c->methods, why);
    if (json_string_is(it->key, STR("allowedHeaders")))
        return list_of(it->value, "allowedHeaders", strings, &c->allowed_headers, why);
    if (json_string_is(it->key, STR("exposedHeaders")))
        return list_of(it->value, "exposedHeaders", strings, &c->exposed_headers, why);
    if (json_string_is(it->key, STR("credentials")))
        return bool_of("cors", it, &c->credentials, why);
    if (json_string_is(it->key, STR("preflightContinue")))
        return bool_of("cors", it, &c->preflight_continue, why);
    bool age = json_string_is(it->key, STR("maxAge")),
         status = json_string_is(it->key, STR("optionsSuccessStatus"));
    if (!age && !status)
        return err_why(why, ATR_EUNKNOWN, "setting \"cors\" has no member %.*s", STR_ARG(it->key));
    if (json_integer(it->value, &number) < 0 || number < 0 || number > INT32_MAX ||
        (status && (number < 200 || number > 299)))
        return err_why(why, ATR_ERANGE, "setting \"cors\": %.*s is out of range", STR_ARG(it->key));
    if (age)
        c->max_age = (int32_t)number;
    else
        c->options_status = (uint16_t)number;
    return 0;
}

static int cors_of(str json, struct arena *strings, struct eio_cors *c, char *why)
{
    enum json_type type = json_type_of(json);
    struct json_iter it;
    int err;

    *c = (struct eio_cors){ .max_age = -1,
                            .options_status = 204,
                            .methods = STR("GET,HEAD,PUT,PATCH,POST,DELETE") };
    if (type == JSON_FALSE || type == JSON_NULL)
        return 0;
    c->enabled = c->any_origin = true;
    if (type == JSON_TRUE)
        return 0;
    if (type == JSON_STRING)
        return origins_of(json, strings, c, why);
    if (type != JSON_OBJECT)
        return err_why(why, ATR_ETYPE, "setting \"cors\" must be false, an origin or an object");
    json_iter_init(&it, json);
    while (json_iter_next(&it))
        if ((err = cors_member(&it, strings, c, why)) < 0)
            return err;
    return 0;
}

static int cookie_member(const struct json_iter *it, struct arena *strings, struct eio_cookie *c,
                         char *why)
{
    str *texts[] = { &c->name, &c->path, &c->domain, &c->same_site };
    static const char *const names[] = { "name", "path", "domain", "sameSite" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!json_string_is(it->key, str_of(names[i])))
            continue;
        if (i > 0 && json_type_of(it->value) == JSON_FALSE) {
            *texts[i] = (str){ 0 };
            return 0;
        }
        *texts[i] = text_of(it->value, strings);
        if (!texts[i]->p || !header_safe(*texts[i]) || str_find(*texts[i], ';') >= 0 ||
            (i == 0 && texts[i]->n == 0))
            return err_why(why, ATR_ETYPE, "setting \"cookie\": %s must be a plain text", names[i]);
        return 0;
    }
    if (json_string_is(it->key, STR("httpOnly")))
        return bool_of("cookie", it, &c->http_only, why);
    if (json_string_is(it->key, STR("secure")))
        return bool_of("cookie", it, &c->secure, why);
    if (json_string_is(it->key, STR("maxAge"))) {
        if (json_integer(it->value, &c->max_age) < 0 || c->max_age < 0)
            return err_why(why, ATR_ERANGE,
                           "setting \"cookie\": maxAge must be a number of seconds");
        return 0;
    }
    return err_why(why, ATR_EUNKNOWN, "setting \"cookie\" has no member %.*s", STR_ARG(it->key));
}

static int cookie_of(str json, struct arena *strings, struct eio_cookie *c, char *why)
{
    enum json_type type = json_type_of(json);
    struct json_iter it;
    int err;

    *c = (struct eio_cookie){ .name = STR("io"),
                              .path = STR("/"),
                              .same_site = STR("Lax"),
                              .http_only = true,
                              .max_age = -1 };
    if (type == JSON_FALSE || type == JSON_NULL)
        return 0;
    c->enabled = true;
    if (type == JSON_TRUE)
        return 0;
    if (type == JSON_STRING) {
        c->name = text_of(json, strings);
        if (c->name.n == 0 || !header_safe(c->name) || str_find(c->name, ';') >= 0)
            return err_why(why, ATR_ETYPE, "setting \"cookie\" must be a plain name");
        return 0;
    }
    if (type != JSON_OBJECT)
        return err_why(why, ATR_ETYPE,
                       "setting \"cookie\" must be true, false, a name or an object");
    json_iter_init(&it, json);
    while (json_iter_next(&it))
        if ((err = cookie_member(&it, strings, c, why)) < 0)
            return err;
    return 0;
}

/* Members of perMessageDeflate that are numbers. */
static const struct number {
    const char *name;
    int64_t min, max;
} deflate_numbers[] = {
    { "threshold", 0, INT32_MAX },
    { "serverMaxWindowBits", 9, 15 },
    { "clientMaxWindowBits", 8, 15 },
    { "level", 1, 9 },
    { "memLevel", 1, 9 },
};

static int deflate_number(const struct json_iter *it, struct ws_deflate_options *o, char *why)
{
    const size_t count = sizeof deflate_numbers / sizeof *deflate_numbers;
    const struct number *n = deflate_numbers;
    int64_t number;

    while (n < deflate_numbers + count && !json_string_is(it->key, str_of(n->name)))
        n++;
    if (n == deflate_numbers + count)
        return err_why(why, ATR_EUNKNOWN, "setting \"perMessageDeflate\" has no member %.*s",
                       STR_ARG(it->key));
    if (json_integer(it->value, &number) < 0 || number < n->min || number > n->max)
        return err_why(why, ATR_ERANGE,
                       "setting \"perMessageDeflate\": %s must be a number from %d to %d", n->name,
                       (int)n->min, (int)n->max);
    switch (n - deflate_numbers) {
    case 0:
        o->threshold = (uint32_t)number;
        break;
    case 1:
        o->server_max_window_bits = (uint8_t)number;
        break;
    case 2:
        o->client_max_window_bits = (uint8_t)number;
        break;
    case 3:
        o->level = (uint8_t)number;
        break;
    default:
        o->mem_level = (uint8_t)number;
    }
    return 0;
}

int shapes_deflate(str json, struct ws_deflate_options *o, char *why)
{
    enum json_type type = json_type_of(json);
    struct json_iter it;
    int err;

    *o = WS_DEFLATE_OPTIONS_DEFAULT;
    o->enabled = type != JSON_FALSE;
    if (type == JSON_TRUE || type == JSON_FALSE)
        return 0;
    if (type != JSON_OBJECT)
        return err_why(why, ATR_ETYPE,
                       "setting \"perMessageDeflate\" must be true, false or an object");
    json_iter_init(&it, json);
    while (json_iter_next(&it)) {
        if (json_string_is(it.key, STR("serverNoContextTakeover")))
            err = bool_of("perMessageDeflate", &it, &o->server_no_context_takeover, why);
        else if (json_string_is(it.key, STR("clientNoContextTakeover")))
            err = bool_of("perMessageDeflate", &it, &o->client_no_context_takeover, why);
        else
            err = deflate_number(&it, o, why);
        if (err < 0)
            return err;
    }
    return 0;
}

static int add_transport(str name, uint8_t *out, char *why)
{
    if (str_eq(name, STR("polling")))
        *out |= EIO_POLLING;
    else if (str_eq(name, STR("websocket")))
        *out |= EIO_WEBSOCKET;
    else
        return err_why(why, ATR_EUNKNOWN,
                       "setting \"transports\": \"%.*s\" is not \"polling\" or \"websocket\"",
                       STR_ARG(name));
    return 0;
}

/* A list of names, or one text of names with commas between them (flags, environment). */
static int transports_of(str json, uint8_t *out, char *why)
{
    struct arena strings = { 0 };
    struct json_iter it;
    str names, name;
    int err = 0;

    *out = 0;
    if (json_type_of(json) == JSON_STRING) {
        names = text_of(json, &strings);
        while (err == 0 && str_cut(&names, ',', &name))
            err = add_transport(str_trim(name), out, why);
    } else if (json_type_of(json) == JSON_ARRAY) {
        json_iter_init(&it, json);
        while (err == 0 && json_iter_next(&it))
            err = add_transport(text_of(it.value, &strings), out, why);
    }
    if (err == 0 && *out == 0)
        err = err_why(why, ATR_ETYPE, "setting \"transports\" must be a list of transports");
    arena_free(&strings);
    return err;
}

static int compression_of(str json, uint32_t *threshold, char *why)
{
    enum json_type type = json_type_of(json);
    int64_t number = 1024;
    struct json_iter it;

    *threshold = type == JSON_FALSE ? UINT32_MAX : 1024;
    if (type == JSON_TRUE || type == JSON_FALSE)
        return 0;
    if (type != JSON_OBJECT)
        return err_why(why, ATR_ETYPE,
                       "setting \"httpCompression\" must be true, false or an object");
    json_iter_init(&it, json);
    while (json_iter_next(&it))
        if (!json_string_is(it.key, STR("threshold")))
            return err_why(why, ATR_EUNKNOWN, "setting \"httpCompression\" has no member %.*s",
                           STR_ARG(it.key));
        else if (json_integer(it.value, &number) < 0 || number < 0 || number > INT32_MAX)
            return err_why(why, ATR_ERANGE,
                           "setting \"httpCompression\": threshold is out of range");
    *threshold = (uint32_t)number;
    return 0;
}

static int recovery_member(const struct json_iter *it, struct sio_recovery_options *o, char *why)
{
    int64_t number, max = INT32_MAX, min = 0;
    bool bytes = json_string_is(it->key, STR("maxBuffered"));

    if (json_string_is(it->key, STR("skipMiddlewares")))
        return bool_of("connectionStateRecovery", it, &o->skip_middlewares, why);
    if (!bytes && !json_string_is(it->key, STR("maxDisconnectionDuration")))
        return err_why(why, ATR_EUNKNOWN, "setting \"connectionStateRecovery\" has no member %.*s",
                       STR_ARG(it->key));
    if (bytes) {
        min = 4096;
        max = INT64_C(1) << 40;
    }
    if (json_integer(it->value, &number) < 0 || number < min || number > max)
        return err_why(why, ATR_ERANGE, "setting \"connectionStateRecovery\": %.*s is out of range",
                       STR_ARG(it->key));
    if (bytes)
        o->bytes_max = (size_t)number;
    else
        o->duration_ms = (uint32_t)number;
    return 0;
}

int shapes_recovery(str json, struct sio_recovery_options *out, char *why)
{
    enum json_type type = json_type_of(json);
    struct sio_options defaults;
    struct json_iter it;
    int err;

    sio_options_default(&defaults);
    *out = defaults.recovery;
    out->enabled = type != JSON_FALSE;
    if (type == JSON_TRUE || type == JSON_FALSE)
        return 0;
    if (type != JSON_OBJECT)
        return err_why(why, ATR_ETYPE,
                       "setting \"connectionStateRecovery\" must be true, false or an object");
    json_iter_init(&it, json);
    while (json_iter_next(&it))
        if ((err = recovery_member(&it, out, why)) < 0)
            return err;
    return 0;
}

int shapes_admin(str json, struct arena *strings, struct admin_options *out, char *why)
{
    int err;

    if (json_type_of(json) == JSON_FALSE)
        return 0;
    err = admin_options_read(json, strings, out, why);
    return err < 0 ? err : 1;
}

int shape_check(enum setting_name n, str json, char *why)
{
    struct arena strings = { 0 };
    struct sio_recovery_options recovery;
    struct admin_options admin;
    struct eio_options o;
    int err = ATR_EUNKNOWN;

    if (n == SET_cors)
        err = cors_of(json, &strings, &o.cors, why);
    else if (n == SET_cookie)
        err = cookie_of(json, &strings, &o.cookie, why);
    else if (n == SET_transports)
        err = transports_of(json, &o.transports, why);
    else if (n == SET_httpCompression)
        err = compression_of(json, &o.compress_min, why);
    else if (n == SET_perMessageDeflate)
        err = shapes_deflate(json, &o.deflate, why);
    else if (n == SET_rateLimit || n == SET_addressRateLimit || n == SET_trustProxy)
        err = rates_check(n, json, why);
    else if (n == SET_tlsSni)
        err = tls_hosts_check(json, why);
    else if (n == SET_tlsMinVersion)
        err = tls_version_check(json, why);
    else if (n == SET_overflow)
        err = output_check_overflow(json, why);
    else if (n == SET_connectionStateRecovery)
        err = shapes_recovery(json, &recovery, why);
    else if (n == SET_admin)
        err = shapes_admin(json, &strings, &admin, why) < 0 ? ATR_ETYPE : 0;
    arena_free(&strings);
    return err;
}

static str path_of(struct settings *s, struct arena *strings)
{
    char path[1024];

    settings_text(s, SET_path, path, sizeof path - 1);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (settings_number(s, SET_addTrailingSlash) && path[n - 1] != '/')
        path[n++] = '/';
    return arena_copy(strings, str_n(path, n));
}

void shapes_engine_options(struct settings *s, struct arena *strings, struct eio_options *o)
{
    eio_options_default(o);
    o->path = path_of(s, strings);
    o->ping_interval_ms = (uint32_t)settings_number(s, SET_pingInterval);
    o->ping_timeout_ms = (uint32_t)settings_number(s, SET_pingTimeout);
    o->upgrade_timeout_ms = (uint32_t)settings_number(s, SET_upgradeTimeout);
    o->message_bytes_max = (uint32_t)settings_number(s, SET_maxHttpBufferSize);
    output_of_settings(s, &o->output);
    o->sessions_max = (uint32_t)settings_number(s, SET_maxSessions);
    o->initial_packet = text_of(settings_json(s, SET_initialPacket), strings);
    o->allow_upgrades = settings_number(s, SET_allowUpgrades);
    o->allow_eio3 = settings_number(s, SET_allowEIO3);
    (void)transports_of(settings_json(s, SET_transports), &o->transports,
                        NULL); /* checked when set */
    (void)compression_of(settings_json(s, SET_httpCompression), &o->compress_min, NULL);
    (void)shapes_deflate(settings_json(s, SET_perMessageDeflate), &o->deflate, NULL);
    (void)cors_of(settings_json(s, SET_cors), strings, &o->cors, NULL);
    (void)cookie_of(settings_json(s, SET_cookie), strings, &o->cookie, NULL);
}
