/* app/command.h - the commands of the program. Each returns the exit status.
 *
 * argv[0] is the command's own name.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int command_run(int argc, char **argv);    /* atrium run app.lua [flags] */
int command_config(int argc, char **argv); /* atrium config [app.lua] [flags] */
int command_centre(int argc, char **argv); /* atrium centre: the store's process */
int command_worker(int argc, char **argv); /* internal: `run` under a supervisor */

/* start, stop, list, ...: see super/super.h. */
bool command_is_super(const char *name);
int command_super(int argc, char **argv);
void command_super_usage(FILE *out);

#endif
