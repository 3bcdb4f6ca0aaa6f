/* bench/apps/serve.h - how the C applications of the benchmark begin and run: settings from the
 * environment, as many descriptors as there may be, the address on stdout.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "atrium/atrium.h"

static inline int serve_set(atr_app *app, const char *setting, const char *variable, char *why)
{
    const char *value = getenv(variable);
    char json[1024];

    if (!value)
        return 0;
    (void)snprintf(json, sizeof json, *value == '/' ? "\"%s\"" : "%s", value);
    return atr_app_set(app, atr_text(setting), atr_text(json), ATR_SCRIPT, why);
}

/* Runs app until it is killed, and frees it; app NULL: says why. Returns the exit status. */
static inline int serve(atr_app *app, char *why)
{
    struct rlimit files;
    int err, port;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!app || serve_set(app, "pingInterval", "PING_INTERVAL", why) < 0 ||
        serve_set(app, "tlsCert", "TLS_CERT", why) < 0 ||
        serve_set(app, "tlsKey", "TLS_KEY", why) < 0 ||
        (port = atr_app_listen(app, "127.0.0.1", 0, why)) < 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    printf("http://127.0.0.1:%d\n", port);
    fflush(stdout);
    err = atr_app_run(app);
    atr_app_free(app);
    return err < 0;
}

#endif
