/* app/run.c - `atrium run app.lua`: one process that serves one application.
 *
 * Order of start: settings, script (which may configure and register), listener, then the line that
 * says where. SIGTERM and SIGINT close in good order, a second one at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/app.h"
#include "app/command.h"
#include "app/sources.h"
#include "base/log.h"
#include "script/script.h"

struct server_process {
    atr_app *app;
    struct script *script;
    struct watch signals;
    int signal_fd;
};

static void reload(atr_app *app)
{
    char why[ATR_WHY_MAX] = "";

    if (atr_app_reload_tls(app, why) < 0)
        log_event(LOG_ERROR, "tls-reload-failed", "%s", why);
    else
        log_event(LOG_INFO, "tls-reloaded", "cause=signal");
}

static void on_signal(struct watch *w, uint32_t events)
{
    struct server_process *p = container_of(w, struct server_process, signals);
    struct signalfd_siginfo info;

    (void)events;
    while (read(p->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(p->app);
            continue;
        }
        bool again = p->app->closing;
        log_event(LOG_INFO, again ? "stopping" : "closing", "signal=%u", info.ssi_signo);
        if (again)
            atr_app_stop(p->app);
        else
            atr_app_close(p->app,
                          (uint32_t)settings_number(&p->app->settings, SET_shutdownTimeout));
    }
}

static int watch_signals(struct server_process *p, char *why)
{
    sigset_t set;
    int err;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    if ((p->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return err_why(why, -errno, "cannot watch signals");
    p->signals.on_events = on_signal;
    if ((err = loop_watch(&p->app->loop, &p->signals, p->signal_fd, EPOLLIN)) < 0)
        return err_why(why, err, "cannot watch signals: %s", err_text(err));
    return 0;
}

/* With TLS, SIGHUP means that certificates were renewed. Without, it means what it always does. */
static int watch_hangups(struct server_process *p, char *why)
{
    sigset_t set;

    if (!atr_app_tls_port(p->app))
        return 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (signalfd(p->signal_fd, &set, 0) < 0)
        return err_why(why, -errno, "cannot watch signals");
    return 0;
}

/* As many descriptors as the system allows: each connection needs one. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* a lower limit still serves */
    }
}

/* The URL to put into a browser. */
static void print_url(char *out, size_t size, const char *scheme, const char *host, int port)
{
    bool any = !*host || !strcmp(host, "::") || !strcmp(host, "0.0.0.0");

    (void)snprintf(out, size, strchr(host, ':') && !any ? "%s://[%s]:%d" : "%s://%s:%d", scheme,
                   any ? "localhost" : host, port);
}

/* Says where, and puts the main port's URL into url. */
static void announce(const atr_app *app, const char *host, char *url, size_t size)
{
    int port = app->port, tls_port = atr_app_tls_port(app);
    char second[300];

    print_url(url, size, tls_port == port ? "https" : "http", host, port);
    printf("Atrium %s is listening on %s", atr_version(), url);
    if (tls_port && tls_port != port) {
        print_url(second, sizeof second, "https", host, tls_port);
        printf(" and %s", second);
    }
    printf("\n");
    fflush(stdout);
}

static int start(struct server_process *p, int argc, char **argv, char *why)
{
    struct invocation in;
    char host[256], url[300];
    int err, port;

    if ((err = sources_read(p->app, argc, argv, &in, why)) < 0)
        return err;
    if (!in.script)
        return err_why(why, ATR_ESYNTAX,
                       "which script? Usage: atrium run app.lua [--port N] [--config FILE]");
    if ((err = watch_signals(p, why)) < 0 ||
        (err = script_open(p->app, in.script, &p->script, why)) < 0)
        return err;
    settings_text(&p->app->settings, SET_host, host, sizeof host);
    port = (int)settings_number(&p->app->settings, SET_port);
    if ((port = atr_app_listen(p->app, *host ? host : NULL, (uint16_t)port, why)) < 0)
        return port;
    if ((err = watch_hangups(p, why)) < 0)
        return err;
    announce(p->app, host, url, sizeof url);
    script_listening(p->script, url);
    return 0;
}

static void stop(struct server_process *p)
{
    script_close(p->script);
    if (p->signal_fd >= 0) {
        loop_unwatch(&p->app->loop, &p->signals);
        close(p->signal_fd);
    }
    atr_app_free(p->app);
}

int command_run(int argc, char **argv)
{
    struct server_process p = { .signal_fd = -1, .signals.fd = -1 };
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
        stop(&p);
        return EXIT_FAILED;
    }
    err = atr_app_run(p.app);
    if (err < 0)
        log_event(LOG_ERROR, "loop-failed", "error=%s", err_name(err));
    stop(&p);
    return err < 0 ? EXIT_FAILED : EXIT_OK;
}
