/* super/service_words.c - what an instance is started with: its environment and its arguments.
 *
 * The environment is that of the command that started the application, under `env`, under the two
 * variables that are ours: the instance's number and PORT. README.md has the rules of PORT.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proto/json.h"
#include "super/apps_file.h"
#include "super/proc.h"
#include "super/service.h"

enum { PORT_DEFAULT = 3000 }; /* the setting's */

/* --- A list of words, NULL at its end --- */

struct words {
    char **list;
    size_t count, cap;
};

static void words_add(struct words *w, str word)
{
    if (w->count + 2 > w->cap)
        w->list = mem_realloc(w->list, (w->cap = w->cap ? 2 * w->cap : 32) * sizeof *w->list);
    w->list[w->count++] = str_dup(word);
    w->list[w->count] = NULL;
}

static void words_add_all(struct words *w, str json_list)
{
    struct buf scratch = { 0 };
    struct json_iter it;
    str text;

    json_iter_init(&it, json_list);
    while (json_iter_next(&it)) {
        buf_clear(&scratch);
        if (json_string(it.value, &scratch, &text) == 0)
            words_add(w, text);
    }
    buf_free(&scratch);
}

void words_free(char **words)
{
    for (char **at = words; at && *at; at++)
        mem_free(*at);
    mem_free(words);
}

/* --- Variables: words of the form NAME=VALUE --- */

static char **find_variable(const struct words *w, str name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strncmp(w->list[i], name.p, name.n) == 0 && w->list[i][name.n] == '=')
            return &w->list[i];
    return NULL;
}

/* value.p NULL: takes it away. */
static void set_variable(struct words *w, str name, str value)
{
    char **at = find_variable(w, name);
    struct buf word = { 0 };

    if (at) {
        mem_free(*at);
        *at = w->list[--w->count];
        w->list[w->count] = NULL;
    }
    if (!value.p || !name.n)
        return;
    buf_add(&word, name);
    buf_byte(&word, '=');
    buf_add(&word, value);
    words_add(w, buf_str(&word));
    buf_free(&word);
}

static void set_number(struct words *w, const char *name, int64_t n)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);

    set_variable(w, str_of(name), str_n(text, (size_t)len));
}

static void set_all(struct words *w, str json)
{
    struct buf a = { 0 }, b = { 0 };
    struct json_iter it;
    str name, value;

    json_iter_init(&it, json);
    while (json_iter_next(&it)) {
        buf_clear(&a);
        buf_clear(&b);
        if (json_string(it.key, &a, &name) < 0)
            continue;
        if (json_string(it.value, &b, &value) < 0)
            value = (str){ NULL, 0 };
        set_variable(w, name, value);
    }
    buf_free(&a);
    buf_free(&b);
}

/* The number a variable holds; -1: it holds none. */
static int64_t number_of(const struct words *w, const char *name)
{
    char **at = find_variable(w, str_of(name));
    uint64_t n;

    if (!at || str_to_u64(str_of(*at + strlen(name) + 1), INT32_MAX, &n) < 0)
        return -1;
    return (int64_t)n;
}

/* --- PORT --- */

static void set_port(const struct service *s, unsigned number, struct words *w)
{
    const struct spec *spec = &s->spec;
    bool atrium = spec_is_atrium(spec);
    bool cluster = strcmp(spec_text(spec, SPEC_KEY_exec_mode), "cluster") == 0;
    bool grows =
        strcmp(spec_text(spec, SPEC_KEY_increment_var), "PORT") == 0 || (atrium && !cluster);
    bool several = number > 0 || spec_number(spec, SPEC_KEY_instances) != 1;
    int64_t base = -1;

    if (spec_given(spec, SPEC_KEY_port))
        base = spec_number(spec, SPEC_KEY_port);
    else if (cluster && !json_get(spec_json(spec, SPEC_KEY_env), STR("PORT")).p)
        base = number_of(w, "PM2_PORT");
    if (base < 0)
        base = number_of(w, "PORT");
    if (base < 0 && atrium && grows && several)
        base = PORT_DEFAULT;
    if (base >= 0)
        set_number(w, "PORT", base && grows ? base + number : base);
}

char **service_environment(const struct service *s, unsigned number)
{
    const char *grows = spec_text(&s->spec, SPEC_KEY_increment_var);
    struct words w = { 0 };

    set_all(&w, str_of(s->shell));
    set_all(&w, spec_json(&s->spec, SPEC_KEY_env));
    if (*grows && strcmp(grows, "PORT") && number_of(&w, grows) >= 0)
        set_number(&w, grows, number_of(&w, grows) + number);
    set_port(s, number, &w);
    set_number(&w, spec_text(&s->spec, SPEC_KEY_instance_var), number);
    return w.list;
}

char **service_arguments(const struct service *s, unsigned number, const char **program)
{
    const struct spec *spec = &s->spec;
    const char *interpreter = spec_text(spec, SPEC_KEY_interpreter);
    struct words w = { 0 };
    char text[16];

    if (spec_is_atrium(spec)) {
        *program = proc_own_program();
        words_add(&w, STR("atrium"));
        words_add(&w, STR("worker"));
        words_add(&w, str_of(service_name(s)));
        words_add(&w, str_n(text, (size_t)snprintf(text, sizeof text, "%u", number)));
    } else if (strcmp(interpreter, "none") == 0) {
        *program = spec_text(spec, SPEC_KEY_script);
    } else {
        *program = interpreter;
        words_add(&w, str_of(interpreter));
        words_add_all(&w, spec_json(spec, SPEC_KEY_interpreter_args));
    }
    words_add(&w, str_of(spec_text(spec, SPEC_KEY_script)));
    words_add_all(&w, spec_json(spec, SPEC_KEY_args));
    return w.list;
}
