/* app/store.h - where an application's store is, and how a centre that is not there is started.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_STORE_H
#define APP_STORE_H

#include <stdbool.h>

#include "atrium/app.h"

/* name: of the application, copied; NULL: taken from its file. shared: it has, or may have, other
 * processes. Before the application runs. */
void store_place(atr_app *app, const char *name, const char *file, bool shared);

#endif
