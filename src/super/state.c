/* super/state.c - see state.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/state.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/proc.h"
#include "super/service.h"
#include "super/supervisor.h"

enum { VERSION = 1 };

static void write_services(struct supervisor *s, struct buf *out, bool running)
{
    field_key(out, "services");
    buf_byte(out, '[');
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        struct service *service = container_of(at, struct service, in_supervisor);
        if (!running && service->removing)
            continue;
        field_comma(out);
        service_write(service, out, running);
    }
    buf_byte(out, ']');
}

int state_save(struct supervisor *s, char *why)
{
    char path[HOME_PATH_MAX], boot[64];
    struct buf out = { 0 };
    int err;

    proc_boot_id(boot);
    buf_byte(&out, '{');
    field_number(&out, "v", VERSION);
    field_text(&out, "boot", boot);
    field_number(&out, "next_id", s->next_id);
    write_services(s, &out, true);
    field_key(&out, "logs");
    logs_write(&s->logs, &out);
    buf_byte(&out, '}');
    err = home_write(home_file(&s->home, "run/state.json", path), buf_str(&out));
    buf_free(&out);
    return err < 0 ? err_why(why, err, "cannot write %s: %s", path, err_text(err)) : 0;
}

/* Reads a file of ours: 1 when it is there and well formed, 0 when it is not there. */
static int load(const char *path, struct buf *text, char *why)
{
    int err = home_read(path, text);

    if (err == -ENOENT)
        return 0;
    if (err < 0)
        return err_why(why, err, "cannot read %s: %s", path, err_text(err));
    if (json_check(buf_str(text), JSON_DEPTH) < 0 || json_type_of(buf_str(text)) != JSON_OBJECT)
        return err_why(why, ATR_ESYNTAX, "%s is damaged", path);
    if (field_get_number(buf_str(text), "v", 0) != VERSION)
        return err_why(why, ATR_EUNKNOWN, "%s was written by another version of Atrium", path);
    return 1;
}

static bool of_this_boot(str state)
{
    char boot[64];

    proc_boot_id(boot);
    return field_is(state, "boot", boot);
}

bool state_exists(const struct home *h)
{
    char path[HOME_PATH_MAX], why[ATR_WHY_MAX];
    struct buf text = { 0 };
    bool there = load(home_file(h, "run/state.json", path), &text, why) > 0 &&
                 of_this_boot(buf_str(&text)) &&
                 json_count(json_get(buf_str(&text), STR("services")));

    buf_free(&text);
    return there;
}

void state_adopt(struct supervisor *s)
{
    char path[HOME_PATH_MAX], aside[HOME_PATH_MAX], why[ATR_WHY_MAX] = "";
    struct buf text = { 0 };
    struct json_iter it;
    int found = load(home_file(&s->home, "run/state.json", path), &text, why);

    if (found < 0) {
        (void)rename(path, home_file(&s->home, "run/state.damaged", aside));
        log_event(LOG_ERROR, "state-lost", "%s; kept as %s", why, aside);
    } else if (found && of_this_boot(buf_str(&text))) {
        s->next_id = (uint32_t)field_get_number(buf_str(&text), "next_id", 0);
        logs_adopt(&s->logs, json_get(buf_str(&text), STR("logs")));
        json_iter_init(&it, json_get(buf_str(&text), STR("services")));
        while (json_iter_next(&it))
            if (service_read(s, it.value, true, why) < 0)
                log_event(LOG_ERROR, "application-lost", "%s", why);
    }
    buf_free(&text);
}

int state_dump(struct supervisor *s, char *why)
{
    char path[HOME_PATH_MAX];
    struct buf out = { 0 };
    int err;

    buf_byte(&out, '{');
    field_number(&out, "v", VERSION);
    write_services(s, &out, false);
    buf_byte(&out, '}');
    err = home_write(home_file(&s->home, "dump.json", path), buf_str(&out));
    buf_free(&out);
    return err < 0 ? err_why(why, err, "cannot write %s: %s", path, err_text(err)) : 0;
}

static bool known(struct supervisor *s, str record)
{
    char *name = field_get_text(json_get(record, STR("spec")), "name");
    bool found = name && service_find(s, str_of(name));

    mem_free(name);
    return found;
}

int state_resurrect(struct supervisor *s, char *why)
{
    char path[HOME_PATH_MAX];
    struct buf text = { 0 };
    struct json_iter it;
    int err = load(home_file(&s->home, "dump.json", path), &text, why), count = 0;

    if (err == 0)
        err = err_why(why, -ENOENT, "nothing was saved: %s is not there (atrium save writes it)",
                      path);
    if (err > 0) {
        json_iter_init(&it, json_get(buf_str(&text), STR("services")));
        while (err > 0 && json_iter_next(&it)) {
            if (known(s, it.value))
                continue;
            if (service_read(s, it.value, false, why) < 0)
                err = ATR_ESYNTAX;
            else
                count++;
        }
    }
    buf_free(&text);
    return err < 0 ? err : count;
}
