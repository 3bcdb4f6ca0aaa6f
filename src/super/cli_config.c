/* super/cli_config.c - from files and flags to descriptions of applications.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/json.h"
#include "super/cli.h"
#include "super/config_js.h"

static const char *const endings[] = { ".json",      ".yaml",       ".yml",
                                       ".config.js", ".config.cjs", ".config.mjs" };

bool cli_is_config(const char *path)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (str_ends(str_of(path), str_of(endings[i])))
            return true;
    return false;
}

const char *cli_find_config(void)
{
    static const char *const names[] = {
        "atrium.yaml",    "ecosystem.config.js", "ecosystem.config.cjs", "ecosystem.config.mjs",
        "ecosystem.json", "ecosystem.yaml",      "ecosystem.yml",        "pm2.config.js",
        "pm2.config.cjs", "pm2.config.mjs",      "process.json"
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (access(names[i], R_OK) == 0)
            return names[i];
    return NULL;
}

static int read_json(const struct cli *c, const char *path, struct buf *out, char *why)
{
    str name = str_of(path);
    int err;

    if (str_ends(name, STR("js")))
        err = config_js_read(path, out, why);
    else if (!str_ends(name, STR(".json")))
        err = c->outside->read_yaml(path, out, why);
    else if ((err = home_read(path, out)) < 0)
        (void)err_why(why, err, "cannot read %s: %s", path, err_text(err));
    if (err == 0 && (err = json_check(buf_str(out), JSON_DEPTH)) < 0)
        (void)err_why(why, err, "%s is not valid JSON", path);
    return err;
}

/* Flags of commands, not of applications. */
static bool is_of_command(const char *name)
{
    static const char *const names[] = { "no-daemon", "update-env", "silent",   "env",  "only",
                                         "force",     "json",       "no-color", "help", "follow" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static int apply_flags(const struct cli *c, struct spec *s, char *why)
{
    int err = 0;

    for (size_t i = 0; err == 0 && i < c->flag_count; i++) {
        const struct cli_flag *f = &c->flags[i];
        bool no = !strncmp(f->name, "no-", 3);

        if (is_of_command(f->name))
            continue;
        err = spec_set_flag(s, str_of(f->name + (no ? 3 : 0)),
                            str_of(f->value ? f->value
                                   : no     ? "false"
                                            : "true"),
                            why);
        if (err < 0)
            err = err_wrap(why, err, "--%s", f->name);
    }
    if (err == 0 && c->rest) {
        struct buf args = { 0 };
        buf_byte(&args, '[');
        for (char **at = c->rest; *at; at++) {
            if (at != c->rest)
                buf_byte(&args, ',');
            json_write_string(&args, str_of(*at));
        }
        buf_byte(&args, ']');
        spec_set_json(s, SPEC_KEY_args, buf_str(&args));
        buf_free(&args);
    }
    return err;
}

/* --only a,b */
static bool is_left_out(const struct cli *c, const struct spec *s)
{
    str rest = str_of(cli_flag(c, "only")), name;

    if (!rest.n)
        return false;
    while (str_cut(&rest, ',', &name))
        if (str_eq(str_trim(name), str_of(spec_text(s, SPEC_KEY_name))))
            return false;
    return true;
}

static int check_names(const struct apps *a, char *why)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < i; j++)
            if (!strcmp(spec_text(&a->list[i], SPEC_KEY_name),
                        spec_text(&a->list[j], SPEC_KEY_name)))
                return err_why(why, ATR_EEXISTS, "two applications are called \"%s\"",
                               spec_text(&a->list[i], SPEC_KEY_name));
    return 0;
}

/* Flags, finishing, --only, for all of them. */
static int complete(const struct cli *c, struct apps *a, const char *folder, char *why)
{
    size_t kept = 0;
    int err = 0;

    for (size_t i = 0; err == 0 && i < a->count; i++) {
        struct spec *s = &a->list[i];

        if ((err = apply_flags(c, s, why)) == 0 && (err = apps_finish(s, folder, why)) < 0)
            err = a->count > 1 ? err_wrap(why, err, "apps[%zu]", i) : err;
    }
    if (err == 0 && (err = check_names(a, why)) == 0) {
        for (size_t i = 0; i < a->count; i++) {
            struct spec whole = a->list[i];
            if (is_left_out(c, &whole))
                spec_fini(&whole);
            else
                a->list[kept++] = whole;
        }
        a->count = kept;
        if (!kept)
            err = err_why(why, ATR_EUNKNOWN, "there is no application called \"%s\" in it",
                          cli_flag(c, "only"));
    }
    if (err < 0)
        apps_fini(a);
    return err;
}

/* The folder of the file, absolute. */
static char *folder_of(const char *path)
{
    char *real = realpath(path, NULL), *slash = real ? strrchr(real, '/') : NULL;

    if (slash)
        slash[slash == real] = 0;
    return real;
}

int cli_read_config(const struct cli *c, const char *path, struct apps *a, char *why)
{
    char *folder = folder_of(path);
    struct apps_context context = { .folder = folder, .env_name = cli_flag(c, "env") };
    struct buf json = { 0 };
    int err;

    *a = (struct apps){ 0 };
    if (!folder)
        err = err_why(why, -errno, "cannot read %s: %s", path, err_text(-errno));
    else if ((err = read_json(c, path, &json, why)) == 0 &&
             ((err = apps_read(a, buf_str(&json), &context, why)) < 0 ||
              (err = complete(c, a, folder, why)) < 0))
        err = err_wrap(why, err, "%s", path);
    buf_free(&json);
    free(folder);
    return err;
}

int cli_read_script(const struct cli *c, const char *path, struct apps *a, char *why)
{
    char *folder = getcwd(NULL, 0);
    int err;

    *a = (struct apps){ 0 };
    if (!folder)
        return err_why(why, -errno, "cannot find the working folder: %s", err_text(-errno));
    a->list = mem_zalloc(sizeof *a->list);
    a->count = 1;
    spec_init(a->list);
    spec_set_text(a->list, SPEC_KEY_script, str_of(path));
    err = complete(c, a, folder, why);
    free(folder);
    return err;
}
