/* app/run.c - one process that serves one application, with `atrium run app.lua` or app.so.
 *
 * Order of start: settings, script or module (which may configure and register), listener, then the
 * line that says where. SIGTERM and SIGINT close in good order, a second one at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "api/app.h"
#include "app/application.h"
#include "app/command.h"
#include "app/run.h"
#include "app/sources.h"
#include "app/store.h"
#include "base/log.h"

struct server_process {
    atr_app *app;
    struct application application;
    const struct run_hooks *hooks;
    void *user;
};

/* As many descriptors as the system allows: each connection needs one. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* a lower limit still serves */
    }
}

/* Says where. */
static void announce(const atr_app *app, const char *host)
{
    int tls_port = atr_app_tls_port(app);
    char second[320];

    printf("Atrium %s is listening on %s", atr_version(), atr_app_url(app));
    if (tls_port && tls_port != atr_app_port(app)) {
        outside_url(second, sizeof second, "https", host, tls_port);
        printf(" and %s", second);
    }
    printf("\n");
    fflush(stdout);
}

static int start(struct server_process *p, int argc, char **argv, char *why)
{
    struct invocation in;
    char host[256];
    int err, port;

    if ((err = sources_read(p->app, argc, argv, &in, why)) < 0)
        return err;
    if (!in.script)
        return err_why(why, ATR_ESYNTAX,
                       "which script? Usage: atrium run app.lua [--port N] [--config FILE]");
    if ((err = atr_app_handle_signals(p->app)) < 0)
        return err_why(why, err, "cannot watch signals: %s", err_text(err));
    signal(SIGPIPE, SIG_IGN);
    store_place(p->app, NULL, in.script, false);
    if ((err = p->hooks->on_start(p->user, p->app, why)) < 0)
        return err;
    if ((err = application_open(p->app, in.script, &p->application, why)) < 0)
        return err;
    settings_text(&p->app->settings, SET_host, host, sizeof host);
    port = (int)settings_number(&p->app->settings, SET_port);
    if ((port = atr_app_listen(p->app, *host ? host : NULL, (uint16_t)port, why)) < 0)
        return port;
    announce(p->app, host);
    if (p->application.script)
        script_listening(p->application.script, atr_app_url(p->app));
    p->hooks->on_listening(p->user);
    return 0;
}

int run_application(int argc, char **argv, const struct run_hooks *hooks, void *user)
{
    struct server_process p = { .hooks = hooks, .user = user };
    char why[ATR_WHY_MAX] = "";
    int err;

    raise_descriptors();
    p.app = atr_app_new(&err);
    if (!p.app) {
        fprintf(stderr, "atrium: cannot start: %s\n", err_text(err));
        return EXIT_FAILED;
    }
    if ((err = start(&p, argc, argv, why)) < 0) {
        fprintf(stderr, "atrium: %s\n", why);
        hooks->on_end(user);
        application_free(&p.application, p.app);
        return EXIT_FAILED;
    }
    err = atr_app_run(p.app);
    if (err < 0)
        log_event(LOG_ERROR, "loop-failed", "error=%s", err_name(err));
    hooks->on_end(user);
    application_free(&p.application, p.app);
    return err < 0 ? EXIT_FAILED : EXIT_OK;
}

/* --- Alone: nobody wants to know. --- */

static int alone_start(void *user, atr_app *app, char *why)
{
    (void)user, (void)app, (void)why;
    return 0;
}

static void alone(void *user)
{
    (void)user;
}

int command_run(int argc, char **argv)
{
    static const struct run_hooks hooks = { alone_start, alone, alone };

    return run_application(argc, argv, &hooks, NULL);
}
