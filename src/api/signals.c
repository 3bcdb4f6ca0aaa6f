/* api/signals.c - signals as commands: SIGTERM and SIGINT close, SIGHUP renews certificates.
 *
 * They arrive through a descriptor of the loop, so that nothing runs inside of a signal handler.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/app.h"
#include "base/log.h"

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
    struct outside *o = container_of(w, struct outside, signals);
    atr_app *app = container_of(o, atr_app, outside);
    struct signalfd_siginfo info;

    (void)events;
    while (w->fd >= 0 && read(w->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(app);
            continue;
        }
        bool again = app->closing;
        log_event(LOG_INFO, again ? "stopping" : "closing", "signal=%u", info.ssi_signo);
        if (again)
            atr_app_stop(app);
        else
            atr_app_close(app, (uint32_t)settings_number(&app->settings, SET_shutdownTimeout));
    }
}

/* With TLS, SIGHUP means that certificates were renewed. Without, it means what it always does. */
static int watched(int fd, bool hangups)
{
    sigset_t set;
    int err;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (hangups)
        sigaddset(&set, SIGHUP);
    if ((err = pthread_sigmask(SIG_BLOCK, &set, NULL)) != 0)
        return -err;
    fd = signalfd(fd, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int atr_app_handle_signals(atr_app *app)
{
    int err, fd;

    if (app->outside.signals.fd >= 0)
        return 0;
    if ((fd = watched(-1, app->tls_port != 0)) < 0)
        return fd;
    app->outside.signals.on_events = on_signal;
    if ((err = loop_watch(&app->loop, &app->outside.signals, fd, EPOLLIN)) < 0)
        close(fd);
    return err;
}

void signals_listening(atr_app *app)
{
    if (app->outside.signals.fd >= 0 && app->tls_port)
        (void)watched(app->outside.signals.fd, true); /* it worked for the others */
}

void signals_close(atr_app *app)
{
    int fd = app->outside.signals.fd;

    if (fd < 0)
        return;
    loop_unwatch(&app->loop, &app->outside.signals);
    close(fd);
}
