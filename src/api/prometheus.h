/* api/prometheus.h - the metrics of an application in Prometheus's text format, over HTTP.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_PROMETHEUS_H
#define API_PROMETHEUS_H

#include "api/app.h"

/* Serves the setting "metrics" on the main port, or on "metricsPort". Called when the application
 * begins to listen; a negative code and the reason in why when that port cannot be had. */
int prometheus_open(atr_app *app, const char *host, char *why) MUST_CHECK;
void prometheus_close(atr_app *app); /* stops listening; idempotent */
void prometheus_free(atr_app *app);

#endif
