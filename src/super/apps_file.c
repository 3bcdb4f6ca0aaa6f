/* super/apps_file.c - see apps_file.h. Start reading at apps_finish().
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/apps_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/json.h"

enum { PATH_BYTES = 4097 };

/* --- Reading --- */

static int read_one(struct spec *s, str object, const struct apps_context *c, bool *chosen,
                    char *why)
{
    int err = spec_read(s, object, why);

    if (err == 0 && c->env_name &&
        (err = spec_choose_env(s, object, str_of(c->env_name), why)) > 0) {
        *chosen = true;
        err = 0;
    }
    return err;
}

int apps_read(struct apps *a, str json, const struct apps_context *c, char *why)
{
    str list = json_type_of(json) == JSON_OBJECT ? json_get(json, STR("apps")) : json;
    bool single = json_type_of(list) == JSON_OBJECT, chosen = false;
    size_t count, i = 0;
    struct json_iter it;
    int err;

    *a = (struct apps){ 0 };
    if (!list.p && json_get(json, STR("script")).p)
        list = json, single = true;
    count = single ? 1 : json_count(list);
    if (!single && (json_type_of(list) != JSON_ARRAY || !count))
        return err_why(why, ATR_ETYPE, "no application: expected apps: [{ script: ... }]");
    a->list = mem_zalloc(count * sizeof *a->list);
    json_iter_init(&it, list);
    while (i < count && (single || json_iter_next(&it))) {
        struct spec *s = &a->list[i++];

        spec_init(s);
        a->count = i;
        if ((err = read_one(s, single ? list : it.value, c, &chosen, why)) < 0) {
            err = err_wrap(why, err, "apps[%zu]", i - 1);
            goto fail;
        }
    }
    if (c->env_name && !chosen) {
        err = err_why(why, ATR_EUNKNOWN, "no application has env_%s", c->env_name);
        goto fail;
    }
    return 0;
fail:
    apps_fini(a);
    return err;
}

void apps_fini(struct apps *a)
{
    for (size_t i = 0; i < a->count; i++)
        spec_fini(&a->list[i]);
    mem_free(a->list);
    *a = (struct apps){ 0 };
}

/* --- Finishing --- */

static const struct ending {
    str ending;
    const char *interpreter; /* "": Atrium */
} endings[] = {
    { { STR_PARTS(".lua") }, "" },       { { STR_PARTS(".so") }, "" },
    { { STR_PARTS(".js") }, "node" },    { { STR_PARTS(".cjs") }, "node" },
    { { STR_PARTS(".mjs") }, "node" },   { { STR_PARTS(".ts") }, "ts-node" },
    { { STR_PARTS(".py") }, "python3" }, { { STR_PARTS(".rb") }, "ruby" },
    { { STR_PARTS(".pl") }, "perl" },    { { STR_PARTS(".php") }, "php" },
    { { STR_PARTS(".sh") }, "bash" },
};

bool spec_is_atrium(const struct spec *s)
{
    return strcmp(spec_text(s, SPEC_KEY_interpreter), "atrium") == 0;
}

/* path below folder unless it is absolute, without empty parts and ".". Links are not followed:
 * what they lead to may change between two reloads. */
static int absolute(const char *folder, const char *path, char out[PATH_BYTES])
{
    str rest[2] = { str_of(*path == '/' ? "" : folder), str_of(path) }, part;
    size_t n = 0;

    for (int i = 0; i < 2; i++)
        while (str_cut(&rest[i], '/', &part)) {
            if (part.n == 0 || str_eq(part, STR(".")))
                continue;
            if (n + part.n + 2 > PATH_BYTES)
                return -ENAMETOOLONG;
            out[n++] = '/';
            memcpy(out + n, part.p, part.n);
            n += part.n;
        }
    if (n == 0)
        out[n++] = '/';
    out[n] = 0;
    return 0;
}

/* A command of PATH, as execvp would find it. */
static bool in_path(const char *name, char out[PATH_BYTES])
{
    const char *path = getenv("PATH");
    str rest = str_of(path ? path : "/usr/local/bin:/usr/bin:/bin"), part;

    while (str_cut(&rest, ':', &part))
        if (part.n && snprintf(out, PATH_BYTES, "%.*s/%s", STR_ARG(part), name) < PATH_BYTES &&
            access(out, X_OK) == 0)
            return true;
    return false;
}

static int finish_cwd(struct spec *s, const char *folder, char *why)
{
    char path[PATH_BYTES];
    struct stat st;
    int err;

    if ((err = absolute(folder, spec_text(s, SPEC_KEY_cwd), path)) < 0)
        return err_why(why, err, "\"cwd\" is too long");
    if (stat(path, &st) < 0)
        return err_why(why, -errno, "cwd %s: %s", path, err_text(-errno));
    if (!S_ISDIR(st.st_mode))
        return err_why(why, -ENOTDIR, "cwd %s is not a folder", path);
    spec_set_text(s, SPEC_KEY_cwd, str_of(path));
    return 0;
}

/* A command line ("npm run start") becomes an argument of a shell. */
static void finish_command_line(struct spec *s)
{
    struct buf args = { 0 };

    buf_add(&args, STR("[\"-c\","));
    json_write_string(&args, str_of(spec_text(s, SPEC_KEY_script)));
    buf_byte(&args, ']');
    spec_set_json(s, SPEC_KEY_args, buf_str(&args));
    buf_free(&args);
    spec_set_text(s, SPEC_KEY_script, STR("/bin/sh"));
    spec_set_text(s, SPEC_KEY_interpreter, STR("none"));
}

static int finish_script(struct spec *s, char *why)
{
    const char *script = spec_text(s, SPEC_KEY_script);
    char path[PATH_BYTES];
    struct stat st;
    int err;

    if (!*script)
        return err_why(why, ATR_ESYNTAX, "\"script\" is missing");
    if ((err = absolute(spec_text(s, SPEC_KEY_cwd), script, path)) < 0)
        return err_why(why, err, "\"script\" is too long");
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        spec_set_text(s, SPEC_KEY_script, str_of(path));
    } else if (!strchr(script, '/') && !strchr(script, ' ') && in_path(script, path)) {
        spec_set_text(s, SPEC_KEY_script, str_of(path));
        if (!spec_given(s, SPEC_KEY_interpreter))
            spec_set_text(s, SPEC_KEY_interpreter, STR("none"));
    } else if (strchr(script, ' ') && !json_count(spec_json(s, SPEC_KEY_args))) {
        finish_command_line(s);
    } else {
        return err_why(why, -ENOENT, "script %s is not there", path);
    }
    return 0;
}

static int finish_interpreter(struct spec *s, char *why)
{
    str script = str_of(spec_text(s, SPEC_KEY_script));
    const char *given = spec_text(s, SPEC_KEY_interpreter), *choice = NULL;
    char path[PATH_BYTES];

    for (size_t i = 0; !*given && !choice && i < sizeof endings / sizeof *endings; i++)
        if (str_ends(script, endings[i].ending))
            choice = endings[i].interpreter;
    if (choice)
        given = *choice ? choice : "atrium";
    else if (!*given)
        given = "none";
    if (!strcmp(given, "none") && access(script.p, X_OK) < 0)
        return err_why(why, -EACCES,
                       "%s may not be executed, and its ending names no interpreter; give it one "
                       "(\"interpreter\")",
                       script.p);
    if (strcmp(given, "none") && strcmp(given, "atrium") && !strchr(given, '/')) {
        if (!in_path(given, path))
            return err_why(why, -ENOENT, "the interpreter %s is not installed (not found in PATH)",
                           given);
        given = path;
    }
    char *kept = str_dup(str_of(given));
    spec_set_text(s, SPEC_KEY_interpreter, str_of(kept));
    mem_free(kept);
    return 0;
}

static int finish_mode(struct spec *s, char *why)
{
    const char *mode = spec_text(s, SPEC_KEY_exec_mode);

    if (!*mode)
        spec_set_text(s, SPEC_KEY_exec_mode, spec_is_atrium(s) ? STR("cluster") : STR("fork"));
    else if (!strcmp(mode, "cluster") && !spec_is_atrium(s))
        return err_why(why, ATR_ESTATE,
                       "%s: exec_mode cluster is for applications of Atrium (.lua, .so); run this "
                       "program with exec_mode fork, a port each (increment_var: PORT)",
                       spec_text(s, SPEC_KEY_script));
    return 0;
}

/* The script's name without folder and ending. */
static void finish_name(struct spec *s)
{
    str name = str_of(spec_text(s, SPEC_KEY_script));
    ptrdiff_t slash, dot = 0;

    if (*spec_text(s, SPEC_KEY_name))
        return;
    while ((slash = str_find(name, '/')) >= 0)
        name = str_n(name.p + slash + 1, name.n - (size_t)slash - 1);
    for (size_t i = 1; i < name.n; i++)
        if (name.p[i] == '.')
            dot = (ptrdiff_t)i;
    if (dot)
        name.n = (size_t)dot;
    if (name.n > 100)
        name.n = 100;
    char *copy = str_dup(name);
    spec_set_text(s, SPEC_KEY_name, str_of(copy));
    mem_free(copy);
}

static int check_name(const struct spec *s, enum spec_key k, char *why)
{
    const char *name = spec_text(s, k);
    uint64_t number;

    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return err_why(why, ATR_ERANGE, "\"%s\" holds a control character", spec_key_name(k));
    if (!strcmp(name, "all") || *name == '-' || *name == '+' || !*name ||
        str_to_u64(str_of(name), UINT64_MAX, &number) == 0)
        return err_why(why, ATR_ERANGE,
                       "\"%s\" cannot be \"%s\": commands would take it for something else",
                       spec_key_name(k), name);
    return 0;
}

/* Log files are named relative to cwd. */
static int finish_log(struct spec *s, enum spec_key k, char *why)
{
    char path[PATH_BYTES];
    int err;

    if (!*spec_text(s, k))
        return 0;
    if ((err = absolute(spec_text(s, SPEC_KEY_cwd), spec_text(s, k), path)) < 0)
        return err_why(why, err, "\"%s\" is too long", spec_key_name(k));
    spec_set_text(s, k, str_of(path));
    return 0;
}

int apps_finish(struct spec *s, const char *folder, char *why)
{
    int err;

    if ((err = finish_cwd(s, folder, why)) < 0)
        return err;
    char *script = str_dup(str_of(spec_text(s, SPEC_KEY_script)));
    if ((err = finish_script(s, why)) == 0) {
        if (!strcmp(spec_text(s, SPEC_KEY_script), "/bin/sh") && !*spec_text(s, SPEC_KEY_name))
            spec_set_text(s, SPEC_KEY_name, str_n(script, strcspn(script, " ")));
        finish_name(s);
        err = finish_interpreter(s, why);
    }
    mem_free(script);
    if (err < 0 || (err = check_name(s, SPEC_KEY_name, why)) < 0 ||
        (err = check_name(s, SPEC_KEY_namespace, why)) < 0 || (err = finish_mode(s, why)) < 0 ||
        (err = finish_log(s, SPEC_KEY_out_file, why)) < 0)
        return err;
    return finish_log(s, SPEC_KEY_error_file, why);
}
