/* super/watch_rules.c - see watch_rules.h. Start reading at watch_rules_leave_out().
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/watch_rules.h"

#include <fnmatch.h>
#include <stdio.h>

#include "base/mem.h"
#include "proto/json.h"

/* Parts of paths that nobody edits: PM2's two (what begins with a dot, node_modules), and files
 * that applications write themselves, which would make it reload for ever. */
static const char *const never[] = {
    ".*",        "node_modules", "*.log", "*.log.*", "*.db", "*.sqlite", "*.sqlite3",
    "*-journal", "*-wal",        "*-shm", "*.pid",   "*~",   "4913" /* vim tries with it whether it
                                                                       may write */
};

/* --- Patterns --- */

static bool part_fits(str pattern, str part)
{
    char p[256], s[256];

    if (pattern.n >= sizeof p || part.n >= sizeof s)
        return str_eq(pattern, part);
    memcpy(p, pattern.p, pattern.n);
    memcpy(s, part.p, part.n);
    p[pattern.n] = s[part.n] = 0;
    return fnmatch(p, s, 0) == 0;
}

static bool next_part(str *rest, str *part)
{
    while (str_cut(rest, '/', part))
        if (part->n && !str_eq(*part, STR(".")))
            return true;
    return false;
}

bool watch_pattern_fits(str pattern, str path)
{
    str again_pattern = { 0 }, again_path = { 0 }, want, have;

    for (;;) {
        str before = path;

        if (!next_part(&pattern, &want))
            return true;               /* what is left of the path is below it */
        if (str_eq(want, STR("**"))) { /* at first nothing, then one part more each time */
            again_pattern = pattern;
            again_path = path;
            continue;
        }
        if (next_part(&path, &have) && part_fits(want, have))
            continue;
        if (!again_pattern.p || !before.p || !next_part(&again_path, &have))
            return false;
        pattern = again_pattern;
        path = again_path;
    }
}

/* --- Reading the description --- */

bool watch_rules_wanted(const struct spec *s)
{
    str watch = spec_json(s, SPEC_KEY_watch);

    return json_type_of(watch) == JSON_TRUE ||
           (json_type_of(watch) == JSON_ARRAY && json_count(watch));
}

static char *join(const char *folder, str name)
{
    struct buf b = { 0 };
    str rest, part;

    if (name.n && name.p[0] != '/')
        buf_add(&b, str_of(folder));
    for (rest = name; next_part(&rest, &part);) {
        if (str_eq(part, STR(".."))) {
            while (b.len && b.data[--b.len] != '/')
                ;
            continue;
        }
        if (!b.len || b.data[b.len - 1] != '/')
            buf_byte(&b, '/');
        buf_add(&b, part);
    }
    if (!b.len)
        buf_byte(&b, '/');
    char *path = str_dup(buf_str(&b));
    buf_free(&b);
    return path;
}

static void add_root(struct watch_rules *r, str name)
{
    struct watch_root root = { .path = join(r->cwd, name) };
    char *magic = strpbrk(root.path, "*?[");

    if (magic) { /* the folder in which it begins */
        root.pattern = str_dup(str_of(root.path));
        while (*magic != '/')
            magic--;
        magic[magic == root.path] = 0;
    }
    r->roots = mem_realloc(r->roots, (r->root_count + 1) * sizeof *r->roots);
    r->roots[r->root_count++] = root;
}

static void add_word(char ***list, size_t *count, str word)
{
    *list = mem_realloc(*list, (*count + 1) * sizeof **list);
    (*list)[(*count)++] = str_dup(word);
}

static void each_text(str array, struct watch_rules *r, void (*take)(struct watch_rules *, str))
{
    struct json_iter it;
    str text;

    json_iter_init(&it, array);
    while (json_type_of(array) == JSON_ARRAY && json_iter_next(&it)) {
        struct buf scratch = { 0 };
        if (json_string(it.value, &scratch, &text) == 0 && text.n)
            take(r, text);
        buf_free(&scratch);
    }
}

static void add_ignored(struct watch_rules *r, str name)
{
    add_word(&r->ignored, &r->ignored_count, name);
}

/* A log file, those of instances, and those put aside: x.log, x-0.log, x.log.1, x-0.log.1. */
static void add_log(struct watch_rules *r, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    int stem = (int)(dot && dot > name ? dot - path : (ptrdiff_t)strlen(path));
    struct buf b = { 0 };

    for (int instance = 0; instance < 2; instance++)
        for (int aside = 0; aside < 2; aside++) {
            buf_clear(&b);
            buf_format(&b, "%.*s%s%s%s", stem, path, instance ? "-*" : "", path + stem,
                       aside ? ".*" : "");
            add_word(&r->own, &r->own_count, buf_str(&b));
        }
    buf_free(&b);
}

void watch_rules_init(struct watch_rules *r, const struct spec *s, const char *home)
{
    static const enum spec_key logs[] = { SPEC_KEY_out_file, SPEC_KEY_error_file };

    *r = (struct watch_rules){ .cwd = str_dup(str_of(spec_text(s, SPEC_KEY_cwd))) };
    if (json_type_of(spec_json(s, SPEC_KEY_watch)) == JSON_TRUE)
        add_root(r, STR("."));
    each_text(spec_json(s, SPEC_KEY_watch), r, add_root);
    each_text(spec_json(s, SPEC_KEY_ignore_watch), r, add_ignored);
    r->home = str_dup(str_of(home));
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
        if (*spec_text(s, logs[i]))
            add_log(r, spec_text(s, logs[i]));
}

void watch_rules_fini(struct watch_rules *r)
{
    for (size_t i = 0; i < r->root_count; i++) {
        mem_free(r->roots[i].path);
        mem_free(r->roots[i].pattern);
    }
    for (size_t i = 0; i < r->ignored_count; i++)
        mem_free(r->ignored[i]);
    for (size_t i = 0; i < r->own_count; i++)
        mem_free(r->own[i]);
    mem_free(r->roots);
    mem_free(r->ignored);
    mem_free(r->own);
    mem_free(r->cwd);
    mem_free(r->home);
    *r = (struct watch_rules){ 0 };
}

/* --- Judging --- */

/* The path below folder, "" for itself; p is NULL when it is not below. */
static str below(const char *folder, str path)
{
    str f = str_of(folder);

    if (f.n == 1)
        return str_n(path.p + 1, path.n - 1);
    if (!str_starts(path, f) || (path.n > f.n && path.p[f.n] != '/'))
        return (str){ 0 };
    return str_n(path.p + f.n + (path.n > f.n), path.n - f.n - (path.n > f.n));
}

static bool is_never(str below_root)
{
    str part;

    while (next_part(&below_root, &part))
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
            if (part_fits(str_of(never[i]), part))
                return true;
    return false;
}

/* A name alone means it wherever it stands, else the path as a whole, from cwd or absolute. */
static bool is_ignored(const struct watch_rules *r, str path, str below_root)
{
    str from_cwd = below(r->cwd, path), part, rest;

    for (size_t i = 0; i < r->ignored_count; i++) {
        str pattern = str_of(r->ignored[i]), bare = pattern;

        while (bare.n && bare.p[bare.n - 1] == '/')
            bare.n--;
        if (pattern.p[0] == '/' && watch_pattern_fits(pattern, path))
            return true;
        if (pattern.p[0] != '/' && watch_pattern_fits(pattern, from_cwd.p ? from_cwd : below_root))
            return true;
        for (rest = from_cwd.p ? from_cwd : below_root;
             str_find(bare, '/') < 0 && next_part(&rest, &part);)
            if (part_fits(bare, part))
                return true;
    }
    return false;
}

bool watch_rules_leave_out(const struct watch_rules *r, const char *name, bool folder)
{
    str path = str_of(name);

    if (below(r->home, path).p)
        return true;
    for (size_t i = 0; i < r->own_count; i++)
        if (watch_pattern_fits(str_of(r->own[i]), path))
            return true;
    for (size_t i = 0; i < r->root_count; i++) {
        const struct watch_root *root = &r->roots[i];
        str inside = below(root->path, path);

        if (!inside.p || is_never(inside) || is_ignored(r, path, inside))
            continue;
        if (!root->pattern || folder || watch_pattern_fits(str_of(root->pattern), path))
            return false;
    }
    return true;
}
