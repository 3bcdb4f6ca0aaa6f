/* super/report.h - what is told of an instance: in PM2's shape, so that scripts that read `pm2
 * jlist` read this too.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_REPORT_H
#define SUPER_REPORT_H

#include "base/buf.h"

struct instance;
struct supervisor;

void report_instance(const struct instance *i, struct buf *out);
void report_all(const struct supervisor *s, struct buf *out); /* an array, by id */

#endif
