/* app/config.c - `atrium config`: every setting, its value and where it came from.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "app/command.h"
#include "app/sources.h"
#include "base/err.h"
#include "script/script.h"

static void print_setting(void *user, const char *name, atr_str json, atr_source source,
                          const char *help)
{
    static const char *const sources[] = { "default", "script", "file", "environment", "flag" };

    (void)user;
    (void)help;
    printf("%-28s %-34.*s %s\n", name, (int)json.n, json.p, sources[source]);
}

int command_config(int argc, char **argv)
{
    char why[ATR_WHY_MAX] = "";
    struct invocation in;
    struct script *script = NULL;
    int err, status = EXIT_FAILED;
    atr_app *app = atr_app_new(&err);

    if (!app) {
        fprintf(stderr, "atrium: cannot start: %s\n", err_text(err));
        return EXIT_FAILED;
    }
    if (sources_read(app, argc, argv, &in, why) < 0 ||
        (in.script && script_open(app, in.script, &script, why) < 0)) {
        fprintf(stderr, "atrium: %s\n", why);
        goto done;
    }
    atr_app_settings(app, print_setting, NULL);
    status = EXIT_OK;
done:
    script_close(script);
    atr_app_free(app);
    return status;
}
