/* app/config_file.c - atrium.yaml: top-level keys are settings.
 *
 *     port: 3000
 *     pingInterval: 25000
 *     cors: { origin: "https://example.com" }
 *
 * The key apps is the supervisor's. The keys servers and bus belong to further listeners and buses;
 * a file that has them is refused rather than half obeyed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/sources.h"
#include "app/yaml_text.h"
#include "base/buf.h"
#include "proto/json.h"

struct config_file {
    struct yaml yaml;
    atr_app *app;
    struct buf seen; /* names of the settings so far, each followed by a zero */
};

static int check_name(struct config_file *f, const yaml_event_t *key, str name)
{
    static const char *const reserved[] = { "servers", "bus" };

    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (str_eq(name, str_of(reserved[i])))
            return err_why(f->yaml.why, ATR_EUNKNOWN,
                           "%s:%zu: \"%s\" is not supported by this version", f->yaml.path,
                           key->start_mark.line + 1, reserved[i]);
    for (size_t at = 0; at < f->seen.len;) {
        str seen = str_of((const char *)f->seen.data + at);
        if (str_eq(seen, name))
            return err_why(f->yaml.why, ATR_EEXISTS, "%s:%zu: \"%.*s\" stands twice", f->yaml.path,
                           key->start_mark.line + 1, STR_ARG(name));
        at += seen.n + 1;
    }
    buf_append(&f->seen, name.p, name.n);
    buf_byte(&f->seen, 0);
    return 0;
}

/* One "name: value" of the top level. */
static int read_setting(struct config_file *f, const yaml_event_t *key)
{
    str name = str_n(key->data.scalar.value, key->data.scalar.length);
    struct buf json = { 0 };
    yaml_event_t e;
    int err = check_name(f, key, name);

    if (err < 0 || (err = yaml_next(&f->yaml, &e)) < 0)
        return err;
    err = yaml_write(&f->yaml, &json, &e);
    yaml_event_delete(&e);
    if (err == 0 && !str_eq(name, STR("apps"))) {
        err = atr_app_set(f->app, (atr_str){ name.p, name.n },
                          (atr_str){ (const char *)json.data, json.len }, ATR_FILE, f->yaml.why);
        if (err < 0)
            err = err_wrap(f->yaml.why, err, "%s:%zu", f->yaml.path, key->start_mark.line + 1);
    }
    buf_free(&json);
    return err;
}

static int read_settings(struct config_file *f)
{
    yaml_event_t e;
    bool inside = false, done = false;
    int err = 0;

    while (err == 0 && !done) {
        if ((err = yaml_next(&f->yaml, &e)) < 0)
            break;
        if (e.type == YAML_STREAM_END_EVENT || (inside && e.type == YAML_MAPPING_END_EVENT))
            done = true;
        else if (!inside && e.type == YAML_MAPPING_START_EVENT)
            inside = true;
        else if (inside && e.type == YAML_SCALAR_EVENT)
            err = read_setting(f, &e);
        else if (inside)
            err = yaml_wrong(&f->yaml, &e.start_mark, ATR_ETYPE, "a key must be a plain name");
        else if (e.type == YAML_SEQUENCE_START_EVENT ||
                 (e.type == YAML_SCALAR_EVENT && e.data.scalar.length))
            err = yaml_wrong(&f->yaml, &e.start_mark, ATR_ETYPE,
                             "the file must be a mapping of settings");
        yaml_event_delete(&e);
    }
    return err;
}

int config_file_read(atr_app *app, const char *path, char *why)
{
    struct config_file f = { .app = app };
    int err;

    if (!path && access("atrium.yaml", F_OK) < 0 && errno == ENOENT)
        return 0;
    if ((err = yaml_open(&f.yaml, path ? path : "atrium.yaml", why)) < 0)
        return err;
    err = read_settings(&f);
    yaml_close(&f.yaml);
    buf_free(&f.seen);
    return err;
}
