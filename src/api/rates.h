/* api/rates.h - the settings rateLimit, addressRateLimit and trustProxy.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_RATES_H
#define API_RATES_H

#include "api/app.h"

/* Whether json may be the value of the setting n, one of the three. */
int rates_check(enum setting_name n, str json, char *why);
/* Puts them in force. */
void rates_apply_settings(atr_app *app);

#endif
