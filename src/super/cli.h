/* super/cli.h - a command line of the supervisor's commands, taken apart, and what commands share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_CLI_H
#define SUPER_CLI_H

#include "super/apps_file.h"
#include "super/home.h"
#include "super/super.h"

struct cli_flag {
    const char *name, *value; /* without dashes; value NULL: none was given */
};

struct cli {
    const struct super_outside *outside;
    struct home home;
    const char *command; /* by its own name, not by an alias */
    const char **words;  /* what is no flag */
    size_t word_count;
    struct cli_flag *flags;
    size_t flag_count;
    char **rest; /* behind "--", up to its NULL; NULL: none */
};

/* Flags: --name value, --name=value, and PM2's letters. Which take no value is known from the table
 * of keys and from here. */
int cli_parse(struct cli *c, int argc, char **argv, char *why) MUST_CHECK;
void cli_free(struct cli *c);
/* The flag's value, "" when it has none, NULL when it was not given. */
const char *cli_flag(const struct cli *c, const char *name);

/* Begins a request: {"v":1,"command":... */
void cli_begin(struct buf *b, const char *command);
/* "targets":[...]: the words, where a file stands for the applications in it. */
int cli_targets(const struct cli *c, struct buf *b, char *why) MUST_CHECK;
void cli_shell(struct buf *b); /* "shell":{...}: our environment */

/* Whether the name is that of a file of applications. */
bool cli_is_config(const char *path);
/* Reads one: finished descriptions. Flags of the table of keys are put over them. */
int cli_read_config(const struct cli *c, const char *path, struct apps *a, char *why) MUST_CHECK;
/* The same of a script. */
int cli_read_script(const struct cli *c, const char *path, struct apps *a, char *why) MUST_CHECK;
/* The file of applications in the working folder; NULL: none. */
const char *cli_find_config(void);

/* --- Commands: each runs one, and returns the exit status --- */

enum { CLI_USAGE = 2 }; /* the exit status when the command line is wrong */

int cli_start(const struct cli *c); /* and its kin */
int cli_update(const struct cli *c);

/* cli_look.c */
int cli_list(const struct cli *c);
int cli_jlist(const struct cli *c);
int cli_describe(const struct cli *c);
int cli_pid(const struct cli *c);
int cli_id(const struct cli *c);
int cli_logs(const struct cli *c);
int cli_env(const struct cli *c);

/* cli_order.c */
int cli_on_targets(const struct cli *c); /* restart, reload, stop, delete, reset */
int cli_flush(const struct cli *c);
int cli_ping(const struct cli *c);
int cli_save(const struct cli *c);
int cli_reopen(const struct cli *c);
int cli_resurrect(const struct cli *c);
int cli_kill(const struct cli *c);
int cli_scale(const struct cli *c);
int cli_signal(const struct cli *c);

/* --- What they share --- */

/* Asks, starting a supervisor if there is one to be adopted after (or always, when `start`).
 * 0, or a negative code with the sentence in why. */
int cli_ask(const struct cli *c, struct buf *request, bool start, struct buf *answer,
            char *why) MUST_CHECK;
/* {"list":[...]} of everybody; without a supervisor it is empty. */
int cli_ask_list(const struct cli *c, struct buf *answer, char *why) MUST_CHECK;
/* Prints the sentence; the exit status. */
int cli_fail(const char *why);
/* Prints the table of the answer's list, unless --silent. */
void cli_print_list(const struct cli *c, str answer);

#endif
