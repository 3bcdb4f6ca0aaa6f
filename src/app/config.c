/* app/config.c - `atrium config`: every setting, its value and where it came from; with --markdown,
 * the page docs/settings.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "app/application.h"
#include "app/command.h"
#include "app/sources.h"
#include "base/err.h"

static void print_setting(void *user, const char *name, atr_str json, atr_source source,
                          const char *help)
{
    static const char *const sources[] = { "default", "script", "file", "environment", "flag" };

    (void)user;
    (void)help;
    printf("%-28s %-34.*s %s\n", name, (int)json.n, json.p, sources[source]);
}

/* --- docs/settings.md --- */

static void print_row(void *user, const char *name, atr_str json, atr_source source,
                      const char *help)
{
    (void)user;
    (void)source;
    printf("| `%s` | `%.*s` | %s |\n", name, (int)json.n, json.p, help);
}

static void print_markdown(atr_app *app)
{
    printf("# Settings\n\n"
           "`make docs` writes this page from the table in `src/api/settings.h`.\n\n"
           "A setting is given as a flag (`--ping-interval 300`), an environment variable\n"
           "(`ATRIUM_PING_INTERVAL=300`; `PORT` also sets the port), a line of `atrium.yaml`\n"
           "(`pingInterval: 300`; the file in the current folder, or `--config FILE`), or in the "
           "script\n"
           "(`io:configure{ pingInterval = 300 }`). The first of these that says something wins;\n"
           "`atrium config app.lua` prints what is in force and who said it. Times are "
           "milliseconds, sizes\n"
           "bytes. Values with a shape are JSON in flags and environment variables: `--cors\n"
           "'{\"origin\":[\"https://example.com\"]}'`.\n\n"
           "| setting | default | meaning |\n|---|---|---|\n");
    atr_app_settings(app, print_row, NULL);
}

int command_config(int argc, char **argv)
{
    char why[ATR_WHY_MAX] = "";
    struct invocation in;
    struct application application = { 0 };
    int err, status = EXIT_FAILED;
    atr_app *app = atr_app_new(&err);

    if (!app) {
        fprintf(stderr, "atrium: cannot start: %s\n", err_text(err));
        return EXIT_FAILED;
    }
    if (argc == 2 && strcmp(argv[1], "--markdown") == 0) {
        print_markdown(app);
        status = EXIT_OK;
        goto done;
    }
    if (sources_read(app, argc, argv, &in, why) < 0 ||
        (in.script && application_open(app, in.script, &application, why) < 0)) {
        fprintf(stderr, "atrium: %s\n", why);
        goto done;
    }
    atr_app_settings(app, print_setting, NULL);
    status = EXIT_OK;
done:
    application_free(&application, app);
    return status;
}
