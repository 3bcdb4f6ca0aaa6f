/* api/pressure.c - waiting for clients that do not keep up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/app.h"

#include "net/drain.h"

int atr_must_wait(const atr_app *app)
{
    (void)app; /* one per thread */
    return drain_noted();
}

int atr_wait_drain(atr_app *app, uint32_t timeout_ms, void (*fn)(void *user, int err), void *user)
{
    return drain_wait(&app->loop, timeout_ms, fn, user);
}
