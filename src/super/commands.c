/* super/commands.c - the commands by name: what each asks of the supervisor and prints.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/json.h"
#include "super/cli.h"
#include "super/client.h"
#include "super/fields.h"
#include "super/foreign.h"
#include "super/logger.h"
#include "super/monit.h"
#include "super/startup.h"
#include "super/supervisor.h"
#include "super/table.h"
#include "super/tail.h"

enum { STATUS_USAGE = 2, LINES_DEFAULT = 15 };

/* --- Those that name targets, and print the list afterwards --- */

static int for_targets(const struct cli *c, const char *dflt)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int status = 0;

    if (!c->word_count && !dflt) {
        fprintf(stderr, "atrium: %s what? A name, an id, a file of applications, or all\n",
                c->command);
        return STATUS_USAGE;
    }
    cli_begin(&request, c->command);
    if (cli_flag(c, "update-env"))
        cli_shell(&request);
    if (!c->word_count)
        field_json(&request, "targets", str_of(dflt));
    if ((c->word_count && cli_targets(c, &request, why) < 0) ||
        cli_ask(c, &request, false, &answer, why) < 0)
        status = cli_fail(why);
    else if (json_get(buf_str(&answer), STR("list")).p)
        cli_print_list(c, buf_str(&answer));
    buf_free(&request);
    buf_free(&answer);
    return status;
}

static int run_on_targets(const struct cli *c)
{
    return for_targets(c, NULL);
}

static int run_flush(const struct cli *c)
{
    return for_targets(c, "[\"all\"]");
}

/* --- Those without --- */

static int plain(const struct cli *c, bool start, const char *done)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int status = 0;

    cli_begin(&request, c->command);
    if (cli_ask(c, &request, start, &answer, why) < 0)
        status = cli_fail(why);
    else if (json_get(buf_str(&answer), STR("list")).p)
        cli_print_list(c, buf_str(&answer));
    else
        printf("%s\n", done);
    buf_free(&request);
    buf_free(&answer);
    return status;
}

static int run_ping(const struct cli *c)
{
    return plain(c, false, "pong");
}

static int run_save(const struct cli *c)
{
    return plain(c, false, "saved");
}

static int run_reopen(const struct cli *c)
{
    return plain(c, false, "reopened");
}

static int run_resurrect(const struct cli *c)
{
    return plain(c, true, "");
}

static int run_kill(const struct cli *c)
{
    return plain(c, false, "stopped");
}

/* --- Looking --- */

static int run_list(const struct cli *c)
{
    struct buf answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int err = cli_ask_list(c, &answer, why);

    if (err == 0)
        table_print(stdout, json_get(buf_str(&answer), STR("list")),
                    isatty(1) && !cli_flag(c, "no-color"));
    buf_free(&answer);
    return err < 0 ? cli_fail(why) : 0;
}

static int run_jlist(const struct cli *c)
{
    struct buf answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int err = cli_ask_list(c, &answer, why);
    str list = json_get(buf_str(&answer), STR("list"));

    if (err == 0)
        printf("%.*s\n", STR_ARG(list));
    buf_free(&answer);
    return err < 0 ? cli_fail(why) : 0;
}

/* Whether the words of the command mean the instance; no word: all. */
static bool is_meant(const struct cli *c, str i)
{
    char id[32];

    (void)snprintf(id, sizeof id, "%lld", (long long)field_get_number(i, "pm_id", -1));
    for (size_t n = 0; n < c->word_count; n++)
        if (!strcmp(c->words[n], "all") || !strcmp(c->words[n], id) ||
            field_is(i, "name", c->words[n]) ||
            field_is(json_get(i, STR("pm2_env")), "namespace", c->words[n]))
            return true;
    return c->word_count == 0;
}

/* The instances that are meant, as an array, in out. */
static int meant(const struct cli *c, struct buf *out, char *why)
{
    struct buf answer = { 0 };
    struct json_iter it;
    int err = cli_ask_list(c, &answer, why);
    size_t count = 0;

    buf_byte(out, '[');
    json_iter_init(&it, json_get(buf_str(&answer), STR("list")));
    while (err == 0 && json_iter_next(&it))
        if (is_meant(c, it.value)) {
            field_comma(out);
            buf_add(out, it.value);
            count++;
        }
    buf_byte(out, ']');
    buf_free(&answer);
    if (err == 0 && !count)
        err = c->word_count ? err_why(why, ATR_EUNKNOWN,
                                      "there is no application or id called \"%s\"", c->words[0])
                            : err_why(why, ATR_EUNKNOWN, "there is no application");
    return err;
}

static int run_describe(const struct cli *c)
{
    struct buf list = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct json_iter it;
    int err;

    if (!c->word_count) {
        fprintf(stderr, "atrium: describe what? A name or an id\n");
        return STATUS_USAGE;
    }
    if ((err = meant(c, &list, why)) == 0) {
        json_iter_init(&it, buf_str(&list));
        while (json_iter_next(&it))
            table_describe(stdout, it.value);
    }
    buf_free(&list);
    return err < 0 ? cli_fail(why) : 0;
}

/* pid, id: a number per line. */
static int print_numbers(const struct cli *c, const char *key)
{
    struct buf list = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct json_iter it;
    int err = meant(c, &list, why);

    json_iter_init(&it, buf_str(&list));
    while (err == 0 && json_iter_next(&it))
        printf("%lld\n", (long long)field_get_number(it.value, key, 0));
    buf_free(&list);
    return err < 0 ? cli_fail(why) : 0;
}

/* Without a name: that of the supervisor, as PM2 has it. */
static int run_pid(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int err;

    if (c->word_count)
        return print_numbers(c, "pid");
    cli_begin(&request, "ping");
    if ((err = cli_ask(c, &request, false, &answer, why)) == 0)
        printf("%lld\n", (long long)field_get_number(buf_str(&answer), "pid", 0));
    buf_free(&request);
    buf_free(&answer);
    return err < 0 ? cli_fail(why) : 0;
}

static int run_id(const struct cli *c)
{
    return print_numbers(c, "pm_id");
}

static int run_logs(const struct cli *c)
{
    const char *lines = cli_flag(c, "lines");
    bool stream = !cli_flag(c, "nostream") && !cli_flag(c, "no-stream");
    struct tail_options o = { .lines = LINES_DEFAULT,
                              .json = cli_flag(c, "json"),
                              .raw = cli_flag(c, "raw"),
                              .follow = cli_flag(c, "follow") || (stream && isatty(1)),
                              .out = !cli_flag(c, "err") || cli_flag(c, "out"),
                              .error = !cli_flag(c, "out") || cli_flag(c, "err") };
    struct buf list = { 0 };
    char why[ATR_WHY_MAX] = "";
    uint64_t n;
    int status;

    if (lines && str_to_u64(str_of(lines), 1000000, &n) < 0)
        return cli_fail("--lines must be a number of lines");
    if (lines)
        o.lines = (unsigned)n;
    status = meant(c, &list, why) < 0 ? cli_fail(why) : tail_logs(buf_str(&list), &o);
    buf_free(&list);
    return status;
}

static int run_env(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 }, scratch = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct json_iter it;
    str word;
    int err;

    if (c->word_count != 1) {
        fprintf(stderr, "atrium: the environment of what? An id or a name\n");
        return STATUS_USAGE;
    }
    cli_begin(&request, c->command);
    if ((err = cli_targets(c, &request, why)) == 0)
        err = cli_ask(c, &request, false, &answer, why);
    json_iter_init(&it, json_get(buf_str(&answer), STR("env")));
    while (err == 0 && json_iter_next(&it)) {
        buf_clear(&scratch);
        if (json_string(it.value, &scratch, &word) == 0)
            printf("%.*s\n", STR_ARG(word));
    }
    buf_free(&request);
    buf_free(&answer);
    buf_free(&scratch);
    return err < 0 ? cli_fail(why) : 0;
}

/* --- With an argument of their own --- */

static int run_scale(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int status = 0;

    if (c->word_count != 2) {
        fprintf(stderr, "atrium: scale what to how many? atrium scale NAME N|+N|-N|max\n");
        return STATUS_USAGE;
    }
    cli_begin(&request, c->command);
    field_text(&request, "name", c->words[0]);
    field_text(&request, "to", c->words[1]);
    if (cli_ask(c, &request, false, &answer, why) < 0)
        status = cli_fail(why);
    else
        cli_print_list(c, buf_str(&answer));
    buf_free(&request);
    buf_free(&answer);
    return status;
}

/* "SIGUSR2", "usr2" or a number; 0: none. */
static int signal_of(const char *word)
{
    uint64_t n;

    if (str_to_u64(str_of(word), 64, &n) == 0)
        return (int)n;
    if (str_istarts(str_of(word), STR("sig")))
        word += 3;
    for (int s = 1; s < NSIG; s++)
        if (sigabbrev_np(s) && str_ieq(str_of(sigabbrev_np(s)), str_of(word)))
            return s;
    return 0;
}

static int run_signal(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct cli targets = *c;
    int status = 0, signal;

    if (c->word_count < 2) {
        fprintf(stderr, "atrium: which signal to whom? atrium signal SIGNAL NAME|ID|all\n");
        return STATUS_USAGE;
    }
    if (!(signal = signal_of(c->words[0]))) {
        (void)err_why(why, ATR_EUNKNOWN, "there is no signal called \"%s\"", c->words[0]);
        return cli_fail(why);
    }
    targets.words++;
    targets.word_count--;
    cli_begin(&request, c->command);
    field_number(&request, "signal", signal);
    if (cli_targets(&targets, &request, why) < 0 || cli_ask(c, &request, false, &answer, why) < 0)
        status = cli_fail(why);
    buf_free(&request);
    buf_free(&answer);
    return status;
}

static int run_keys(const struct cli *c)
{
    (void)c;
    super_markdown(stdout);
    return 0;
}

/* --- Internal: the processes that commands start --- */

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
    { "list ls ps status l", run_list, "list   what runs" },
    { "jlist", run_jlist, "jlist   the same as JSON, in the form of pm2 jlist" },
    { "describe show info desc inspect", run_describe, "describe NAME|ID   all about one" },
    { "monit imonit dashboard dash", monit_run,
      "monit   a live view: processes, their figures, the logs of one" },
    { "logs log", run_logs,
      "logs [NAME|ID] [--lines N] [--json] [--follow] [--err|--out]   the last lines of logs" },
    { "restart", run_on_targets, "restart NAME|ID|all [--update-env]   stop and start again" },
    { "reload gracefulReload softReload", run_on_targets,
      "reload NAME|ID|all [--update-env]   start the new, and only when it is ready stop the old" },
    { "update updatePM2", cli_update,
      "update   go on in this version of atrium: a new supervisor, then every application is "
      "reloaded" },
    { "scale", run_scale, "scale NAME N|+N|-N|max   more or fewer instances" },
    { "stop", run_on_targets, "stop NAME|ID|all   close connections, then end" },
    { "delete del", run_on_targets, "delete NAME|ID|all   stop and forget" },
    { "signal sendSignal", run_signal, "signal SIGNAL NAME|ID|all   send a signal" },
    { "reset", run_on_targets, "reset NAME|ID|all   counters to zero" },
    { "env", run_env, "env ID   variables that one is started with" },
    { "pid", run_pid, "pid [NAME]   process ids; without a name the supervisor's" },
    { "id", run_id, NULL },
    { "flush", run_flush, "flush [NAME|ID]   empty log files" },
    { "reopen reloadLogs", run_reopen, "reopen   open log files again, as on SIGUSR1" },
    { "save dump", run_save, "save   remember what runs" },
    { "resurrect", run_resurrect, "resurrect   start what was saved" },
    { "startup", startup_run,
      "startup [--user] [-u NAME]   a unit of systemd: start what was saved when the machine "
      "starts" },
    { "unstartup", startup_run, "unstartup [--user] [-u NAME]   remove it" },
    { "ping", run_ping, "ping   whether a supervisor runs" },
    { "kill", run_kill, "kill   stop everything, the supervisor too" },
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
        status = STATUS_USAGE;
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
