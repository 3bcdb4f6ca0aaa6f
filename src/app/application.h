/* app/application.h - what a command runs: a script, or a module.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_APPLICATION_H
#define APP_APPLICATION_H

#include "app/module.h"
#include "script/script.h"

/* Zeroed: nothing is loaded. */
struct application {
    struct script *script;
    void *module;
};

/* Loads the file into app. On failure a negative code, and the sentence in why. */
static inline int application_open(atr_app *app, const char *path, struct application *a, char *why)
{
    return module_is(path) ? module_open(app, path, &a->module, why)
                           : script_open(app, path, &a->script, why);
}

/* Ends it and frees app: a script goes first, a module's functions are called to the last. */
static inline void application_free(struct application *a, atr_app *app)
{
    script_close(a->script);
    atr_app_free(app);
    module_close(a->module);
}

#endif
