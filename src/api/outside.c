/* api/outside.c - the owner's hooks: listening, freed; and the URL.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/outside.h"

#include <stdio.h>
#include <string.h>

#include "api/app.h"

static void tell_listening(struct loop_job *job)
{
    struct outside *o = container_of(job, struct outside, listening);

    if (o->on_listening)
        o->on_listening(o->listening_user);
}

int outside_init(atr_app *app)
{
    app->outside.signals.fd = -1;
    loop_job_init(&app->outside.listening, tell_listening);
    return posts_init(app);
}

void outside_url(char *out, size_t size, const char *scheme, const char *host, int port)
{
    bool any = !*host || !strcmp(host, "::") || !strcmp(host, "0.0.0.0");

    (void)snprintf(out, size, strchr(host, ':') && !any ? "%s://[%s]:%d" : "%s://%s:%d", scheme,
                   any ? "localhost" : host, port);
}

void outside_listening(atr_app *app, const char *host)
{
    struct outside *o = &app->outside;

    outside_url(o->url, sizeof o->url, app->tls_port == app->port ? "https" : "http",
                host ? host : "", app->port);
    signals_listening(app);
    loop_defer(&app->loop, &o->listening);
}

void outside_close(atr_app *app)
{
    posts_close(app);
    signals_close(app);
    list_remove(&app->outside.listening.link);
    buf_free(&app->outside.text);
}

void atr_app_on_listening(atr_app *app, void (*fn)(void *user), void *user)
{
    app->outside.on_listening = fn;
    app->outside.listening_user = user;
    if (app->port)
        loop_defer(&app->loop, &app->outside.listening);
}

void atr_app_on_free(atr_app *app, void (*fn)(void *user), void *user)
{
    app->outside.on_free = fn;
    app->outside.free_user = user;
}

const char *atr_app_url(const atr_app *app)
{
    return app->outside.url;
}

int atr_app_port(const atr_app *app)
{
    return app->port;
}
