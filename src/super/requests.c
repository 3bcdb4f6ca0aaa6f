/* super/requests.c - what commands ask of the supervisor: a table of requests.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/json.h"
#include "super/apps_file.h"
#include "super/call.h"
#include "super/fields.h"
#include "super/report.h"
#include "super/state.h"
#include "super/supervisor.h"

enum { INSTANCES_MAX = 1000 };

/* --- Starting --- */

static bool runs(const struct service *s)
{
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        const struct instance *i = container_of(at, struct instance, in_service);
        if (i->wanted || i->now)
            return true;
    }
    return false;
}

/* One application of a start request. `existing` says what becomes of one that runs already. */
static int start_app(struct supervisor *sup, str json, str request, struct targets *t, char *why)
{
    bool replaces = !field_is(request, "existing", "refuse");
    bool restarts = field_is(request, "existing", "restart"), ran;
    str shell = json_get(request, STR("shell"));
    struct service *s;
    struct spec spec;
    int err;

    spec_init(&spec);
    if ((err = spec_read(&spec, json, why)) < 0)
        goto done;
    s = service_find(sup, str_of(spec_text(&spec, SPEC_KEY_name)));
    ran = s && runs(s);
    if (ran && !replaces) {
        err = err_why(why, ATR_EEXISTS,
                      "%s runs already: use atrium reload or restart, or give this one another "
                      "--name",
                      service_name(s));
        goto done;
    }
    if (s)
        service_update(s, &spec, shell);
    else
        s = service_new(sup, &spec, shell);
    unsigned count = spec_instances(&spec, service_cpus());
    bool start = ran || spec_number(&spec, SPEC_KEY_autostart);
    if (service_count(s) > count)
        service_scale(s, count, start);
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        struct instance *i = container_of(at, struct instance, in_service);
        if (!i->removing && start)
            (restarts && i->now ? instance_restart : instance_reload)(i);
    }
    service_scale(s, count, start);
    targets_add_service(t, s);
    service_go_on(s);
done:
    spec_fini(&spec);
    return err;
}

static void ask_start(struct call *c, struct supervisor *s, str request)
{
    str apps = json_get(request, STR("apps"));
    struct targets t = { 0 };
    char why[ATR_WHY_MAX] = "";
    struct json_iter it;
    int err = 0;

    c->judges = c->reloads = true;
    if (apps.p) {
        json_iter_init(&it, apps);
        while (err == 0 && json_iter_next(&it))
            err = start_app(s, it.value, request, &t, why);
    } else if ((err = targets_find(&t, s, json_get(request, STR("targets")), why)) == 0) {
        for (size_t n = 0; n < t.count; n++)
            if (!t.list[n]->now || t.list[n]->state == INSTANCE_STOPPING)
                instance_start(t.list[n]);
    }
    if (err < 0)
        call_refuse(c, why);
    else
        call_wait(c, &t);
    targets_free(&t);
}

/* --- Requests about targets --- */

static void update_shells(const struct targets *t, str request)
{
    str shell = json_get(request, STR("shell"));

    for (size_t n = 0; shell.p && n < t->count; n++)
        service_update(t->list[n]->service, NULL, shell);
}

static void go_on(const struct targets *t)
{
    for (size_t n = 0; n < t->count; n++)
        service_reload_next(t->list[n]->service);
}

static void for_targets(struct call *c, struct supervisor *s, str request,
                        void (*act)(struct instance *i))
{
    char why[ATR_WHY_MAX] = "";
    struct targets t;

    if (targets_find(&t, s, json_get(request, STR("targets")), why) < 0) {
        call_refuse(c, why);
        return;
    }
    update_shells(&t, request);
    call_wait(c, &t); /* by id: some may be freed now */
    for (size_t n = 0; n < t.count; n++)
        act(t.list[n]);
    if (act == instance_reload)
        go_on(&t);
    targets_free(&t);
}

static void ask_stop(struct call *c, struct supervisor *s, str request)
{
    for_targets(c, s, request, instance_stop);
}

static void ask_restart(struct call *c, struct supervisor *s, str request)
{
    c->judges = true;
    for_targets(c, s, request, instance_restart);
}

static void ask_reload(struct call *c, struct supervisor *s, str request)
{
    c->judges = c->reloads = true;
    for_targets(c, s, request, instance_reload);
}

static void ask_reset(struct call *c, struct supervisor *s, str request)
{
    for_targets(c, s, request, instance_reset);
}

/* An application all of whose instances are meant goes with them. */
static void ask_delete(struct call *c, struct supervisor *s, str request)
{
    char why[ATR_WHY_MAX] = "";
    struct list *at, *after;
    struct targets t;

    if (targets_find(&t, s, json_get(request, STR("targets")), why) < 0) {
        call_refuse(c, why);
        return;
    }
    call_wait(c, &t);
    for (size_t n = 0; n < t.count; n++)
        instance_remove(t.list[n], HEIR_NOBODY);
    targets_free(&t);
    list_each(at, after, &s->services)
    {
        struct service *service = container_of(at, struct service, in_supervisor);
        if (service_count(service) == 0)
            service_remove(service);
    }
}

static int scale_to(const struct service *s, const char *text, unsigned *count, char *why)
{
    int64_t now = service_count(s), n;
    uint64_t digits;
    bool more = *text == '+', less = *text == '-';

    if (str_to_u64(str_of(text + (more || less)), INSTANCES_MAX, &digits) < 0 &&
        strcmp(text, "max") != 0)
        return err_why(why, ATR_ESYNTAX, "scale to what? N, +N, -N or max, not \"%s\"", text);
    if (strcmp(text, "max") == 0)
        n = service_cpus();
    else
        n = more ? now + (int64_t)digits : less ? now - (int64_t)digits : (int64_t)digits;
    if (n < 1 || n > INSTANCES_MAX)
        return err_why(why, ATR_ERANGE,
                       "%s cannot have %lld instances: 1 to %d (atrium stop or "
                       "delete ends it)",
                       service_name(s), (long long)n, INSTANCES_MAX);
    *count = (unsigned)n;
    return 0;
}

static void ask_scale(struct call *c, struct supervisor *s, str request)
{
    char *name = field_get_text(request, "name"), *to = field_get_text(request, "to");
    struct service *service = name ? service_find(s, str_of(name)) : NULL;
    char why[ATR_WHY_MAX] = "";
    struct targets t = { 0 };
    unsigned count = 0;

    c->judges = true;
    if (!service)
        (void)err_why(why, ATR_EUNKNOWN, "there is no application called \"%s\"", name ? name : "");
    if (!service || scale_to(service, to ? to : "", &count, why) < 0) {
        call_refuse(c, why);
    } else {
        char text[16];
        bool start = runs(service);

        targets_add_service(&t, service); /* those that leave too: it is done when they have left */
        spec_set_json(&service->spec, SPEC_KEY_instances,
                      str_n(text, (size_t)snprintf(text, sizeof text, "%u", count)));
        service_scale(service, count, start);
        struct targets all = t;
        targets_add_service(&all, service);
        call_wait(c, &all);
        t = all;
    }
    targets_free(&t);
    mem_free(name);
    mem_free(to);
}

static void ask_signal(struct call *c, struct supervisor *s, str request)
{
    int signal = (int)field_get_number(request, "signal", 0);
    char why[ATR_WHY_MAX] = "";
    struct targets t;

    if (targets_find(&t, s, json_get(request, STR("targets")), why) < 0) {
        call_refuse(c, why);
        return;
    }
    for (size_t n = 0; n < t.count; n++)
        if (t.list[n]->now && signal > 0)
            process_signal(t.list[n]->now, signal);
    call_answer(c, (str){ 0 });
    targets_free(&t);
}

static void ask_env(struct call *c, struct supervisor *s, str request)
{
    char why[ATR_WHY_MAX] = "";
    struct buf b = { 0 };
    struct targets t;

    if (targets_find(&t, s, json_get(request, STR("targets")), why) < 0) {
        call_refuse(c, why);
        return;
    }
    field_key(&b, "env");
    buf_byte(&b, '[');
    if (t.count) {
        char **words = service_environment(t.list[0]->service, t.list[0]->number);
        for (char **at = words; *at; at++) {
            field_comma(&b);
            json_write_string(&b, str_of(*at));
        }
        words_free(words);
    }
    buf_byte(&b, ']');
    call_answer(c, buf_str(&b));
    buf_free(&b);
    targets_free(&t);
}

static void ask_flush(struct call *c, struct supervisor *s, str request)
{
    char why[ATR_WHY_MAX] = "", path[HOME_PATH_MAX + 16];
    struct targets t;

    if (targets_find(&t, s, json_get(request, STR("targets")), why) < 0) {
        call_refuse(c, why);
        return;
    }
    for (size_t n = 0; n < t.count; n++)
        for (int error = 0; error < 2; error++) {
            logs_path(t.list[n]->service, t.list[n]->number, error, path, sizeof path);
            if (*path)
                logs_flush(&s->logs, path);
        }
    call_answer(c, (str){ 0 });
    targets_free(&t);
}

/* --- Requests about the supervisor --- */

static void ask_list(struct call *c, struct supervisor *s, str request)
{
    struct buf b = { 0 };

    (void)request;
    field_key(&b, "list");
    report_all(s, &b);
    call_answer(c, buf_str(&b));
    buf_free(&b);
}

static void ask_ping(struct call *c, struct supervisor *s, str request)
{
    struct buf b = { 0 };

    (void)request;
    field_number(&b, "pid", getpid());
    field_text(&b, "version", ATRIUM_VERSION);
    field_number(&b, "started", s->started_wall_ms);
    field_bool(&b, "foreground", s->foreground || s->service);
    field_number(&b, "adopted", (int64_t)s->adopted);
    field_number(&b, "loggers", (int64_t)s->logs.loggers);
    call_answer(c, buf_str(&b));
    buf_free(&b);
}

static void ask_reopen(struct call *c, struct supervisor *s, str request)
{
    (void)request;
    supervisor_reopen_logs(s);
    call_answer(c, (str){ 0 });
}

static void ask_save(struct call *c, struct supervisor *s, str request)
{
    char why[ATR_WHY_MAX] = "";

    (void)request;
    if (state_dump(s, why) < 0)
        call_refuse(c, why);
    else
        call_answer(c, (str){ 0 });
}

static void ask_resurrect(struct call *c, struct supervisor *s, str request)
{
    struct targets t = { 0 };
    char why[ATR_WHY_MAX] = "";

    (void)request;
    c->judges = true;
    if (state_resurrect(s, why) < 0) {
        call_refuse(c, why);
        return;
    }
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        struct service *service = container_of(at, struct service, in_supervisor);
        for (struct list *in = service->instances.next; in != &service->instances; in = in->next) {
            struct instance *i = container_of(in, struct instance, in_service);
            if (i->wanted)
                targets_add(&t, i);
        }
    }
    call_wait(c, &t);
    targets_free(&t);
}

static void ask_kill(struct call *c, struct supervisor *s, str request)
{
    (void)request;
    c->last = true;
    supervisor_end(s);
}

static const struct request {
    const char *name;
    void (*run)(struct call *c, struct supervisor *s, str request);
} requests[] = {
    { "ping", ask_ping },     { "list", ask_list },       { "start", ask_start },
    { "stop", ask_stop },     { "restart", ask_restart }, { "reload", ask_reload },
    { "delete", ask_delete }, { "scale", ask_scale },     { "reset", ask_reset },
    { "signal", ask_signal }, { "env", ask_env },         { "flush", ask_flush },
    { "reopen", ask_reopen }, { "save", ask_save },       { "resurrect", ask_resurrect },
    { "kill", ask_kill },
};

void request_run(struct call *c, struct supervisor *s, str request)
{
    if (s->ending && !field_is(request, "command", "kill")) {
        call_refuse(c, "the supervisor is ending");
        return;
    }
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        if (field_is(request, "command", requests[i].name)) {
            requests[i].run(c, s, request);
            return;
        }
    call_refuse(c, "the supervisor does not know this command: it may be of an older version");
}
