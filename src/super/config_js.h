/* super/config_js.h - ecosystem.config.js: a program, so Node runs it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_CONFIG_JS_H
#define SUPER_CONFIG_JS_H

#include "base/buf.h"

/* Appends what the module exports, as JSON. What it prints goes to standard error. */
int config_js_read(const char *path, struct buf *out, char *why) MUST_CHECK;

#endif
