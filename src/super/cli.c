/* super/cli.c - see cli.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/json.h"
#include "super/client.h"
#include "super/fields.h"
#include "super/state.h"
#include "super/supervisor.h"
#include "super/table.h"

extern char **environ;

/* PM2's letters. */
static const struct letter {
    char letter;
    const char *name;
} letters[] = {
    { 'i', "instances" },    { 'n', "name" },       { 'o', "output" }, { 'e', "error" },
    { 'w', "watch" },        { 'f', "follow" },     { 's', "silent" }, { 'c', "cron" },
    { 'l', "log" },          { 'a', "update-env" }, { 'h', "help" },   { 'u', "username" },
    { 'k', "kill-timeout" }, { 'p', "pid" },
};

/* Flags of commands that take no value. */
static const char *const bare[] = { "no-daemon", "update-env", "json",      "raw",      "follow",
                                    "nostream",  "silent",     "err",       "out",      "force",
                                    "timestamp", "highlight",  "no-stream", "no-color", "service",
                                    "user",      "help" };

static bool is_bare(const struct cli *c, str name)
{
    bool logs = !strcmp(c->command, "logs");

    if (!logs && (str_eq(name, STR("err")) || str_eq(name, STR("out"))))
        return false; /* of start: file names */
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++)
        if (str_eq(name, str_of(bare[i])))
            return true;
    return str_starts(name, STR("no-")) || spec_flag_is_bool(name);
}

/* -i 4, -i4 */
static int take_letter(struct cli *c, const char *word, const char **name, const char **value,
                       char *why)
{
    (void)c;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].letter == word[1]) {
            *name = letters[i].name;
            *value = word[2] ? word + 2 : NULL;
            return 0;
        }
    return err_why(why, ATR_EUNKNOWN, "unknown flag %s", word);
}

static void add_flag(struct cli *c, str name, const char *value)
{
    c->flags = mem_realloc(c->flags, (c->flag_count + 1) * sizeof *c->flags);
    c->flags[c->flag_count++] = (struct cli_flag){ str_dup(name), value };
}

static bool is_value(const char *word)
{
    /* "-1" is a number of instances */
    return word && (word[0] != '-' || (word[1] >= '0' && word[1] <= '9'));
}

int cli_parse(struct cli *c, int argc, char **argv, char *why)
{
    int err;

    c->words = mem_zalloc((size_t)argc * sizeof *c->words);
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *name = NULL, *value = NULL;
        str flag = str_of(word), part;

        if (!strcmp(word, "--")) {
            c->rest = argv + i + 1;
            break;
        }
        if (word[0] != '-' || !word[1] || (is_value(word) && !strcmp(c->command, "scale"))) {
            c->words[c->word_count++] = word;
            continue;
        }
        if (word[1] != '-') {
            if ((err = take_letter(c, word, &name, &value, why)) < 0)
                return err;
            part = str_of(name);
        } else {
            flag = str_n(word + 2, flag.n - 2);
            (void)str_cut(&flag, '=', &part);
            value = flag.p;
        }
        if (!value && !is_bare(c, part)) {
            if (!is_value(argv[i + 1]))
                return err_why(why, ATR_ESYNTAX, "--%.*s needs a value", STR_ARG(part));
            value = argv[++i];
        }
        add_flag(c, part, value);
    }
    return 0;
}

void cli_free(struct cli *c)
{
    for (size_t i = 0; i < c->flag_count; i++)
        mem_free((void *)(uintptr_t)c->flags[i].name);
    mem_free(c->flags);
    mem_free(c->words);
}

const char *cli_flag(const struct cli *c, const char *name)
{
    for (size_t i = c->flag_count; i > 0; i--)
        if (!strcmp(c->flags[i - 1].name, name))
            return c->flags[i - 1].value ? c->flags[i - 1].value : "";
    return NULL;
}

/* --- Requests --- */

void cli_begin(struct buf *b, const char *command)
{
    buf_byte(b, '{');
    field_number(b, "v", SUPER_PROTOCOL);
    field_text(b, "command", command);
}

void cli_shell(struct buf *b)
{
    field_key(b, "shell");
    buf_byte(b, '{');
    for (char **at = environ; *at; at++) {
        str value = str_of(*at), name;

        if (!str_cut(&value, '=', &name) || !value.p || !name.n)
            continue;
        field_comma(b);
        json_write_string(b, name);
        buf_byte(b, ':');
        json_write_string(b, value);
    }
    buf_byte(b, '}');
}

static int add_names(const struct cli *c, const char *path, struct buf *b, char *why)
{
    struct apps a;
    int err = cli_read_config(c, path, &a, why);

    for (size_t i = 0; err == 0 && i < a.count; i++) {
        field_comma(b);
        json_write_string(b, str_of(spec_text(&a.list[i], SPEC_KEY_name)));
    }
    if (err == 0)
        apps_fini(&a);
    return err;
}

int cli_targets(const struct cli *c, struct buf *b, char *why)
{
    int err = 0;

    field_key(b, "targets");
    buf_byte(b, '[');
    for (size_t i = 0; err == 0 && i < c->word_count; i++) {
        if (cli_is_config(c->words[i]) && access(c->words[i], R_OK) == 0) {
            err = add_names(c, c->words[i], b, why);
            continue;
        }
        field_comma(b);
        json_write_string(b, str_of(c->words[i]));
    }
    buf_byte(b, ']');
    return err;
}

int cli_ask(const struct cli *c, struct buf *request, bool start, struct buf *answer, char *why)
{
    int err;

    buf_byte(request, '}');
    if ((start || state_exists(&c->home)) && (err = client_ensure(&c->home, why)) < 0)
        return err;
    return client_ask(&c->home, buf_str(request), answer, why);
}

int cli_ask_list(const struct cli *c, struct buf *answer, char *why)
{
    struct buf request = { 0 };
    int err;

    cli_begin(&request, "list");
    err = cli_ask(c, &request, false, answer, why);
    buf_free(&request);
    if (err == -ENOENT) {
        buf_add(answer, STR("{\"list\":[]}"));
        err = 0;
    }
    return err;
}

int cli_fail(const char *why)
{
    fprintf(stderr, "atrium: %s\n", why);
    return 1;
}

void cli_print_list(const struct cli *c, str answer)
{
    if (!cli_flag(c, "silent"))
        table_print(stdout, json_get(answer, STR("list")), isatty(1) && !cli_flag(c, "no-color"));
}
