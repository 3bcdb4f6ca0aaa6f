/* super/spec_table.c - which keys there are: ours, PM2's other names for them, and PM2's that mean
 * nothing here; and the page that lists them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "super/spec_parts.h"
#include "super/super.h"

const struct spec_row spec_rows[SPEC_KEY_COUNT] = {
#define X(key, kind, dflt, min, max, help)                                                         \
    { { STR_PARTS(#key) }, SPEC_##kind, dflt, min, max, help },
    SPEC_KEYS(X)
#undef X
};

/* Other names that PM2 has for the same. */
static const struct alias {
    str name;
    enum spec_key key;
} aliases[] = {
    { { STR_PARTS("exec_interpreter") }, SPEC_KEY_interpreter },
    { { STR_PARTS("node_args") }, SPEC_KEY_interpreter_args },
    { { STR_PARTS("out") }, SPEC_KEY_out_file },
    { { STR_PARTS("output") }, SPEC_KEY_out_file },
    { { STR_PARTS("out_log") }, SPEC_KEY_out_file },
    { { STR_PARTS("error") }, SPEC_KEY_error_file },
    { { STR_PARTS("err") }, SPEC_KEY_error_file },
    { { STR_PARTS("err_file") }, SPEC_KEY_error_file },
    { { STR_PARTS("err_log") }, SPEC_KEY_error_file },
    { { STR_PARTS("error_log") }, SPEC_KEY_error_file },
    { { STR_PARTS("combine_logs") }, SPEC_KEY_merge_logs },
    { { STR_PARTS("ignoreWatch") }, SPEC_KEY_ignore_watch },
    { { STR_PARTS("cmd") }, SPEC_KEY_script },
    { { STR_PARTS("cron") }, SPEC_KEY_cron_restart },
};

/* Keys of PM2 that mean nothing here and do no harm: NULL; and those that would be missed. */
static const struct foreign {
    str name;
    const char *instead;
} foreign[] = {
    { { STR_PARTS("source_map_support") }, NULL },
    { { STR_PARTS("vizion") }, NULL },
    { { STR_PARTS("pmx") }, NULL },
    { { STR_PARTS("automation") }, NULL },
    { { STR_PARTS("force") }, NULL },
    { { STR_PARTS("kill_retry_time") }, NULL },
    { { STR_PARTS("trace") }, NULL },
    { { STR_PARTS("deep_monitoring") }, NULL },
    { { STR_PARTS("io") }, NULL },
    { { STR_PARTS("log_file") }, "give out_file and error_file the same name" },
    { { STR_PARTS("log") }, "give out_file and error_file the same name" },
    { { STR_PARTS("uid") }, "run a supervisor as that user" },
    { { STR_PARTS("gid") }, "run a supervisor as that user" },
    { { STR_PARTS("user") }, "run a supervisor as that user" },
    { { STR_PARTS("username") }, "run a supervisor as that user" },
    { { STR_PARTS("pid_file") }, "\"atrium pid NAME\" prints it" },
    { { STR_PARTS("pid") }, "\"atrium pid NAME\" prints it" },
    { { STR_PARTS("filter_env") }, "clear variables in the shell that starts it" },
    { { STR_PARTS("watch_options") }, "see watch, ignore_watch and watch_delay" },
    { { STR_PARTS("post_update") }, "run the commands before \"atrium reload\"" },
    { { STR_PARTS("append_env_to_name") }, "write the name out" },
    { { STR_PARTS("name_prefix") }, "write the name out, or use namespace" },
};

enum { ALIASES = sizeof aliases / sizeof *aliases, FOREIGN = sizeof foreign / sizeof *foreign };

const char *spec_key_name(enum spec_key k)
{
    return spec_rows[k].name.p;
}

int spec_unknown(str name, char *why)
{
    size_t best = SIZE_MAX;
    str nearest = { 0 };

    for (size_t i = 0; i < FOREIGN; i++)
        if (str_eq(foreign[i].name, name))
            return err_why(why, ATR_EUNKNOWN,
                           "\"%s\" is a key of PM2 that Atrium does not have: %s",
                           foreign[i].name.p, foreign[i].instead);
    for (size_t i = 0; i < SPEC_KEY_COUNT + ALIASES; i++) {
        str known = i < SPEC_KEY_COUNT ? spec_rows[i].name : aliases[i - SPEC_KEY_COUNT].name;
        size_t d = str_distance(name, known);

        if (d < best)
            best = d, nearest = known;
    }
    if (nearest.n && str_is_near(name, best))
        return err_why(why, ATR_EUNKNOWN, "unknown key \"%.*s\"; did you mean \"%s\"?",
                       STR_ARG(name), nearest.p);
    return err_why(why, ATR_EUNKNOWN, "unknown key \"%.*s\"", STR_ARG(name));
}

int spec_find(str name)
{
    for (size_t i = 0; i < SPEC_KEY_COUNT; i++)
        if (str_eq(spec_rows[i].name, name))
            return (int)i;
    for (size_t i = 0; i < ALIASES; i++)
        if (str_eq(aliases[i].name, name))
            return (int)aliases[i].key;
    for (size_t i = 0; i < FOREIGN; i++)
        if (!foreign[i].instead && str_eq(foreign[i].name, name))
            return -1;
    return SPEC_KEY_COUNT;
}

/* The page docs/supervisor-keys.md. */
void super_markdown(FILE *out)
{
    static const char *const kinds[] = { "text",          "true or false", "number",
                                         "duration",      "size",          "number or max",
                                         "fork, cluster", "list of texts", "list of texts",
                                         "exit codes",    "true or list",  "object" };

    fprintf(out, "# Keys of a supervised application\n\n"
                 "`make docs` writes this page from the table in `src/super/spec.h`. "
                 "[supervisor.md](supervisor.md) says how\n"
                 "they are used. Each key is also a flag of `atrium start`: "
                 "`--max-memory-restart 300M`.\n\n"
                 "| key | kind | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < SPEC_KEY_COUNT; i++)
        fprintf(out, "| `%s` | %s | `%s` | %s |\n", spec_rows[i].name.p, kinds[spec_rows[i].kind],
                spec_rows[i].dflt, spec_rows[i].help);
    fprintf(out, "\nOther names of PM2 for the same:");
    for (size_t i = 0; i < ALIASES; i++)
        fprintf(out, "%s `%s` (`%s`)", i ? "," : "", aliases[i].name.p,
                spec_rows[aliases[i].key].name.p);
    fprintf(out, ".\n\nKeys of PM2 that may stand in a file and mean nothing here:");
    for (size_t i = 0, n = 0; i < FOREIGN; i++)
        if (!foreign[i].instead)
            fprintf(out, "%s `%s`", n++ ? "," : "", foreign[i].name.p);
    fprintf(out, ".\n\nKeys of PM2 that are refused, and what to do instead:\n\n"
                 "| key | instead |\n|---|---|\n");
    for (size_t i = 0; i < FOREIGN; i++)
        if (foreign[i].instead)
            fprintf(out, "| `%s` | %s |\n", foreign[i].name.p, foreign[i].instead);
}
