/* super/spec.c - the table of keys at work: reading, checking, writing.
 *
 * Start reading at spec_set().
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/spec.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/super.h"
#include "super/units.h"

static const struct key {
    str name;
    enum spec_kind kind;
    const char *dflt;
    int64_t min, max;
    const char *help;
} table[] = {
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
    { { STR_PARTS("cron_restart") }, "let cron or a systemd timer call \"atrium reload NAME\"" },
    { { STR_PARTS("cron") }, "let cron or a systemd timer call \"atrium reload NAME\"" },
    { { STR_PARTS("uid") }, "run a supervisor as that user" },
    { { STR_PARTS("gid") }, "run a supervisor as that user" },
    { { STR_PARTS("user") }, "run a supervisor as that user" },
    { { STR_PARTS("username") }, "run a supervisor as that user" },
    { { STR_PARTS("pid_file") }, "\"atrium pid NAME\" prints it" },
    { { STR_PARTS("pid") }, "\"atrium pid NAME\" prints it" },
    { { STR_PARTS("filter_env") }, "clear variables in the shell that starts it" },
    { { STR_PARTS("watch_delay") }, "changes are gathered by themselves" },
    { { STR_PARTS("watch_options") }, "see ignore_watch" },
    { { STR_PARTS("post_update") }, "run the commands before \"atrium reload\"" },
    { { STR_PARTS("append_env_to_name") }, "write the name out" },
    { { STR_PARTS("name_prefix") }, "write the name out, or use namespace" },
};

enum {
    KEYS = sizeof table / sizeof *table,
    ALIASES = sizeof aliases / sizeof *aliases,
    FOREIGN = sizeof foreign / sizeof *foreign
};

const char *spec_key_name(enum spec_key k)
{
    return table[k].name.p;
}

/* --- One value: checked and put into normal form --- */

struct reading {
    const struct key *key;
    str json;
    struct buf normal, scratch;
    str text; /* of a string */
    int64_t number;
    char *why;
};

static int wrong(struct reading *r, int err, const char *expected)
{
    return err_why(r->why, err, "\"%s\" must be %s, not %.*s", r->key->name.p, expected,
                   STR_ARG(r->json));
}

static int read_number(struct reading *r, int (*units)(str, int64_t, int64_t *),
                       const char *expected)
{
    int err;

    if (json_string(r->json, &r->scratch, &r->text) == 0)
        err = units(str_trim(r->text), INT64_MAX, &r->number);
    else
        err = json_integer(r->json, &r->number);
    if (err < 0)
        return wrong(r, err, expected);
    if (r->number < (r->key->kind == SPEC_INSTANCES ? -r->key->max : r->key->min) ||
        r->number > r->key->max)
        return err_why(r->why, ATR_ERANGE,
                       "\"%s\" must be between %" PRId64 " and %" PRId64 ", not %" PRId64,
                       r->key->name.p, r->key->kind == SPEC_INSTANCES ? -r->key->max : r->key->min,
                       r->key->max, r->number);
    json_write_integer(&r->normal, r->number);
    return 0;
}

static int plain_number(str s, int64_t max, int64_t *out)
{
    uint64_t n;
    int err = str_to_u64(s, (uint64_t)max, &n);

    if (err == 0)
        *out = (int64_t)n;
    return err;
}

static int read_text(struct reading *r)
{
    if (json_type_of(r->json) == JSON_NUMBER) /* name: 7 */
        r->text = r->json;
    else if (json_string(r->json, &r->scratch, &r->text) < 0)
        return wrong(r, ATR_ETYPE, "a text");
    if (memchr(r->text.p, 0, r->text.n))
        return err_why(r->why, ATR_ETYPE, "\"%s\" holds a zero character", r->key->name.p);
    if (r->text.n > (size_t)r->key->max)
        return err_why(r->why, ATR_ERANGE, "\"%s\" is longer than %" PRId64 " bytes",
                       r->key->name.p, r->key->max);
    json_write_string(&r->normal, r->text);
    return 0;
}

static int read_mode(struct reading *r)
{
    bool fork, cluster;

    if (json_string(r->json, &r->scratch, &r->text) < 0)
        return wrong(r, ATR_ETYPE, "fork or cluster");
    fork = str_eq(r->text, STR("fork")) || str_eq(r->text, STR("fork_mode"));
    cluster = str_eq(r->text, STR("cluster")) || str_eq(r->text, STR("cluster_mode"));
    if (!fork && !cluster)
        return wrong(r, ATR_ERANGE, "fork or cluster");
    r->text = fork ? STR("fork") : STR("cluster");
    json_write_string(&r->normal, r->text);
    return 0;
}

static int read_names(struct reading *r)
{
    enum json_type type = json_type_of(r->json);
    struct json_iter it;
    size_t count = 0;

    if (type == JSON_STRING) {
        buf_byte(&r->normal, '[');
        buf_add(&r->normal, r->json);
        buf_byte(&r->normal, ']');
        return 0;
    }
    if (type != JSON_ARRAY)
        return wrong(r, ATR_ETYPE, "a list of texts");
    buf_byte(&r->normal, '[');
    json_iter_init(&it, r->json);
    while (json_iter_next(&it)) {
        type = json_type_of(it.value);
        if (count++)
            buf_byte(&r->normal, ',');
        if (type == JSON_NUMBER) /* args: [--port, 3000] */
            json_write_string(&r->normal, it.value);
        else if (type == JSON_STRING)
            buf_add(&r->normal, it.value);
        else
            return wrong(r, ATR_ETYPE, "a list of texts");
    }
    buf_byte(&r->normal, ']');
    return 0;
}

static int read_list(struct reading *r)
{
    if (json_string(r->json, &r->scratch, &r->text) < 0)
        return read_names(r);
    if (spec_split(r->text, &r->normal) < 0)
        return wrong(r, ATR_ESYNTAX, "arguments with every quote closed");
    return 0;
}

static int read_codes(struct reading *r)
{
    struct json_iter it;
    int64_t code;

    if (json_type_of(r->json) != JSON_ARRAY)
        buf_format(&r->scratch, "[%.*s]", STR_ARG(r->json));
    json_iter_init(&it, r->scratch.len ? buf_str(&r->scratch) : r->json);
    buf_byte(&r->normal, '[');
    while (json_iter_next(&it)) {
        if (json_integer(it.value, &code) < 0 || code < 0 || code > r->key->max)
            return wrong(r, ATR_ETYPE, "an exit code or a list of them, each from 0 to 255");
        if (r->normal.len > 1)
            buf_byte(&r->normal, ',');
        json_write_integer(&r->normal, code);
    }
    buf_byte(&r->normal, ']');
    return 0;
}

static int read_env(struct reading *r)
{
    struct json_iter it;
    str text;
    size_t count = 0;

    if (json_type_of(r->json) != JSON_OBJECT)
        return wrong(r, ATR_ETYPE, "an object of variables");
    buf_byte(&r->normal, '{');
    json_iter_init(&it, r->json);
    while (json_iter_next(&it)) {
        enum json_type type = json_type_of(it.value);

        buf_clear(&r->scratch);
        if (json_string(it.key, &r->scratch, &text) < 0 || text.n == 0 ||
            memchr(text.p, '=', text.n) || memchr(text.p, 0, text.n))
            return err_why(r->why, ATR_ETYPE, "\"env\": %.*s cannot be the name of a variable",
                           STR_ARG(it.key));
        buf_clear(&r->scratch);
        if (type == JSON_STRING && json_string(it.value, &r->scratch, &text) == 0 &&
            memchr(text.p, 0, text.n))
            return err_why(r->why, ATR_ETYPE, "\"env\": %.*s holds a zero character",
                           STR_ARG(it.key));
        if (count++)
            buf_byte(&r->normal, ',');
        buf_add(&r->normal, it.key);
        buf_byte(&r->normal, ':');
        if (type == JSON_STRING || type == JSON_NULL) /* null: not set at all */
            buf_add(&r->normal, it.value);
        else /* numbers, truth values and shapes as their JSON */
            json_write_string(&r->normal, it.value);
    }
    buf_byte(&r->normal, '}');
    return 0;
}

static int read_bool(struct reading *r)
{
    enum json_type type = json_type_of(r->json);

    if (type != JSON_TRUE && type != JSON_FALSE)
        return wrong(r, ATR_ETYPE, "true or false");
    r->number = type == JSON_TRUE;
    buf_add(&r->normal, r->json);
    return 0;
}

static int read_value(struct reading *r)
{
    enum json_type type = json_type_of(r->json);

    switch (r->key->kind) {
    case SPEC_TEXT:
        return read_text(r);
    case SPEC_BOOL:
        return read_bool(r);
    case SPEC_COUNT:
        return read_number(r, plain_number, "a whole number");
    case SPEC_MS:
        return read_number(r, units_ms, "milliseconds, or a duration such as \"10s\"");
    case SPEC_BYTES:
        return read_number(r, units_bytes, "bytes, or a size such as \"300M\"");
    case SPEC_INSTANCES:
        return read_number(r, units_instances, "a number of processes or \"max\"");
    case SPEC_MODE:
        return read_mode(r);
    case SPEC_LIST:
        return read_list(r);
    case SPEC_NAMES:
        return read_names(r);
    case SPEC_CODES:
        return read_codes(r);
    case SPEC_WATCH:
        return type == JSON_TRUE || type == JSON_FALSE ? read_bool(r) : read_names(r);
    case SPEC_ENV:
        return read_env(r);
    }
    return ATR_ETYPE;
}

/* --- The table --- */

void spec_init(struct spec *s)
{
    struct buf unused = { 0 };

    *s = (struct spec){ 0 };
    for (size_t i = 0; i < KEYS; i++) {
        str dflt = str_of(table[i].dflt), text;
        enum json_type type = json_type_of(dflt);

        if (type == JSON_NUMBER)
            ASSERT(json_integer(dflt, &s->values[i].number) == 0);
        else if (type == JSON_STRING && json_string(dflt, &unused, &text) == 0)
            s->values[i].text = str_dup(text);
        else
            s->values[i].number = type == JSON_TRUE;
    }
}

void spec_fini(struct spec *s)
{
    for (size_t i = 0; i < KEYS; i++) {
        mem_free(s->values[i].json);
        mem_free(s->values[i].text);
    }
    *s = (struct spec){ 0 };
}

void spec_copy(struct spec *to, const struct spec *from)
{
    *to = *from;
    for (size_t i = 0; i < KEYS; i++) {
        if (from->values[i].json)
            to->values[i].json = str_dup(str_of(from->values[i].json));
        if (from->values[i].text)
            to->values[i].text = str_dup(str_of(from->values[i].text));
    }
}

static int unknown(str name, char *why)
{
    size_t best = SIZE_MAX;
    str nearest = { 0 };

    for (size_t i = 0; i < FOREIGN; i++)
        if (str_eq(foreign[i].name, name))
            return err_why(why, ATR_EUNKNOWN,
                           "\"%s\" is a key of PM2 that Atrium does not have: %s",
                           foreign[i].name.p, foreign[i].instead);
    for (size_t i = 0; i < KEYS + ALIASES; i++) {
        str known = i < KEYS ? table[i].name : aliases[i - KEYS].name;
        size_t d = str_distance(name, known);

        if (d < best)
            best = d, nearest = known;
    }
    if (nearest.n && str_is_near(name, best))
        return err_why(why, ATR_EUNKNOWN, "unknown key \"%.*s\"; did you mean \"%s\"?",
                       STR_ARG(name), nearest.p);
    return err_why(why, ATR_EUNKNOWN, "unknown key \"%.*s\"", STR_ARG(name));
}

/* The key called so; KEYS: none; -1: one that may stand there. */
static int find(str name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (str_eq(table[i].name, name))
            return (int)i;
    for (size_t i = 0; i < ALIASES; i++)
        if (str_eq(aliases[i].name, name))
            return (int)aliases[i].key;
    for (size_t i = 0; i < FOREIGN; i++)
        if (!foreign[i].instead && str_eq(foreign[i].name, name))
            return -1;
    return KEYS;
}

static void keep(struct spec_value *v, const struct reading *r)
{
    bool text = r->key->kind == SPEC_TEXT || r->key->kind == SPEC_MODE;

    struct spec_value fresh = { .json = str_dup(buf_str(&r->normal)),
                                .text = text ? str_dup(r->text) : NULL, /* perhaps of v itself */
                                .number = r->number };

    mem_free(v->json);
    mem_free(v->text);
    *v = fresh;
}

int spec_set(struct spec *s, str name, str json, char *why)
{
    int n = find(name), err;

    if (n == KEYS)
        return unknown(name, why);
    json = str_trim(json);
    if (n < 0 || json_type_of(json) == JSON_NULL) /* null is as good as left out */
        return 0;
    struct reading r = { .key = &table[n], .json = json, .why = why };
    if ((err = read_value(&r)) == 0 && n == SPEC_KEY_log_type && r.text.n &&
        !str_eq(r.text, STR("json")))
        err = wrong(&r, ATR_ERANGE, "json");
    if (err == 0)
        keep(&s->values[n], &r);
    buf_free(&r.normal);
    buf_free(&r.scratch);
    return err;
}

/* A flag's name with underscores, in out; names that are too long for it are nobody's. */
static str key_of_flag(str name, char out[64])
{
    if (name.n > 64)
        return STR("");
    for (size_t i = 0; i < name.n; i++)
        out[i] = name.p[i] == '-' ? '_' : name.p[i];
    return str_n(out, name.n);
}

bool spec_flag_is_bool(str name)
{
    char key[64];
    int n = find(key_of_flag(name, key));

    return n < 0 || (n < KEYS && (table[n].kind == SPEC_BOOL || table[n].kind == SPEC_WATCH));
}

int spec_set_flag(struct spec *s, str name, str text, char *why)
{
    char room[64];
    str key = key_of_flag(name, room);
    int n = find(key);
    bool bare = n >= 0 && n < KEYS && (table[n].kind == SPEC_BOOL || table[n].kind == SPEC_WATCH) &&
                (str_eq(text, STR("true")) || str_eq(text, STR("false")));
    bool number = n >= 0 && n < KEYS && table[n].kind == SPEC_CODES && json_check(text, 2) == 0;
    struct buf json = { 0 };
    int err;

    if (bare || number ||
        (n >= 0 && n < KEYS && table[n].kind == SPEC_ENV && json_check(text, JSON_DEPTH) == 0))
        buf_add(&json, text);
    else
        json_write_string(&json, text);
    err = spec_set(s, key, buf_str(&json), why);
    buf_free(&json);
    return err;
}

int spec_read(struct spec *s, str object, char *why)
{
    struct buf scratch = { 0 };
    struct json_iter it;
    int err = 0;
    str key;

    if (json_type_of(object) != JSON_OBJECT)
        return err_why(why, ATR_ETYPE, "an application must be an object of keys, not %.*s",
                       STR_ARG(object));
    json_iter_init(&it, object);
    while (err == 0 && json_iter_next(&it)) {
        buf_clear(&scratch);
        if ((err = json_string(it.key, &scratch, &key)) == 0 && !str_starts(key, STR("env_")))
            err = spec_set(s, key, it.value, why);
    }
    buf_free(&scratch);
    return err;
}

int spec_choose_env(struct spec *s, str object, str name, char *why)
{
    struct buf key = { 0 }, merged = { 0 };
    struct spec over;
    struct json_iter it;
    int err;

    buf_add(&key, STR("env_"));
    buf_add(&key, name);
    str section = json_get(object, buf_str(&key));
    buf_free(&key);
    if (!section.p)
        return 0;
    spec_init(&over);
    if ((err = spec_set(&over, STR("env"), section, why)) < 0) {
        err = err_wrap(why, err, "env_%.*s", STR_ARG(name));
        goto done;
    }
    /* Members of the same name may stand in both: the last one counts. */
    buf_byte(&merged, '{');
    for (int i = 0; i < 2; i++) {
        json_iter_init(&it, spec_json(i ? &over : s, SPEC_KEY_env));
        while (json_iter_next(&it)) {
            if (merged.len > 1)
                buf_byte(&merged, ',');
            buf_add(&merged, it.key);
            buf_byte(&merged, ':');
            buf_add(&merged, it.value);
        }
    }
    buf_byte(&merged, '}');
    spec_set_json(s, SPEC_KEY_env, buf_str(&merged));
    err = 1;
done:
    buf_free(&merged);
    spec_fini(&over);
    return err;
}

void spec_write(const struct spec *s, struct buf *out)
{
    bool first = true;

    buf_byte(out, '{');
    for (size_t i = 0; i < KEYS; i++) {
        if (!s->values[i].json)
            continue;
        if (!first)
            buf_byte(out, ',');
        first = false;
        json_write_string(out, table[i].name);
        buf_byte(out, ':');
        buf_add(out, str_of(s->values[i].json));
    }
    buf_byte(out, '}');
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
    for (size_t i = 0; i < KEYS; i++)
        fprintf(out, "| `%s` | %s | `%s` | %s |\n", table[i].name.p, kinds[table[i].kind],
                table[i].dflt, table[i].help);
    fprintf(out, "\nOther names of PM2 for the same:");
    for (size_t i = 0; i < ALIASES; i++)
        fprintf(out, "%s `%s` (`%s`)", i ? "," : "", aliases[i].name.p,
                table[aliases[i].key].name.p);
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

/* --- Looking into one --- */

bool spec_given(const struct spec *s, enum spec_key k)
{
    return s->values[k].json != NULL;
}

int64_t spec_number(const struct spec *s, enum spec_key k)
{
    return s->values[k].number;
}

str spec_json(const struct spec *s, enum spec_key k)
{
    return str_of(s->values[k].json ? s->values[k].json : table[k].dflt);
}

const char *spec_text(const struct spec *s, enum spec_key k)
{
    return s->values[k].text ? s->values[k].text : "";
}

void spec_set_text(struct spec *s, enum spec_key k, str text)
{
    struct reading r = { .key = &table[k], .text = text };

    json_write_string(&r.normal, text);
    keep(&s->values[k], &r);
    buf_free(&r.normal);
}

void spec_set_json(struct spec *s, enum spec_key k, str json)
{
    struct spec_value *v = &s->values[k];
    char *copy = str_dup(json);

    mem_free(v->json);
    v->json = copy;
    if (json_integer(json, &v->number) < 0)
        v->number = json_type_of(json) == JSON_TRUE;
}

bool spec_stops_at(const struct spec *s, int code)
{
    struct json_iter it;
    int64_t listed;

    json_iter_init(&it, spec_json(s, SPEC_KEY_stop_exit_codes));
    while (json_iter_next(&it))
        if (json_integer(it.value, &listed) == 0 && listed == code)
            return true;
    return false;
}

unsigned spec_instances(const struct spec *s, unsigned cpus)
{
    int64_t n = spec_number(s, SPEC_KEY_instances);

    if (n <= 0)
        n += cpus;
    return n < 1 ? 1 : (unsigned)n;
}

int spec_split(str line, struct buf *out)
{
    struct buf word = { 0 };
    bool inside = false;
    char quote = 0;
    size_t count = 0;

    buf_byte(out, '[');
    for (size_t i = 0; i <= line.n; i++) {
        char c = i < line.n ? line.p[i] : ' ';

        if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
            if (inside && count++)
                buf_byte(out, ',');
            if (inside)
                json_write_string(out, buf_str(&word));
            buf_clear(&word);
            inside = false;
            continue;
        }
        inside = true;
        if (quote && c == quote && i < line.n)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (c == '\\' && quote != '\'' && i + 1 < line.n)
            buf_byte(&word, (uint8_t)line.p[++i]);
        else if (i < line.n)
            buf_byte(&word, (uint8_t)c);
    }
    buf_byte(out, ']');
    buf_free(&word);
    return quote ? ATR_ESYNTAX : 0;
}
