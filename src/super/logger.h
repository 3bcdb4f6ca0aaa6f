/* super/logger.h - the process that writes the logs: `atrium logger`.
 *
 * Programs write into named pipes; the logger cuts what comes into lines, puts the time before them
 * if that is wanted, and appends them to files, which it puts aside when they are large and opens
 * again when it is told (SIGUSR1). It is a process of its own so that logs go on when the
 * supervisor is dead, and that any program's lines can have a time; see
 * docs/decisions/logger-process.md.
 *
 * It listens on the socket at SPAWN_FD, where supervisors tell it of streams, and ends when none is
 * connected and no stream is left.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_LOGGER_H
#define SUPER_LOGGER_H

/* Returns the exit status. */
int logger_run(void);

#endif
