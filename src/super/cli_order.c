/* super/cli_order.c - commands that tell the supervisor what to do, in one request: stop this,
 * scale that, save. What the answer's list says is printed afterwards.
 *
 * Start reading at for_targets().
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>

#include "proto/json.h"
#include "super/cli.h"
#include "super/fields.h"

/* --- Those that name targets, and print the list afterwards --- */

static int for_targets(const struct cli *c, const char *dflt)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int status = 0;

    if (!c->word_count && !dflt) {
        fprintf(stderr, "atrium: %s what? A name, an id, a file of applications, or all\n",
                c->command);
        return CLI_USAGE;
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

int cli_on_targets(const struct cli *c)
{
    return for_targets(c, NULL);
}

int cli_flush(const struct cli *c)
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

int cli_ping(const struct cli *c)
{
    return plain(c, false, "pong");
}

int cli_save(const struct cli *c)
{
    return plain(c, false, "saved");
}

int cli_reopen(const struct cli *c)
{
    return plain(c, false, "reopened");
}

int cli_resurrect(const struct cli *c)
{
    return plain(c, true, "");
}

int cli_kill(const struct cli *c)
{
    return plain(c, false, "stopped");
}

/* --- With an argument of their own --- */

int cli_scale(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int status = 0;

    if (c->word_count != 2) {
        fprintf(stderr, "atrium: scale what to how many? atrium scale NAME N|+N|-N|max\n");
        return CLI_USAGE;
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

int cli_signal(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct cli targets = *c;
    int status = 0, signal;

    if (c->word_count < 2) {
        fprintf(stderr, "atrium: which signal to whom? atrium signal SIGNAL NAME|ID|all\n");
        return CLI_USAGE;
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
