/* super/monit.h - `atrium monit`: a live view of what runs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_MONIT_H
#define SUPER_MONIT_H

#include "super/cli.h"

int monit_run(const struct cli *c); /* until a key or a signal ends it; the exit status */

#endif
