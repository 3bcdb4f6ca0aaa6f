/* api/app.c - the application's life: create, set, listen, run, close, free.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/app.h"

#include "api/prometheus.h"
#include "api/rates.h"
#include "api/tls.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/drain.h"
#include "net/tether.h"

const char *atr_version(void)
{
    return ATR_VERSION;
}

const char *atr_error_name(int code)
{
    return err_name(code);
}

const char *atr_error_text(int code)
{
    return err_text(code);
}

static void grace_over(struct timer *t)
{
    atr_app *app = container_of(t, atr_app, grace);

    http_server_abort(&app->http);
    loop_stop(&app->loop);
}

/* While closing: stop as soon as nobody is connected any more and all that was said is written. */
static void look_closed(struct timer *t)
{
    atr_app *app = container_of(t, atr_app, closed);

    if (io_idle(app) && app->http.stats.connections_open == 0 && stream_ends_written(&app->loop))
        loop_stop(&app->loop);
    else
        loop_timer(&app->loop, &app->closed, 10);
}

static void healthz(void *user, atr_request *r)
{
    atr_app *app = user;
    bool closing = app->closing || app->drain;
    atr_response res = { .status = closing ? 503 : 200,
                         .type = ATR_STR("application/json"),
                         .body = closing ? ATR_STR("{\"status\":\"closing\"}")
                                         : ATR_STR("{\"status\":\"ok\"}") };

    (void)atr_respond(r, &res); /* a fresh request can always be answered */
}

atr_app *atr_app_new(int *err)
{
    atr_app *app = mem_zalloc(sizeof *app);
    int failed;

    if ((failed = loop_init(&app->loop)) < 0 || (failed = outside_init(app)) < 0) {
        loop_fini(&app->loop);
        mem_free(app);
        if (err)
            *err = failed;
        return NULL;
    }
    settings_init(&app->settings);
    list_init(&app->engines);
    gateway_init(&app->gateway, &app->loop);
    list_init(&app->websockets);
    list_init(&app->routes);
    list_init(&app->folders);
    list_init(&app->databases);
    list_init(&app->open_decisions);
    list_init(&app->metric_sources);
    timer_init(&app->grace, grace_over);
    timer_init(&app->closed, look_closed);
    http_router_init(&app->router);
    http_server_init(&app->http, &app->loop, &HTTP_LIMITS_DEFAULT, http_router_find, &app->router);
    rates_init(&app->rates, &app->loop);
    app->http.rates = app->gateway.rates = &app->rates;
    app->gateway.streams_open = &app->http.streams_open;
    app_apply_settings(app);
    ASSERT(atr_http_route(app, ATR_STR("GET"), ATR_STR("/healthz"), healthz, app) == 0);
    return app;
}

void atr_app_free(atr_app *app)
{
    if (!app)
        return;
    void (*on_free)(void *user) = app->outside.on_free;
    void *free_user = app->outside.free_user;
    outside_close(app);
    app->closing = true;
    loop_timer_stop(&app->loop, &app->grace);
    loop_timer_stop(&app->loop, &app->closed);
    prometheus_close(app);
    drain_free(app);
    if (app->cluster)
        app->cluster->on_ending(app->cluster);
    io_close_all(app);
    http_server_abort(&app->http);
    (void)loop_turn(&app->loop, 0); /* reap what just closed */
    databases_free(app);
    app_store_free(app);
    (void)loop_turn(&app->loop, 0);
    tls_close(app);
    engines_free(app);
    websockets_free(app);
    io_free(app->io);
    if (app->cluster)
        app->cluster->on_ended(app->cluster);
    http_parts_free(app);
    prometheus_free(app);
    decisions_free(app);
    timers_free(app);
    id_table_free(&app->requests);
    http_router_free(&app->router);
    settings_fini(&app->settings);
    tether_close_all(&app->loop);
    stream_end_all(&app->loop);
    drain_close(&app->loop);
    loop_fini(&app->loop);
    rates_fini(&app->rates);
    mem_free(app->proxies);
    mem_free(app);
    if (on_free)
        on_free(free_user);
}

int atr_app_set(atr_app *app, atr_str name, atr_str json, atr_source source, char *why)
{
    int changed =
        settings_set(&app->settings, SETTING_APP, str_in(name), str_in(json), source, why);

    if (changed > 0)
        app_apply_settings(app);
    return changed < 0 ? changed : 0;
}

void atr_app_settings(atr_app *app,
                      void (*fn)(void *user, const char *name, atr_str json, atr_source source,
                                 const char *help),
                      void *user)
{
    for (enum setting_name n = 0; n < SETTINGS_COUNT; n++)
        fn(user, settings_name(n), str_out(settings_json(&app->settings, n)),
           app->settings.values[n].source, settings_help(n));
}

/* Says that a handler held up everybody, after the fact: at most once a second. */
static void on_slow(struct loop *l, uint64_t busy_us)
{
    atr_app *app = container_of(l, struct atr_app, loop);

    if (app->slow_told_ms && l->now_ms - app->slow_told_ms < 1000)
        return;
    app->slow_told_ms = l->now_ms;
    log_event(LOG_WARN, "slow-handler", "ms=%lu hint=%s", (unsigned long)busy_us / 1000,
              "nobody else was served meanwhile; see the setting slowHandler");
}

void app_apply_settings(atr_app *app)
{
    struct settings *s = &app->settings;
    char level[16];

    app->http.limits = (struct http_limits){
        .head_bytes_max = (uint32_t)settings_number(s, SET_maxHeaderSize),
        .body_bytes_max = (uint32_t)settings_number(s, SET_maxBodySize),
        .head_timeout_ms = (uint32_t)settings_number(s, SET_headersTimeout),
        .body_timeout_ms = (uint32_t)settings_number(s, SET_requestTimeout),
        .idle_timeout_ms = (uint32_t)settings_number(s, SET_keepAliveTimeout),
        .write_timeout_ms = (uint32_t)settings_number(s, SET_writeTimeout),
        .connections_max = (uint32_t)settings_number(s, SET_maxConnections),
    };
    log_set_level(
        (enum log_level)log_level_parse(settings_text(s, SET_logLevel, level, sizeof level)));
    log_set_format(strcmp(settings_text(s, SET_logFormat, level, sizeof level), "json") == 0
                       ? LOG_JSON
                       : LOG_TEXT);
    app->loop.no_burst = !settings_number(s, SET_ioUring);
    app->loop.slow_us = (uint64_t)settings_number(s, SET_slowHandler) * 1000;
    app->loop.on_slow = on_slow;
    rates_apply_settings(app);
    tls_apply_settings(app);
    if (app->io)
        io_apply_settings(app->io);
}

/* The port itself speaks TLS when there is a certificate and no port of its own for it. */
static int listen_with_tls(atr_app *app, const char *host, uint16_t port, char *why)
{
    uint16_t tls_port = (uint16_t)settings_number(&app->settings, SET_tlsPort);
    int err;

    if (tls_port && (err = http_server_listen(&app->http, host, port, why)) < 0)
        return err;
    err = http_server_listen_tls(&app->http, app->tls, host, tls_port ? tls_port : port, why);
    if (err < 0) {
        listener_close(&app->http.listener);
        return err;
    }
    app->tls_port = app->http.tls_listener.port;
    return tls_port ? app->http.listener.port : app->tls_port;
}

int atr_app_listen(atr_app *app, const char *host, uint16_t port, char *why)
{
    int err, secure;

    if (app->port)
        return err_why(why, ATR_ESTATE, "the application listens on port %u already", app->port);
    admin_apply_settings(app);
    if ((err = prometheus_open(app, host, why)) < 0 || (err = secure = tls_open(app, why)) < 0)
        goto fail;
    if (secure)
        err = listen_with_tls(app, host, port, why);
    else if ((err = http_server_listen(&app->http, host, port, why)) == 0)
        err = app->http.listener.port;
    if (err < 0)
        goto fail;
    app->port = (uint16_t)err;
    outside_listening(app, host);
    return app->port;
fail:
    prometheus_close(app);
    tls_close(app);
    return err;
}

int atr_app_tls_port(const atr_app *app)
{
    return app->tls_port;
}

int atr_app_run(atr_app *app)
{
    return loop_run(&app->loop);
}

void atr_app_stop(atr_app *app)
{
    loop_stop(&app->loop);
}

void atr_app_ready(atr_app *app)
{
    if (app->ready)
        return;
    app->ready = true;
    if (app->on_ready)
        app->on_ready(app->ready_user);
}

void atr_app_close(atr_app *app, uint32_t grace_ms)
{
    if (app->closing)
        return;
    app->closing = true;
    if (app->cluster)
        app->cluster->on_closing(app->cluster);
    prometheus_close(app);
    io_close_all(app);
    http_server_close(&app->http);
    loop_timer(&app->loop, &app->grace, grace_ms);
    loop_timer(&app->loop, &app->closed, 0);
}

int atr_app_fd(const atr_app *app)
{
    return app->loop.epoll_fd;
}

int atr_app_timeout(const atr_app *app)
{
    /* Notes when the wait is due; to the caller that is no change. */
    return loop_wait_ms(&((atr_app *)(uintptr_t)app)->loop, -1);
}

int atr_app_turn(atr_app *app, int timeout_ms)
{
    return loop_turn(&app->loop, timeout_ms);
}

uint64_t atr_app_now(const atr_app *app)
{
    return app->loop.now_ms;
}

enum { LOG_FIELDS_MAX = 64 };

void atr_log_fields(atr_app *app, int level, const char *event, const atr_str (*fields)[2],
                    size_t count)
{
    str in[LOG_FIELDS_MAX][2];

    (void)app;
    if (level < LOG_DEBUG)
        level = LOG_DEBUG;
    if (count > LOG_FIELDS_MAX)
        count = LOG_FIELDS_MAX;
    for (size_t i = 0; i < count; i++) {
        in[i][0] = (str){ fields[i][0].p, fields[i][0].n };
        in[i][1] = (str){ fields[i][1].p, fields[i][1].n };
    }
    log_fields(level > LOG_ERROR ? LOG_ERROR : (enum log_level)level, event, (const str(*)[2])in,
               count);
}

void atr_log(atr_app *app, int level, const char *event, const char *text)
{
    const atr_str field[1][2] = { { { "", 0 }, { text, text ? strlen(text) : 0 } } };

    atr_log_fields(app, level, event, field, field[0][1].n > 0);
}

static struct {
    void (*fn)(void *user, int level, const char *line);
    void *user;
} log_owner;

static void to_owner(void *user, enum log_level level, const char *line)
{
    (void)user;
    log_owner.fn(log_owner.user, (int)level, line);
}

void atr_log_to(void (*fn)(void *user, int level, const char *line), void *user)
{
    log_owner.fn = fn;
    log_owner.user = user;
    log_set_sink(fn ? to_owner : NULL, NULL);
}

int atr_app_closing(const atr_app *app)
{
    return app->closing;
}

void atr_handler_failed(atr_app *app)
{
    app->handler_errors++;
}
