/* api/store.h - where an application's store is, as who runs the process knows it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_STORE_H
#define API_STORE_H

#include "api/app.h"

enum { STORE_PATH_MAX = 4096 };

struct app_store_place {
    const char *name; /* of the application: what its data are kept under */
    bool shared;      /* there are other processes of it: "auto" means the centre */
    /* The path of the centre's socket. A negative code and a sentence when there can be none. */
    int (*path)(void *user, char out[STORE_PATH_MAX], char *why);
    /* There is no centre: starts one. */
    void (*start)(void *user);
    void *user;
};

/* Before the application uses its store; p is copied, p->name stays. */
void app_place_store(atr_app *app, const struct app_store_place *p);

#endif
