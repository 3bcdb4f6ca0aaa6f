/* app/run.h - a process that serves one application, and who takes part in its life.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "atrium/app.h"

/* All are filled. */
struct run_hooks {
    /* Settings are known, nothing of the application has run. A negative code (why says what) ends
     * the program. */
    int (*on_start)(void *user, atr_app *app, char *why);
    void (*on_listening)(void *user);
    void (*on_end)(void *user); /* app is about to be freed; also when on_start was not reached */
};

/* Returns the exit status. argv as for `atrium run`. */
int run_application(int argc, char **argv, const struct run_hooks *hooks, void *user);

#endif
