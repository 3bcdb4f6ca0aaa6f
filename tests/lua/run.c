/* tests/lua/run.c - runs Lua tests: each file is an application whose main chunk asserts, and may
 * wait. It has passed when it ends without error.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdbool.h>
#include <stdio.h>

#include "atrium/atrium.h"
#include "script/script.h"

static int run(const char *path, char *why)
{
    struct script *script = NULL;
    int err;
    atr_app *app = atr_app_new(&err);

    if (!app)
        return err;
    err = script_open(app, path, &script, why);
    if (err == 0 && script_errors(script)) {
        snprintf(why, ATR_WHY_BYTES, "a handler failed");
        err = ATR_ESCRIPT;
    }
    script_close(script);
    atr_app_free(app);
    return err;
}

int main(int argc, char **argv)
{
    char why[ATR_WHY_BYTES] = "";
    int failed = 0;

    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        bool ok = run(argv[i], why) == 0;

        printf("%s %d - %s\n", ok ? "ok" : "not ok", i, argv[i]);
        if (!ok)
            printf("# %s\n", why);
        failed += !ok;
    }
    return failed > 0;
}
