/* load/load.h - the load generator behind `atrium bench`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

/* Runs the command; returns the exit status. argv[0] is "bench". */
int load_command(int argc, char **argv);

#endif
