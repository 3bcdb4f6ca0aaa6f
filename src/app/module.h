/* app/module.h - an application that is a shared object.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_MODULE_H
#define APP_MODULE_H

#include <stdbool.h>

#include "atrium/app.h"

/* Whether path names one, rather than a script: by its first bytes, or by its name. */
bool module_is(const char *path);

/* Loads it and calls its atr_main(). *handle, set on success, goes to module_close() after app is
 * freed, since app calls its functions until then. On failure a negative code, and the sentence in
 * why; the object then stays loaded, for app may hold some of its functions already. */
int module_open(atr_app *app, const char *path, void **handle, char *why);
void module_close(void *handle); /* NULL is fine */

#endif
