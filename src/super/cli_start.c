/* super/cli_start.c - `atrium start`: of a file of applications, a script, or what is known
 * already.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/json.h"
#include "super/cli.h"
#include "super/client.h"
#include "super/fields.h"
#include "super/supervisor.h"

/* What becomes of an application that runs already. */
static const char *existing(const struct cli *c, bool from_file)
{
    if (!strcmp(c->command, "startOrRestart") || cli_flag(c, "force"))
        return "restart";
    return strcmp(c->command, "start") || from_file ? "reload" : "refuse";
}

static void add_apps(const struct cli *c, struct buf *b, const struct apps *a, bool from_file)
{
    field_text(b, "existing", existing(c, from_file));
    cli_shell(b);
    field_key(b, "apps");
    buf_byte(b, '[');
    for (size_t i = 0; i < a->count; i++) {
        if (i)
            buf_byte(b, ',');
        spec_write(&a->list[i], b);
    }
    buf_byte(b, ']');
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Whether the supervisor, if there is one, has an application of that name or id. */
static bool is_known(const struct cli *c, const char *word)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX];
    struct json_iter it;
    bool known = !strcmp(word, "all");
    char id[32];

    cli_begin(&request, "list");
    if (cli_ask(c, &request, false, &answer, why) == 0) {
        json_iter_init(&it, json_get(buf_str(&answer), STR("list")));
        while (json_iter_next(&it)) {
            (void)snprintf(id, sizeof id, "%lld",
                           (long long)field_get_number(it.value, "pm_id", -1));
            known |= field_is(it.value, "name", word) || !strcmp(id, word) ||
                     field_is(json_get(it.value, STR("pm2_env")), "namespace", word);
        }
    }
    buf_free(&request);
    buf_free(&answer);
    return known;
}

/* The words as applications: 1; as names of what is known: 0; or a negative code. */
static int read_words(const struct cli *c, struct buf *b, char *why)
{
    const char *word = c->word_count ? c->words[0] : cli_find_config();
    bool config = word && cli_is_config(word) && is_file(word);
    struct apps a;
    int err;

    if (!word)
        return err_why(why, ATR_ESYNTAX,
                       "start what? There is no atrium.yaml or ecosystem file in this folder");
    if (!config && !is_file(word) && (c->word_count > 1 || is_known(c, word)))
        return cli_targets(c, b, why);
    if (c->word_count > 1)
        return err_why(why, ATR_ESYNTAX,
                       "one file at a time: both %s and %s were named (arguments of a script stand "
                       "behind --)",
                       c->words[0], c->words[1]);
    err = config ? cli_read_config(c, word, &a, why) : cli_read_script(c, word, &a, why);
    if (err < 0)
        return err;
    add_apps(c, b, &a, config);
    apps_fini(&a);
    return 1;
}

static int start_here(const struct cli *c, struct buf *request)
{
    buf_byte(request, '}');
    buf_byte(request, 0);
    return supervisor_run(&c->home, SUPERVISOR_FOREGROUND, (const char *)request->data);
}

int cli_start(const struct cli *c)
{
    struct buf request = { 0 }, answer = { 0 };
    char why[ATR_WHY_MAX] = "";
    int status;

    cli_begin(&request, "start");
    if (read_words(c, &request, why) < 0) {
        status = cli_fail(why);
    } else if (cli_flag(c, "no-daemon")) {
        status = start_here(c, &request);
    } else if (cli_ask(c, &request, true, &answer, why) < 0) {
        status = cli_fail(why);
    } else {
        cli_print_list(c, buf_str(&answer));
        status = 0;
    }
    buf_free(&request);
    buf_free(&answer);
    return status;
}
