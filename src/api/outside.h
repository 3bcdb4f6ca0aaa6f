/* api/outside.h - what reaches an application from outside of its loop, and where it reports: the
 * owner's hooks, signals, posts of other threads.
 *
 * Invariants: posts may be added by any thread, everything else belongs to the application's; the
 * event descriptor is written only by whoever finds the list of posts empty.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_OUTSIDE_H
#define API_OUTSIDE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "net/loop.h"

struct atr_app;
struct post;

struct outside {
    void (*on_listening)(void *user);
    void *listening_user;
    struct loop_job listening; /* calls it */
    void (*on_free)(void *user);
    void *free_user;
    char url[320];        /* "" until listening */
    struct watch signals; /* fd -1: not handled */
    struct watch posts;
    _Atomic(struct post *) posted; /* newest first */
    struct buf text;               /* scratch of the helpers for plain text */
};

int outside_init(struct atr_app *app) MUST_CHECK;
/* The application listens now, at that host and port. */
void outside_listening(struct atr_app *app, const char *host);
/* While the application is whole: runs what is posted, ends the watches. */
void outside_close(struct atr_app *app);

/* The URL of a listener; host "" and the wildcards become localhost. */
void outside_url(char *out, size_t size, const char *scheme, const char *host, int port);

int posts_init(struct atr_app *app) MUST_CHECK;
void posts_close(struct atr_app *app);
void signals_listening(struct atr_app *app);
void signals_close(struct atr_app *app);

#endif
