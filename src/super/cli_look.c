/* super/cli_look.c - commands that only look: who runs, all about one, its environment, its logs.
 *
 * They ask for the list of everybody, and show those of it that are meant: start reading at
 * meant().
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "proto/json.h"
#include "super/cli.h"
#include "super/fields.h"
#include "super/table.h"
#include "super/tail.h"

enum { LINES_DEFAULT = 15 };

int cli_list(const struct cli *c)
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

int cli_jlist(const struct cli *c)
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

int cli_describe(const struct cli *c)
{
    struct buf list = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct json_iter it;
    int err;

    if (!c->word_count) {
        fprintf(stderr, "atrium: describe what? A name or an id\n");
        return CLI_USAGE;
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
int cli_pid(const struct cli *c)
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

int cli_id(const struct cli *c)
{
    return print_numbers(c, "pm_id");
}

int cli_logs(const struct cli *c)
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

int cli_env(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 }, scratch = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct json_iter it;
    str word;
    int err;

    if (c->word_count != 1) {
        fprintf(stderr, "atrium: the environment of what? An id or a name\n");
        return CLI_USAGE;
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
