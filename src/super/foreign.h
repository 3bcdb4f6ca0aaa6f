/* super/foreign.h - PM2's commands that Atrium does not have, and what to use instead.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_FOREIGN_H
#define SUPER_FOREIGN_H

/* A sentence; NULL: PM2 has no such command either, or Atrium has it. */
const char *foreign_instead(const char *command);

#endif
