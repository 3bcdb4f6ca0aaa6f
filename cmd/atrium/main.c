/* cmd/atrium/main.c - the program: its first argument names a command.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "atrium/app.h"
#include "load/load.h"

static int command_help(int argc, char **argv);

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("atrium %s\n", atr_version());
    return EXIT_OK;
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* NULL: not for people */
} commands[] = {
    { "run", command_run,
      "run app.lua | app.so [--host H] [--port N] [--config FILE] [--SETTING VALUE]   serve an "
      "application" },
    { "config", command_config,
      "config [app.lua] [--SETTING VALUE]   print each setting and where its value came from" },
    { "bench", load_command,
      "bench [--help]   measure a server: echo, broadcast, all, idle, connect" },
    { "centre", command_centre,
      "centre [--help]   keep what applications share: keys, leases, logs, rooms" },
    { "worker", command_worker, NULL },
    { "version", command_version, "version   print the version" },
    { "help", command_help, "help   print this" },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *out)
{
    fprintf(out, "Atrium %s, a real-time room server.\n\nUsage:\n", atr_version());
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].help)
            fprintf(out, "  atrium %s\n", commands[i].help);
    fprintf(out, "\nKeeping applications running (docs/supervisor.md):\n");
    command_super_usage(out);
}

static int command_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    usage(stdout);
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (!strcmp(name, "--version") || !strcmp(name, "-v"))
        name = "version";
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(name, commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    if (command_is_super(name))
        return command_super(argc - 1, argv + 1);
    if (*name)
        fprintf(stderr, "atrium: unknown command \"%s\"\n\n", name);
    usage(stderr);
    return EXIT_USAGE;
}
