/* super/spec.c - descriptions: reading, choosing an environment, writing; spec_table.c knows the
 * keys, spec_value.c their values.
 *
 * Start reading at spec_set().
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/spec.h"

#include "base/assert.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/spec_parts.h"

/* --- Life --- */

void spec_init(struct spec *s)
{
    struct buf unused = { 0 };

    *s = (struct spec){ 0 };
    for (size_t i = 0; i < SPEC_KEY_COUNT; i++) {
        str dflt = str_of(spec_rows[i].dflt), text;
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
    for (size_t i = 0; i < SPEC_KEY_COUNT; i++) {
        mem_free(s->values[i].json);
        mem_free(s->values[i].text);
    }
    *s = (struct spec){ 0 };
}

void spec_copy(struct spec *to, const struct spec *from)
{
    *to = *from;
    for (size_t i = 0; i < SPEC_KEY_COUNT; i++) {
        if (from->values[i].json)
            to->values[i].json = str_dup(str_of(from->values[i].json));
        if (from->values[i].text)
            to->values[i].text = str_dup(str_of(from->values[i].text));
    }
}

static void keep(struct spec_value *v, const struct spec_reading *r)
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
    int n = spec_find(name), err;

    if (n == SPEC_KEY_COUNT)
        return spec_unknown(name, why);
    json = str_trim(json);
    if (n < 0 || json_type_of(json) == JSON_NULL) /* null is as good as left out */
        return 0;
    struct spec_reading r = { .key = &spec_rows[n], .json = json, .why = why };
    err = spec_read_value(&r);
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
    int n = spec_find(key_of_flag(name, key));

    return n < 0 || (n < SPEC_KEY_COUNT &&
                     (spec_rows[n].kind == SPEC_BOOL || spec_rows[n].kind == SPEC_WATCH));
}

/* A flag's text as JSON for its key. */
static int write_flag(int n, str text, struct buf *json, char *why)
{
    enum spec_kind kind = n >= 0 && n < SPEC_KEY_COUNT ? spec_rows[n].kind : SPEC_TEXT;
    bool truth = str_eq(text, STR("true")) || str_eq(text, STR("false"));
    bool plain = ((kind == SPEC_BOOL || kind == SPEC_WATCH) && truth) ||
                 (kind == SPEC_CODES && json_check(text, 2) == 0) ||
                 (kind == SPEC_ENV && json_check(text, JSON_DEPTH) == 0);

    if (plain)
        buf_add(json, text);
    else if (kind != SPEC_WATCH && kind != SPEC_NAMES)
        json_write_string(json, text);
    else if (spec_split(text, json) < 0) /* several paths in one flag */
        return err_why(why, ATR_ESYNTAX, "a quote is not closed");
    return 0;
}

int spec_set_flag(struct spec *s, str name, str text, char *why)
{
    char room[64];
    str key = key_of_flag(name, room);
    struct buf json = { 0 };
    int err = write_flag(spec_find(key), text, &json, why);

    if (err == 0)
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
    for (size_t i = 0; i < SPEC_KEY_COUNT; i++) {
        if (!s->values[i].json)
            continue;
        if (!first)
            buf_byte(out, ',');
        first = false;
        json_write_string(out, spec_rows[i].name);
        buf_byte(out, ':');
        buf_add(out, str_of(s->values[i].json));
    }
    buf_byte(out, '}');
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
    return str_of(s->values[k].json ? s->values[k].json : spec_rows[k].dflt);
}

const char *spec_text(const struct spec *s, enum spec_key k)
{
    return s->values[k].text ? s->values[k].text : "";
}

void spec_set_text(struct spec *s, enum spec_key k, str text)
{
    struct spec_reading r = { .key = &spec_rows[k], .text = text };

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
