/* api/tls.h - TLS of an application's listeners: from settings to a context, and its renewal.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_TLS_H
#define API_TLS_H

#include "api/settings.h"

struct atr_app;

/* Checks of settings with a shape; 0, or a negative code and the sentence in why. */
int tls_hosts_check(str json, char *why);
int tls_version_check(str json, char *why);

/* Reads the certificates that the settings name. Returns 1 when there are any, 0 when none is set,
 * or a negative code with the reason in why. */
int tls_open(struct atr_app *app, char *why);
/* Puts a changed tlsReloadInterval in force. */
void tls_apply_settings(struct atr_app *app);
/* After every connection has gone. */
void tls_close(struct atr_app *app);

#endif
