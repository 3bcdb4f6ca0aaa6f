/* app/command.h - the commands of the program. Each returns the exit status.
 *
 * argv[0] is the command's own name.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int command_run(int argc, char **argv);    /* atrium run app.lua [flags] */
int command_config(int argc, char **argv); /* atrium config [app.lua] [flags] */

#endif
