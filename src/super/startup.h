/* super/startup.h - `atrium startup`, `atrium unstartup`: a unit of systemd that keeps the
 * supervisor, and starts at boot what was saved.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_STARTUP_H
#define SUPER_STARTUP_H

#include "super/cli.h"

int startup_run(const struct cli *c); /* both; the exit status */

#endif
