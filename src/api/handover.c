/* api/handover.c - see handover.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/handover.h"

#include "base/buf.h"
#include "proto/json.h"

void atr_app_on_handover(atr_app *app, int (*save)(void *user, atr_writer *w),
                         int (*restore)(void *user, atr_str json), void *user)
{
    app->handover.save = save;
    app->handover.restore = restore;
    app->handover.user = user;
}

void atr_app_on_busy(atr_app *app, size_t (*fn)(void *user), void *user)
{
    app->handover.busy = fn;
    app->handover.busy_user = user;
}

int handover_save(atr_app *app, struct buf *json)
{
    atr_writer *w;
    int err;

    if (!app->handover.save)
        return 0;
    w = atr_writer_new();
    err = app->handover.save(app->handover.user, w);
    if (err >= 0)
        buf_add(json, str_in(atr_writer_data(w).json));
    atr_writer_free(w);
    return err < 0 ? err : 0;
}

int handover_restore(atr_app *app, str json)
{
    int err;

    if (!app->handover.restore || json.n == 0)
        return 0;
    if ((err = json_check(json, JSON_DEPTH)) < 0)
        return err;
    err = app->handover.restore(app->handover.user, str_out(json));
    return err < 0 ? err : 0;
}

size_t app_busy(const atr_app *app)
{
    return app->handover.busy ? app->handover.busy(app->handover.busy_user) : 0;
}
