/* super/report.c - see report.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/report.h"

#include <stdio.h>

#include <stdlib.h>

#include "base/mem.h"
#include "super/fields.h"
#include "super/proc.h"
#include "super/service.h"
#include "super/supervisor.h"

static unsigned count_leaving(const struct instance *i)
{
    unsigned count = 0;

    for (struct list *at = i->service->processes.next; at != &i->service->processes;
         at = at->next) {
        const struct process *p = container_of(at, struct process, in_service);
        count += !p->instance && p->number == i->number;
    }
    return count;
}

/* What PM2 calls pm2_env. */
static void write_env(const struct instance *i, struct buf *out)
{
    const struct service *s = i->service;
    const struct spec *spec = &s->spec;
    bool cluster = !strcmp(spec_text(spec, SPEC_KEY_exec_mode), "cluster");
    char path[HOME_PATH_MAX + 16];

    buf_byte(out, '{');
    field_text(out, "name", service_name(s));
    field_text(out, "namespace", spec_text(spec, SPEC_KEY_namespace));
    field_text(out, "status", instance_state_name(i->state));
    field_text(out, "exec_mode", cluster ? "cluster_mode" : "fork_mode");
    field_number(out, "instances", service_count(s));
    field_number(out, spec_text(spec, SPEC_KEY_instance_var), i->number);
    field_number(out, "restart_time", (int64_t)i->restarts);
    field_number(out, "unstable_restarts", i->history.unstable);
    field_number(out, "created_at", i->created_wall_ms);
    field_number(out, "pm_uptime", i->now ? i->now->spawned_wall_ms : i->created_wall_ms);
    field_text(out, "pm_exec_path", spec_text(spec, SPEC_KEY_script));
    field_text(out, "pm_cwd", spec_text(spec, SPEC_KEY_cwd));
    field_text(out, "exec_interpreter", spec_text(spec, SPEC_KEY_interpreter));
    field_json(out, "args", spec_json(spec, SPEC_KEY_args));
    logs_path(s, i->number, false, path, sizeof path);
    field_text(out, "pm_out_log_path", path);
    logs_path(s, i->number, true, path, sizeof path);
    field_text(out, "pm_err_log_path", path);
    field_bool(out, "autorestart", spec_number(spec, SPEC_KEY_autorestart));
    field_json(out, "watch", spec_json(spec, SPEC_KEY_watch));
    if (i->exit_code >= 0)
        field_number(out, "exit_code", i->exit_code);
    buf_byte(out, '}');
}

/* What PM2 does not know. */
static void write_own(const struct instance *i, struct buf *out)
{
    const struct process *p = i->now;

    buf_byte(out, '{');
    field_number(out, "instance", i->number);
    field_number(out, "connections", p ? (int64_t)p->connections : 0);
    field_number(out, "lag_ms", p ? (int64_t)p->lag_ms : 0);
    field_number(out, "uptime_ms", p ? (int64_t)process_uptime_ms(p) : 0);
    field_number(out, "crashes", (int64_t)i->crashes);
    field_number(out, "hangs", (int64_t)i->hangs);
    field_number(out, "memory_restarts", (int64_t)i->memory_restarts);
    field_number(out, "unready", (int64_t)i->unready);
    field_number(out, "reloads", (int64_t)i->reloads);
    field_number(out, "watch_reloads", (int64_t)i->service->renewal.by_files);
    field_number(out, "timed_reloads", (int64_t)i->service->renewal.by_time);
    field_number(out, "leaving", count_leaving(i));
    field_number(out, "successor", i->next ? i->next->pid : 0);
    field_number(out, "exit_signal", i->exit_signal);
    field_text(out, "trouble", i->trouble);
    field_key(out, "keys");
    spec_write(&i->service->spec, out);
    buf_byte(out, '}');
}

/* The tick has it, but for a process that was started or adopted within this second. */
static uint64_t memory_of(const struct process *p)
{
    struct proc_facts f;

    if (!p)
        return 0;
    return p->rss_bytes || proc_read(p->pid, &f) < 0 ? p->rss_bytes : f.rss_bytes;
}

void report_instance(const struct instance *i, struct buf *out)
{
    const struct process *p = i->now;
    char cpu[32];

    buf_byte(out, '{');
    field_number(out, "pid", p ? p->pid : 0);
    field_text(out, "name", service_name(i->service));
    field_number(out, "pm_id", i->id);
    field_key(out, "monit");
    buf_byte(out, '{');
    field_number(out, "memory", (int64_t)memory_of(p));
    (void)snprintf(cpu, sizeof cpu, "%u.%u", p ? p->cpu_permille / 10 : 0,
                   p ? p->cpu_permille % 10 : 0);
    field_json(out, "cpu", str_of(cpu));
    buf_byte(out, '}');
    field_key(out, "pm2_env");
    write_env(i, out);
    field_key(out, "atrium");
    write_own(i, out);
    buf_byte(out, '}');
}

static int by_id(const void *a, const void *b)
{
    const struct instance *const *x = a, *const *y = b;

    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

void report_all(const struct supervisor *s, struct buf *out)
{
    const struct instance **all = NULL;
    size_t count = 0;

    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        const struct service *service = container_of(at, struct service, in_supervisor);
        for (struct list *in = service->instances.next; in != &service->instances; in = in->next) {
            all = mem_realloc(all, (count + 1) * sizeof *all);
            all[count++] = container_of(in, struct instance, in_service);
        }
    }
    if (count)
        qsort(all, count, sizeof *all, by_id);
    buf_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        field_comma(out);
        report_instance(all[i], out);
    }
    buf_byte(out, ']');
    mem_free(all);
}
