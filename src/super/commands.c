/* super/commands.c - the commands by name: the table, help, and how one is run.
 *
 * What they do is in cli_start.c, cli_update.c, cli_look.c, cli_order.c, monit.c and startup.c.
 * Start reading at `commands` and super_command().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "super/cli.h"
#include "super/foreign.h"
#include "super/logger.h"
#include "super/monit.h"
#include "super/startup.h"
#include "super/supervisor.h"

/* --- Commands of which other files know nothing --- */

static int run_keys(const struct cli *c)
{
    (void)c;
    super_markdown(stdout);
    return 0;
}

/* The processes that commands start. */
static int run_supervisor(const struct cli *c)
{
    return cli_flag(c, "service")
               ? supervisor_run(&c->home, SUPERVISOR_SERVICE, "{\"v\":1,\"command\":\"resurrect\"}")
               : supervisor_run(&c->home, SUPERVISOR_DAEMON, NULL);
}

static int run_logger(const struct cli *c)
{
    (void)c;
    return logger_run();
}

/* --- The table --- */

static const struct command {
    const char *names; /* the first is ours, the others are PM2's; parted by spaces */
    int (*run)(const struct cli *c);
    const char *help; /* NULL: not for people */
} commands[] = {
    { "start", cli_start,
      "start [FILE] [-i N|max] [--name NAME] [--KEY VALUE] [-- ARGS]   keep an application "
      "running: a script, a file of applications (atrium.yaml, ecosystem.config.js), or one "
      "that was stopped; --no-daemon: in the foreground" },
    { "startOrRestart", cli_start, NULL },
    { "startOrReload startOrGracefulReload", cli_start, NULL },
    { "list ls ps status l", cli_list, "list   what runs" },
    { "jlist", cli_jlist, "jlist   the same as JSON, in the form of pm2 jlist" },
    { "describe show info desc inspect", cli_describe, "describe NAME|ID   all about one" },
    { "monit imonit dashboard dash", monit_run,
      "monit   a live view: processes, their figures, the logs of one" },
    { "logs log", cli_logs,
      "logs [NAME|ID] [--lines N] [--json] [--follow] [--err|--out]   the last lines of logs" },
    { "restart", cli_on_targets, "restart NAME|ID|all [--update-env]   stop and start again" },
    { "reload gracefulReload softReload", cli_on_targets,
      "reload NAME|ID|all [--update-env]   start the new, and only when it is ready stop the old" },
    { "update updatePM2", cli_update,
      "update   go on in this version of atrium: a new supervisor, then every application is "
      "reloaded" },
    { "scale", cli_scale, "scale NAME N|+N|-N|max   more or fewer instances" },
    { "stop", cli_on_targets, "stop NAME|ID|all   close connections, then end" },
    { "delete del", cli_on_targets, "delete NAME|ID|all   stop and forget" },
    { "signal sendSignal", cli_signal, "signal SIGNAL NAME|ID|all   send a signal" },
    { "reset", cli_on_targets, "reset NAME|ID|all   counters to zero" },
    { "env", cli_env, "env ID   variables that one is started with" },
    { "pid", cli_pid, "pid [NAME]   process ids; without a name the supervisor's" },
    { "id", cli_id, NULL },
    { "flush", cli_flush, "flush [NAME|ID]   empty log files" },
    { "reopen reloadLogs", cli_reopen, "reopen   open log files again, as on SIGUSR1" },
    { "save dump", cli_save, "save   remember what runs" },
    { "resurrect", cli_resurrect, "resurrect   start what was saved" },
    { "startup", startup_run,
      "startup [--user] [-u NAME]   a unit of systemd: start what was saved when the machine "
      "starts" },
    { "unstartup", startup_run, "unstartup [--user] [-u NAME]   remove it" },
    { "ping", cli_ping, "ping   whether a supervisor runs" },
    { "kill", cli_kill, "kill   stop everything, the supervisor too" },
    { "keys", run_keys, "keys   the keys of a file of applications, as docs/supervisor-keys.md" },
    { "supervisor", run_supervisor, NULL },
    { "logger", run_logger, NULL },
};

static const struct command *find(const char *name)
{
    str rest, one;

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        rest = str_of(commands[i].names);
        while (str_cut(&rest, ' ', &one))
            if (str_eq(one, str_of(name)))
                return &commands[i];
    }
    return NULL;
}

bool super_knows(const char *name)
{
    return find(name) || foreign_instead(name);
}

static int print_help(const struct command *command)
{
    str rest = str_of(command->names), name;

    (void)str_cut(&rest, ' ', &name);
    if (command->help)
        printf("atrium %s\n", command->help);
    else
        printf("atrium %.*s   see docs/supervisor.md\n", STR_ARG(name));
    if (rest.p)
        printf("Other names: %.*s\n", STR_ARG(rest));
    return 0;
}

static int refuse_foreign(const char *name)
{
    char why[ATR_WHY_MAX];

    (void)err_why(why, 0, "%s is a command of PM2 that Atrium does not have: %s", name,
                  foreign_instead(name));
    return cli_fail(why);
}

int super_command(int argc, char **argv, const struct super_outside *outside)
{
    const struct command *command = find(argv[0]);
    struct cli c = { .outside = outside };
    char why[ATR_WHY_MAX] = "";
    int status;

    if (!command)
        return refuse_foreign(argv[0]);
    str name, rest = str_of(command->names);

    (void)str_cut(&rest, ' ', &name);
    char *own = str_dup(name);
    c.command = own;
    if (cli_parse(&c, argc, argv, why) < 0) {
        fprintf(stderr, "atrium: %s\n", why);
        status = CLI_USAGE;
    } else if (cli_flag(&c, "help")) {
        status = print_help(command);
    } else if (command->run != run_logger && command->run != startup_run &&
               home_open(&c.home, why) < 0) {
        status = cli_fail(why);
    } else {
        status = command->run(&c);
    }
    cli_free(&c);
    mem_free(own);
    return status;
}

void super_usage(FILE *out)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].help)
            fprintf(out, "  atrium %s\n", commands[i].help);
}
