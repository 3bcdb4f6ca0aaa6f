/* api/tls.c - TLS of an application's listeners.
 *
 * The settings are decoded for each load and nothing of them is kept, so loading again also takes
 * up what was set since: other files, other authorities.
 *
 * Start reading at tls_open().
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/tls.h"

#include "api/app.h"
#include "base/log.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "proto/json.h"

/* --- Decoding --- */

/* A terminated copy of a JSON text; NULL when it is none, or holds a zero. */
static const char *text_of(str json, struct arena *strings)
{
    struct buf scratch = { 0 };
    char *copy = NULL;
    str text;

    if (json_string(json, &scratch, &text) == 0 && (!text.n || !memchr(text.p, 0, text.n))) {
        copy = arena_alloc(strings, text.n + 1);
        if (text.n)
            memcpy(copy, text.p, text.n);
        copy[text.n] = 0;
    }
    buf_free(&scratch);
    return copy;
}

static int host_of(const struct json_iter *host, struct arena *strings, struct tls_host *h,
                   char *why)
{
    struct json_iter it;

    *h = (struct tls_host){ .name = text_of(host->key, strings) };
    json_iter_init(&it, host->value);
    while (json_iter_next(&it)) {
        const char **file = json_string_is(it.key, STR("cert"))  ? &h->cert
                            : json_string_is(it.key, STR("key")) ? &h->key
                                                                 : NULL;
        if (!file)
            return err_why(why, ATR_EUNKNOWN, "setting \"tlsSni\": %.*s has no member %.*s",
                           STR_ARG(host->key), STR_ARG(it.key));
        if (!(*file = text_of(it.value, strings)))
            return err_why(why, ATR_ETYPE, "setting \"tlsSni\": %.*s of %.*s must be a file name",
                           STR_ARG(it.key), STR_ARG(host->key));
    }
    if (!h->name || !*h->name || !h->cert || !*h->cert)
        return err_why(why, ATR_ETYPE,
                       "setting \"tlsSni\": %.*s must be an object with cert and key",
                       STR_ARG(host->key));
    return 0;
}

static int hosts_of(str json, struct arena *strings, struct tls_options *o, char *why)
{
    size_t count = json_count(json);
    struct tls_host *hosts;
    struct json_iter it;
    int err;

    if (json_type_of(json) != JSON_OBJECT)
        return err_why(why, ATR_ETYPE,
                       "setting \"tlsSni\" must be an object: host names, each with cert and key");
    o->hosts = hosts = arena_alloc(strings, (count + 1) * sizeof *hosts);
    o->host_count = 0;
    json_iter_init(&it, json);
    while (json_iter_next(&it))
        if ((err = host_of(&it, strings, &hosts[o->host_count++], why)) < 0)
            return err;
    return 0;
}

int tls_hosts_check(str json, char *why)
{
    struct arena strings = { 0 };
    struct tls_options o;
    int err = hosts_of(json, &strings, &o, why);

    arena_free(&strings);
    return err;
}

/* 1.3 is a number in YAML and on the command line, a text elsewhere. */
static bool is_version(str json, str version)
{
    return json_type_of(json) == JSON_NUMBER ? str_eq(json, version)
                                             : json_string_is(json, version);
}

int tls_version_check(str json, char *why)
{
    if (is_version(json, STR("1.2")) || is_version(json, STR("1.3")))
        return 0;
    return err_why(why, ATR_ERANGE, "setting \"tlsMinVersion\" must be 1.2 or 1.3, not %.*s",
                   STR_ARG(json));
}

static enum tls_client_cert client_cert_of(str json)
{
    if (json_string_is(json, STR("require")))
        return TLS_CLIENT_REQUIRE;
    return json_string_is(json, STR("request")) ? TLS_CLIENT_REQUEST : TLS_CLIENT_NONE;
}

static void options_of(const struct settings *s, struct arena *strings, struct tls_options *o)
{
    *o = (struct tls_options){
        .cert = text_of(settings_json(s, SET_tlsCert), strings),
        .key = text_of(settings_json(s, SET_tlsKey), strings),
        .ca = text_of(settings_json(s, SET_tlsCa), strings),
        .client_cert = client_cert_of(settings_json(s, SET_tlsClientCert)),
        .handshake_timeout_ms = (uint32_t)settings_number(s, SET_tlsHandshakeTimeout),
        .tls13_only = is_version(settings_json(s, SET_tlsMinVersion), STR("1.3")),
    };
    (void)hosts_of(settings_json(s, SET_tlsSni), strings, o, NULL); /* checked when set */
}

/* --- Loading --- */

static int load(atr_app *app, char *why)
{
    struct arena strings = { 0 };
    struct tls_options o;
    int err;

    options_of(&app->settings, &strings, &o);
    err = app->tls ? tls_context_reload(app->tls, &o, why) : tls_context_new(&app->tls, &o, why);
    arena_free(&strings);
    return err < 0 ? err_wrap(why, err, "TLS") : 0;
}

static bool configured(const struct settings *s)
{
    return !str_eq(settings_json(s, SET_tlsCert), STR("\"\""));
}

int atr_app_reload_tls(atr_app *app, char *why)
{
    int err;

    if (!app->tls)
        return err_why(why, ATR_ESTATE, "the application does not listen with TLS");
    if (!configured(&app->settings))
        return err_why(why, ATR_ESTATE, "setting \"tlsCert\" is empty");
    if ((err = load(app, why)) < 0)
        tls_stats.reload_failures++;
    else
        tls_stats.reloads++;
    return err;
}

/* Files are seldom replaced in one stroke: a load that fails is tried again when one changes. */
static void look(struct timer *t)
{
    atr_app *app = container_of(t, atr_app, tls_watch);
    char why[ATR_WHY_MAX] = "";

    if (tls_context_changed(app->tls)) {
        if (atr_app_reload_tls(app, why) < 0)
            log_event(LOG_WARN, "tls-reload-failed", "%s", why);
        else
            log_event(LOG_INFO, "tls-reloaded", "cause=changed");
    }
    tls_apply_settings(app);
}

void tls_apply_settings(atr_app *app)
{
    int64_t interval_ms = settings_number(&app->settings, SET_tlsReloadInterval);

    if (!app->tls)
        return;
    loop_timer_stop(&app->loop, &app->tls_watch);
    if (interval_ms > 0 && !app->closing)
        loop_timer(&app->loop, &app->tls_watch, (uint64_t)interval_ms);
}

int tls_open(atr_app *app, char *why)
{
    int err;

    if (!configured(&app->settings)) {
        if (settings_number(&app->settings, SET_tlsPort))
            return err_why(why, ATR_ESTATE, "setting \"tlsPort\" needs \"tlsCert\"");
        return 0;
    }
    if ((err = load(app, why)) < 0)
        return err;
    timer_init(&app->tls_watch, look);
    tls_apply_settings(app);
    return 1;
}

void tls_close(atr_app *app)
{
    if (!app->tls)
        return;
    loop_timer_stop(&app->loop, &app->tls_watch);
    tls_context_free(app->tls);
    app->tls = NULL;
}
