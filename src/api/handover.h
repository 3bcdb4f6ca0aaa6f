/* api/handover.h - what of an application goes along when its clients go on in another process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_HANDOVER_H
#define API_HANDOVER_H

#include "api/app.h"

/* Appends what the application wants to keep, as JSON; nothing: there is none. 0, or what it says.
 */
int handover_save(atr_app *app, struct buf *json) MUST_CHECK;
/* Gives it what another process has saved. 0, or what is wrong with the JSON, or what it says. */
int handover_restore(atr_app *app, str json) MUST_CHECK;
/* How many handlers still run for clients. */
size_t app_busy(const atr_app *app);

#endif
